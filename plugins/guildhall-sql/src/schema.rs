//! The tables that all entities share, and the columns of each that were prepared.

use std::collections::BTreeMap;
use std::sync::Arc;

use guildhall_core::store::schema::{Schema, SeenColumn};
use guildhall_core::store::{Kind, StoreError, StoreErrorKind};

use crate::fault::Fault;
use crate::session::{Database, RowOf, Session as _};
use crate::space::Space;
use crate::statement::{Fields, Params, Statement, some};

/// How the tables are laid out: what [`Database::lay_out`] writes into `guildhall_meta`.
pub const FORMAT: i64 = 1;

/// The tables that all entities share, and their columns:
///
/// - `guildhall_meta`: `format` and `stamp`, signed, in one row; the stamp counts the changes of columns;
/// - `guildhall_columns`: `table_name`, `number`, `name`, `kind`, `is_unique`, `is_indexed`;
/// - `guildhall_floors`: `lease`, `epoch`, `app`, `incarnation`;
/// - `guildhall_removed`: `table_name`, `version`;
/// - `guildhall_probe`: `id`, `bytes`.
pub const SHARED: [&str; 5] = [
    "guildhall_meta",
    "guildhall_columns",
    "guildhall_floors",
    "guildhall_removed",
    "guildhall_probe",
];

/// Tables and columns as they were read.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Counts the changes.
    pub(crate) stamp: i64,
    pub(crate) tables: BTreeMap<String, Arc<Schema>>,
}

impl Seen {
    /// The columns of a table; none if it was not prepared.
    pub(crate) fn schema(&self, table: &str) -> Arc<Schema> {
        self.tables.get(table).cloned().unwrap_or_default()
    }
}

impl<D: Database> Space<D> {
    /// Makes the shared tables where they are missing, and reads all columns.
    pub(crate) async fn open(&self, session: &D::Session) -> Result<Seen, Fault> {
        if !self.is_laid_out(session).await? {
            D::lay_out(session, self).await?;
        }
        let sql = format!("SELECT format FROM {}", self.table("guildhall_meta"));
        let rows = session.rows(&sql, D::Params::default()).await?;
        let format = one(&rows, "guildhall_meta", |row| row.int(0))?;
        if format == FORMAT {
            return self.load(session).await;
        }
        let message = format!(
            "its layout is {format}, this program knows {FORMAT}; use the release that wrote it, or another schema"
        );
        Err(StoreError::new(StoreErrorKind::Invalid, "open", &self.0, message).into())
    }

    async fn is_laid_out(&self, session: &D::Session) -> Result<bool, Fault> {
        let mut params = D::Params::default();
        let sql = format!(
            "SELECT 1 FROM information_schema.tables WHERE table_schema = {} AND table_name = {}",
            params.text(&self.0),
            params.text("guildhall_meta")
        );
        if session.rows(&sql, params).await?.is_empty() {
            return Ok(false);
        }
        let sql = format!("SELECT format FROM {}", self.table("guildhall_meta"));
        Ok(!session.rows(&sql, D::Params::default()).await?.is_empty())
    }

    /// Asks for the stamp.
    pub(crate) fn stamp(&self, lock: &str) -> Statement<D::Params> {
        let sql = format!("SELECT stamp FROM {}{lock}", self.table("guildhall_meta"));
        Statement::new(sql, D::Params::default())
    }

    /// Compares the answer to [`Space::stamp`], for transactions that use columns that were read before.
    pub(crate) fn check(rows: &[RowOf<D>], seen: &Seen) -> Result<(), Fault> {
        let stamp = one(rows, "guildhall_meta", |row| row.int(0))?;
        if stamp == seen.stamp { Ok(()) } else { Err(Fault::Outdated) }
    }

    /// Reads all columns, in the transaction of the caller or, without one, in no particular order with changes.
    pub(crate) async fn load(&self, session: &D::Session) -> Result<Seen, Fault> {
        let sql = format!(
            "SELECT table_name, number, name, kind, is_unique, is_indexed FROM {}",
            self.table("guildhall_columns")
        );
        // The stamp comes first: columns that are newer than it are read again.
        let asked = vec![self.stamp(""), Statement::new(sql, D::Params::default())];
        let mut answers = session.ask(asked).await?.into_iter();
        let mut rows = || answers.next().map(|answer| answer.rows).unwrap_or_default();
        let stamp = one(&rows(), "guildhall_meta", |row| row.int(0))?;
        let mut tables = BTreeMap::<String, Schema>::new();
        for row in rows() {
            let (table, number, column) =
                column(&row).map_err(|why| Fault::damaged("guildhall_columns", why))?;
            tables.entry(table).or_default().columns.insert(number, column);
        }
        let tables = tables.into_iter().map(|(name, schema)| (name, Arc::new(schema)));
        Ok(Seen { stamp, tables: tables.collect() })
    }
}

fn column(row: &impl Fields) -> Result<(String, u32, SeenColumn), String> {
    const KINDS: [Kind; 7] =
        [Kind::Bool, Kind::Int, Kind::Uint, Kind::Float, Kind::Text, Kind::Bytes, Kind::Proto];
    let number = some(row.int(1), 1)?;
    let number = u32::try_from(number).map_err(|_| format!("{number} is no column number"))?;
    let kind = some(row.text(3), 3)?;
    let kind = KINDS.into_iter().find(|known| format!("{known:?}") == kind);
    let kind = kind.ok_or_else(|| format!("column {number} has a kind that is unknown here"))?;
    let (name, unique, index) =
        (some(row.text(2), 2)?, some(row.bool(4), 4)?, some(row.bool(5), 5)?);
    Ok((some(row.text(0), 0)?, number, SeenColumn { name, kind, unique, index }))
}

/// A field of the only row.
pub(crate) fn one<R, T>(
    rows: &[R],
    subject: &str,
    field: impl Fn(&R) -> Result<Option<T>, String>,
) -> Result<T, Fault> {
    let [row] = rows else {
        return Err(Fault::damaged(subject, format!("{} rows instead of one", rows.len())));
    };
    some(field(row), 0).map_err(|why| Fault::damaged(subject, why))
}
