//! The tables that all entities share, and the columns of each that were prepared.

use std::collections::BTreeMap;
use std::sync::Arc;

use guildhall_core::store::schema::{Schema, SeenColumn};
use guildhall_core::store::{Kind, StoreError, StoreErrorKind};

use crate::fault::Fault;
use crate::row::get;
use crate::session::Session;
use crate::sql::{Params, quoted};

/// How the tables are laid out.
const FORMAT: i64 = 1;

/// Tables and columns as they were read.
#[derive(Default)]
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

/// An SQL schema, which has the tables of one store.
#[derive(Clone)]
pub(crate) struct Space(pub(crate) String);

impl Space {
    /// A table's name in SQL.
    pub(crate) fn table(&self, name: &str) -> String {
        format!("{}.{}", quoted(&self.0), quoted(name))
    }

    /// The lock that writers share, and that `prepare` has alone.
    pub(crate) fn lock(&self) -> String {
        format!("hashtextextended('guildhall schema {}', 0)", self.0)
    }

    /// Makes the shared tables where they are missing.
    pub(crate) async fn lay_out(&self, session: &Session) -> Result<(), Fault> {
        let mut params = Params::default();
        let is_there = format!(
            "SELECT to_regclass({}) IS NOT NULL",
            params.text(self.table("guildhall_meta"))
        );
        let rows = session.rows(&is_there, &params).await?;
        let is_there: bool = one(&rows, 0, "guildhall_meta")?;
        if !is_there {
            session.begin().await?;
            let sql = format!(
                "SELECT pg_advisory_xact_lock({lock}); CREATE SCHEMA IF NOT EXISTS {schema}; \
                 CREATE TABLE IF NOT EXISTS {meta} (format bigint NOT NULL, stamp bigint NOT NULL); \
                 INSERT INTO {meta} SELECT {FORMAT}, 0 WHERE NOT EXISTS (SELECT FROM {meta}); \
                 CREATE TABLE IF NOT EXISTS {columns} (table_name text NOT NULL, number bigint NOT NULL, \
                 name text NOT NULL, kind text NOT NULL, is_unique boolean NOT NULL, is_indexed boolean NOT NULL, \
                 PRIMARY KEY (table_name, number)); \
                 CREATE TABLE IF NOT EXISTS {floors} (lease text PRIMARY KEY, epoch numeric(20) NOT NULL, \
                 app text NOT NULL, incarnation numeric(20) NOT NULL); \
                 CREATE TABLE IF NOT EXISTS {removed} (table_name text PRIMARY KEY, version numeric(20) NOT NULL); \
                 CREATE TABLE IF NOT EXISTS {probe} (id bigint PRIMARY KEY, bytes bytea NOT NULL)",
                lock = self.lock(),
                schema = quoted(&self.0),
                meta = self.table("guildhall_meta"),
                columns = self.table("guildhall_columns"),
                floors = self.table("guildhall_floors"),
                removed = self.table("guildhall_removed"),
                probe = self.table("guildhall_probe"),
            );
            session.sql.batch_execute(&sql).await?;
            // Whether it is there already does not matter: the next attempt looks.
            session.sql.batch_execute("COMMIT").await?;
        }
        let sql = format!("SELECT format FROM {}", self.table("guildhall_meta"));
        let rows = session.rows(&sql, &Params::default()).await?;
        let format: i64 = one(&rows, 0, "guildhall_meta")?;
        if format == FORMAT {
            return Ok(());
        }
        let message = format!(
            "its layout is {format}, this program knows {FORMAT}; use the release that wrote it, or another schema"
        );
        Err(StoreError::new(StoreErrorKind::Invalid, "open", &self.0, message).into())
    }

    /// Compares the stamp, for transactions that use columns that were read before.
    pub(crate) async fn check(&self, session: &Session, seen: &Seen) -> Result<(), Fault> {
        let sql = format!("SELECT stamp FROM {}", self.table("guildhall_meta"));
        let rows = session.rows(&sql, &Params::default()).await?;
        let stamp: i64 = one(&rows, 0, "guildhall_meta")?;
        if stamp == seen.stamp { Ok(()) } else { Err(Fault::Outdated) }
    }

    /// Keeps `prepare` away until the end of the transaction.
    pub(crate) async fn share(&self, session: &Session) -> Result<(), Fault> {
        let sql = format!("SELECT pg_advisory_xact_lock_shared({})", self.lock());
        session.rows(&sql, &Params::default()).await.map(drop)
    }

    /// Reads all columns, in the transaction of the caller or, without one, in no particular order with changes.
    pub(crate) async fn load(&self, session: &Session) -> Result<Seen, Fault> {
        // The stamp comes first: columns that are newer than it are read again.
        let sql = format!("SELECT stamp FROM {}", self.table("guildhall_meta"));
        let stamp = one(&session.rows(&sql, &Params::default()).await?, 0, "guildhall_meta")?;
        let sql = format!(
            "SELECT table_name, number, name, kind, is_unique, is_indexed FROM {}",
            self.table("guildhall_columns")
        );
        let mut tables = BTreeMap::<String, Schema>::new();
        for row in session.rows(&sql, &Params::default()).await? {
            let (table, number, column) =
                column(&row).map_err(|why| Fault::damaged("guildhall_columns", why))?;
            tables.entry(table).or_default().columns.insert(number, column);
        }
        let tables = tables.into_iter().map(|(name, schema)| (name, Arc::new(schema)));
        Ok(Seen { stamp, tables: tables.collect() })
    }
}

fn column(row: &tokio_postgres::Row) -> Result<(String, u32, SeenColumn), String> {
    const KINDS: [Kind; 7] =
        [Kind::Bool, Kind::Int, Kind::Uint, Kind::Float, Kind::Text, Kind::Bytes, Kind::Proto];
    let number = get::<i64>(row, 1)?;
    let number = u32::try_from(number).map_err(|_| format!("{number} is no column number"))?;
    let kind: &str = get(row, 3)?;
    let kind = KINDS.into_iter().find(|known| format!("{known:?}") == kind);
    let kind = kind.ok_or_else(|| format!("column {number} has a kind that is unknown here"))?;
    let (name, unique, index) = (get(row, 2)?, get(row, 4)?, get(row, 5)?);
    Ok((get(row, 0)?, number, SeenColumn { name, kind, unique, index }))
}

/// A field of the only row.
pub(crate) fn one<'a, T: tokio_postgres::types::FromSql<'a>>(
    rows: &'a [tokio_postgres::Row],
    at: usize,
    subject: &str,
) -> Result<T, Fault> {
    let [row] = rows else {
        return Err(Fault::damaged(subject, format!("{} rows instead of one", rows.len())));
    };
    get(row, at).map_err(|why| Fault::damaged(subject, why))
}
