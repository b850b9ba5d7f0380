//! The columns of tables as the server has recorded them, with those whose indexes are being built.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use guildhall_core::store::Kind;
use guildhall_core::store::schema::{Schema, SeenColumn};

use crate::reply::{Items, Wrong, uint};

/// How keys are laid out; another format is another program's.
pub(crate) const FORMAT: &str = "1";

/// All tables, as they were read.
#[derive(Default)]
pub(crate) struct Seen {
    /// Counts the changes.
    pub(crate) stamp: String,
    tables: BTreeMap<String, Arc<Columns>>,
}

/// The columns of one table.
#[derive(Default)]
pub(crate) struct Columns {
    pub(crate) all: BTreeMap<u32, Recorded>,
    names: HashMap<Vec<u8>, (u32, Kind)>,
}

/// A column, and whether its index and its unique values are complete: writers keep both up from the moment in which they are begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Recorded {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) unique: Stage,
    pub(crate) index: Stage,
}

/// How far an index is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    None,
    /// Begun: kept up, and not complete.
    Building,
    Complete,
}

impl Stage {
    /// Whether writers have to keep it up.
    pub(crate) fn is_kept(self) -> bool {
        self != Self::None
    }

    fn letter(self) -> &'static str {
        match self {
            Self::None => "0",
            Self::Building => "b",
            Self::Complete => "1",
        }
    }

    fn read(letter: &str) -> Option<Self> {
        Some(match letter {
            "0" => Self::None,
            "b" => Self::Building,
            "1" => Self::Complete,
            _ => return None,
        })
    }
}

impl Recorded {
    /// As it is recorded on the server: kind, unique, index, name.
    pub(crate) fn text(&self) -> String {
        let (unique, index) = (self.unique.letter(), self.index.letter());
        format!("{:?} {unique} {index} {}", self.kind, self.name)
    }

    fn read(text: &str) -> Result<Self, Wrong> {
        let parts: Vec<&str> = text.splitn(4, ' ').collect();
        let read = || {
            let [kind, unique, index, name] = parts[..] else { return None };
            let kind = match kind {
                "Bool" => Kind::Bool,
                "Int" => Kind::Int,
                "Uint" => Kind::Uint,
                "Float" => Kind::Float,
                "Text" => Kind::Text,
                "Bytes" => Kind::Bytes,
                "Proto" => Kind::Proto,
                _ => return None,
            };
            let (unique, index) = (Stage::read(unique)?, Stage::read(index)?);
            Some(Self { name: name.to_owned(), kind, unique, index })
        };
        read().ok_or_else(|| {
            let text: String = text.chars().take(80).collect();
            format!("`{text}` is no column")
        })
    }
}

impl Columns {
    pub(crate) fn new(all: BTreeMap<u32, Recorded>) -> Self {
        let name = |(number, column): (&u32, &Recorded)| {
            (column.name.clone().into_bytes(), (*number, column.kind))
        };
        let names = all.iter().map(name).collect();
        Self { all, names }
    }

    pub(crate) fn by_name(&self, name: &[u8]) -> Option<(u32, Kind)> {
        self.names.get(name).copied()
    }

    /// What is complete of it.
    pub(crate) fn schema(&self) -> Schema {
        let seen = |column: &Recorded| SeenColumn {
            name: column.name.clone(),
            kind: column.kind,
            unique: column.unique == Stage::Complete,
            index: column.index == Stage::Complete,
        };
        Schema { columns: self.all.iter().map(|(number, it)| (*number, seen(it))).collect() }
    }

    /// Those that writers keep an index of.
    pub(crate) fn indexed(&self) -> impl Iterator<Item = (u32, &Recorded)> {
        self.all.iter().filter(|(_, column)| column.index.is_kept()).map(|(n, it)| (*n, it))
    }
}

impl Seen {
    /// The columns of a table; none if it was not prepared.
    pub(crate) fn columns(&self, table: &str) -> Arc<Columns> {
        self.tables.get(table).cloned().unwrap_or_default()
    }

    /// All tables, by name.
    pub(crate) fn tables(&self) -> impl Iterator<Item = (&str, &Columns)> {
        self.tables.iter().map(|(name, columns)| (name.as_str(), &**columns))
    }

    /// Reads the answer of `schema.lua`.
    pub(crate) fn read(mut items: Items) -> Result<Self, Wrong> {
        let (format, stamp) = (items.text()?, items.text()?);
        if !matches!(format.as_str(), "" | FORMAT) {
            let format: String = format.chars().take(20).collect();
            return Err(format!(
                "its keys are of format {format}, and this program knows {FORMAT}"
            ));
        }
        let mut tables = BTreeMap::new();
        while !items.is_empty() {
            let mut table = items.items()?;
            let (name, mut listed) = (table.text()?, table.items()?);
            let mut all = BTreeMap::new();
            while !listed.is_empty() {
                let number = uint(&listed.text()?)?;
                let number = u32::try_from(number).map_err(|_| format!("no column is {number}"))?;
                all.insert(number, Recorded::read(&listed.text()?)?);
            }
            tables.insert(name, Arc::new(Columns::new(all)));
        }
        Ok(Self { stamp, tables })
    }
}
