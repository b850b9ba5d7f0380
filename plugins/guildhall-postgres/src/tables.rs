//! Tables: those that all entities share, and how the others are made.

use guildhall_core::store::Kind;
use guildhall_core::store::schema::{Change, Schema};
use guildhall_sql::{Dialect as _, FORMAT, Fault, Space};

use crate::dialect::{PostgreSql, lock_of};
use crate::session::Session;
use crate::sql::quoted;

/// What every entity's table has beside the entity's columns.
const HEAD: &str = "guildhall_key text COLLATE \"C\" NOT NULL, \
    guildhall_sub text COLLATE \"C\" NOT NULL, guildhall_lease text, guildhall_epoch numeric(20), \
    guildhall_app text, guildhall_incarnation numeric(20), guildhall_activation numeric(20), \
    guildhall_version numeric(20) NOT NULL, guildhall_exists boolean NOT NULL, \
    guildhall_over_ms numeric(20) NOT NULL, guildhall_records bytea NOT NULL, \
    PRIMARY KEY (guildhall_key, guildhall_sub)";

/// The SQL type of a column. Text compares by its bytes, as keys do everywhere.
fn type_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Bool => "boolean",
        Kind::Int => "bigint",
        Kind::Uint => "numeric(20)",
        Kind::Float => "double precision",
        Kind::Text => "text COLLATE \"C\"",
        Kind::Bytes | Kind::Proto => "bytea",
    }
}

pub(crate) async fn lay_out(session: &Session, space: &Space<PostgreSql>) -> Result<(), Fault> {
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
        lock = lock_of(space),
        schema = quoted(&space.0),
        meta = space.table("guildhall_meta"),
        columns = space.table("guildhall_columns"),
        floors = space.table("guildhall_floors"),
        removed = space.table("guildhall_removed"),
        probe = space.table("guildhall_probe"),
    );
    session.batch(&sql).await?;
    // Whether it is there already does not matter: the next attempt looks.
    session.batch("COMMIT").await
}

/// Has the lock of writers alone until the end of the transaction.
pub(crate) async fn begin_prepare(
    session: &Session,
    space: &Space<PostgreSql>,
) -> Result<(), Fault> {
    session.begin().await?;
    session.batch(&format!("SELECT pg_advisory_xact_lock({})", lock_of(space))).await
}

pub(crate) async fn alter(
    session: &Session,
    space: &Space<PostgreSql>,
    to: &Change,
    before: &Schema,
) -> Result<(), Fault> {
    let table = space.table(to.table.name);
    let mut sql = String::new();
    if before.columns.is_empty() {
        sql.push_str(&format!(
            "CREATE TABLE {table} ({HEAD}); \
             CREATE INDEX ON {table} (guildhall_key) WHERE guildhall_exists AND guildhall_sub = ''; \
             CREATE INDEX ON {table} (guildhall_over_ms, guildhall_key, guildhall_sub) \
             WHERE NOT guildhall_exists;"
        ));
    }
    for (number, column) in &to.schema.columns {
        let seen = before.columns.get(number);
        if seen.is_none() {
            let (name, of) = (quoted(&column.name), type_of(column.kind));
            sql.push_str(&format!("ALTER TABLE {table} ADD COLUMN {name} {of};"));
        }
        if column.index && !seen.is_some_and(|seen| seen.index) {
            let value = PostgreSql::comparable(*number, column);
            sql.push_str(&format!(
                "CREATE INDEX ON {table} (({value}), guildhall_key) WHERE guildhall_exists;"
            ));
        }
    }
    session.batch(&sql).await
}
