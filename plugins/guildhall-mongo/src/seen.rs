//! [`Seen`]: the columns that were prepared, all in one document, which changes at once or not at all.

use std::collections::BTreeMap;
use std::sync::Arc;

use guildhall_core::store::Kind;
use guildhall_core::store::schema::{Change, Schema, SeenColumn};
use mongodb::Database;
use mongodb::bson::{Document, doc};

use crate::fault::Fault;
use crate::values::{int, text};

/// The document of all columns, in the collection of that name.
pub(crate) const META: &str = "guildhall_meta";
/// The collection with a document for each lease and table of which rows were removed.
pub(crate) const GROUND: &str = "guildhall_ground";
/// The collection that probes write to.
pub(crate) const PROBE: &str = "guildhall_probe";
/// Collections that are no tables.
pub(crate) const SHARED: [&str; 3] = [META, GROUND, PROBE];
const KINDS: [Kind; 7] =
    [Kind::Bool, Kind::Int, Kind::Uint, Kind::Float, Kind::Text, Kind::Bytes, Kind::Proto];

/// The columns of a table.
#[derive(Clone, Debug, Default)]
pub(crate) struct Columns {
    pub(crate) schema: Arc<Schema>,
    /// Counts the changes of its indexes. A document with a smaller one lacks comparable values.
    pub(crate) stamp: i64,
}

/// Tables and columns as they were read.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Counts the changes.
    pub(crate) stamp: i64,
    tables: BTreeMap<String, Columns>,
}

impl Seen {
    /// The columns of a table; none if it was not prepared.
    pub(crate) fn columns(&self, table: &str) -> Columns {
        self.tables.get(table).cloned().unwrap_or_default()
    }

    /// The columns of all tables.
    pub(crate) fn schemas(&self) -> BTreeMap<String, Schema> {
        let schemas = self.tables.iter();
        schemas.map(|(name, columns)| (name.clone(), (*columns.schema).clone())).collect()
    }

    /// Whether nothing was ever prepared.
    pub(crate) fn is_empty(&self) -> bool {
        self.stamp == 0
    }

    /// Reads the columns.
    pub(crate) async fn load(database: &Database) -> Result<Arc<Self>, Fault> {
        let meta = database.collection::<Document>(META).find_one(doc! { "_id": "columns" }).await;
        let Some(meta) = meta.map_err(|error| Fault::of_read(&error))? else {
            return Ok(Arc::default());
        };
        let seen = Self::read(&meta).map_err(|why| Fault::damaged(META, why))?;
        Ok(Arc::new(seen))
    }

    fn read(meta: &Document) -> Result<Self, String> {
        let mut tables = BTreeMap::new();
        for table in documents(meta, "tables")? {
            let mut schema = Schema::default();
            for column in documents(table, "columns")? {
                let (number, column) = read_column(column)?;
                schema.columns.insert(number, column);
            }
            let (schema, stamp) = (Arc::new(schema), int(table, "stamp")?);
            tables.insert(text(table, "name")?, Columns { schema, stamp });
        }
        Ok(Self { stamp: int(meta, "stamp")?, tables })
    }

    /// What is seen after changes.
    pub(crate) fn after(&self, changes: &[Change]) -> Self {
        let mut tables = self.tables.clone();
        for change in changes {
            let columns = tables.entry(change.table.name.to_owned()).or_default();
            columns.schema = Arc::new(change.schema.clone());
            columns.stamp += i64::from(change.index);
        }
        Self { stamp: self.stamp + 1, tables }
    }

    /// As it is kept.
    pub(crate) fn document(&self) -> Document {
        let tables = self.tables.iter().map(|(name, Columns { schema, stamp })| {
            let columns = schema.columns.iter().map(|(number, column)| {
                doc! {
                    "number": i64::from(*number), "name": &column.name, "kind": format!("{:?}", column.kind),
                    "unique": column.unique, "index": column.index,
                }
            });
            doc! { "name": name, "stamp": *stamp, "columns": columns.collect::<Vec<_>>() }
        });
        doc! { "_id": "columns", "stamp": self.stamp, "tables": tables.collect::<Vec<_>>() }
    }
}

fn documents<'a>(of: &'a Document, name: &str) -> Result<Vec<&'a Document>, String> {
    let array = of.get_array(name).map_err(|error| format!("{name}: {error}"))?;
    let documents = array.iter().map(|it| it.as_document());
    documents.collect::<Option<_>>().ok_or_else(|| format!("{name} has what is no document"))
}

fn read_column(column: &Document) -> Result<(u32, SeenColumn), String> {
    let number = int(column, "number")?;
    let number = u32::try_from(number).map_err(|_| format!("{number} is no number of a column"))?;
    let kind = text(column, "kind")?;
    let kind = KINDS.into_iter().find(|known| format!("{known:?}") == kind);
    let kind = kind.ok_or_else(|| format!("column {number} has an unknown kind"))?;
    let flag = |name| column.get_bool(name).map_err(|error| format!("{name}: {error}"));
    let (name, unique, index) = (text(column, "name")?, flag("unique")?, flag("index")?);
    Ok((number, SeenColumn { name, kind, unique, index }))
}
