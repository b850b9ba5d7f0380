//! What `prepare` adds: tables, columns, indexes.

use guildhall_core::store::schema::{self, Change, Schema, SeenColumn};
use guildhall_core::store::{Migrate, StoreError, StoreErrorKind, Table};

use crate::fault::Fault;
use crate::row::{HEAD, HEAD_NAMES};
use crate::schema::{Space, one};
use crate::session::Session;
use crate::sql::{Params, default_of, or_default, quoted, type_of};

/// PostgreSQL cuts longer names off.
const NAME_MAX: usize = 63;
/// The tables that all entities share.
const SHARED: [&str; 5] = [
    "guildhall_meta",
    "guildhall_columns",
    "guildhall_floors",
    "guildhall_removed",
    "guildhall_probe",
];

impl Space {
    /// Does what `tables` need, all or nothing.
    pub(crate) async fn prepare(
        &self,
        session: &Session,
        tables: &[&'static Table],
        migrate: Migrate,
    ) -> Result<(), Fault> {
        tables.iter().try_for_each(|table| check_names(table))?;
        session.begin().await?;
        let sql = format!("SELECT pg_advisory_xact_lock({})", self.lock());
        session.rows(&sql, &Params::default()).await?;
        let seen = self.load(session).await?;
        let changes =
            schema::plan(tables, migrate, |table| Ok((*seen.schema(table.name)).clone()))?;
        if changes.is_empty() {
            return session.end().await;
        }
        for change in &changes {
            self.change(session, change, &seen.schema(change.table.name)).await?;
        }
        let sql = format!("UPDATE {} SET stamp = stamp + 1", self.table("guildhall_meta"));
        session.sql.batch_execute(&sql).await?;
        session.commit().await
    }

    async fn change(&self, session: &Session, to: &Change, before: &Schema) -> Result<(), Fault> {
        let (name, table) = (to.table.name, self.table(to.table.name));
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
                refuse_name_of_another(to, *number, &column.name)?;
                let (name, of) = (quoted(&column.name), type_of(column.kind));
                sql.push_str(&format!("ALTER TABLE {table} ADD COLUMN {name} {of};"));
            }
            if column.index && !seen.is_some_and(|seen| seen.index) {
                let value = or_default(column);
                sql.push_str(&format!(
                    "CREATE INDEX ON {table} (({value}), guildhall_key) WHERE guildhall_exists;"
                ));
            }
        }
        session.sql.batch_execute(&sql).await?;
        for number in to.schema.unique_since(before) {
            self.refuse_taken(session, to, number).await?;
        }
        for (number, column) in &to.schema.columns {
            if before.columns.get(number) != Some(column) {
                self.keep(session, name, *number, column).await?;
            }
        }
        Ok(())
    }

    /// Refuses a unique column of which two rows have one value.
    async fn refuse_taken(&self, session: &Session, to: &Change, number: u32) -> Result<(), Fault> {
        let Some(column) = to.schema.columns.get(&number) else { return Ok(()) };
        let (value, table) = (or_default(column), self.table(to.table.name));
        let default = default_of(column.kind);
        let sql = format!(
            "SELECT min(guildhall_key), max(guildhall_key) FROM {table} WHERE guildhall_exists \
             AND {value} <> {default} GROUP BY {value} HAVING count(*) > 1 LIMIT 1"
        );
        let rows = session.rows(&sql, &Params::default()).await?;
        if rows.is_empty() {
            return Ok(());
        }
        let (one, other): (String, String) = (one(&rows, 0, &table)?, self::one(&rows, 1, &table)?);
        let message = format!(
            "another row ({other}) has the same value in the unique column `{}`",
            column.name
        );
        let subject = format!("{}/{one}", to.table.name);
        Err(StoreError::new(StoreErrorKind::Exists, "prepare", subject, message).into())
    }

    async fn keep(
        &self,
        session: &Session,
        table: &str,
        number: u32,
        column: &SeenColumn,
    ) -> Result<(), Fault> {
        let mut params = Params::default();
        let values = [
            params.text(table.to_owned()),
            params.int(i64::from(number)),
            params.text(column.name.clone()),
            params.text(format!("{:?}", column.kind)),
            params.bool(column.unique),
            params.bool(column.index),
        ];
        let sql = format!(
            "INSERT INTO {} VALUES ({}) ON CONFLICT (table_name, number) DO UPDATE \
             SET is_unique = excluded.is_unique, is_indexed = excluded.is_indexed",
            self.table("guildhall_columns"),
            values.join(", ")
        );
        session.rows(&sql, &params).await.map(drop)
    }
}

/// A column of a field that is gone keeps its name.
fn refuse_name_of_another(to: &Change, number: u32, name: &str) -> Result<(), Fault> {
    let mut others = to.schema.columns.iter().filter(|(other, _)| **other != number);
    let Some((other, _)) = others.find(|(_, column)| column.name == name) else { return Ok(()) };
    let message = format!(
        "column {number} is `{name}`, as column {other} is in the store; give the new field another name"
    );
    Err(StoreError::new(StoreErrorKind::Invalid, "prepare", to.table.name, message).into())
}

/// Names that PostgreSQL would cut off, or that mean something else here.
fn check_names(table: &Table) -> Result<(), Fault> {
    let columns = std::iter::once(&table.key).chain(table.columns);
    let long = |name: &&str| name.len() > NAME_MAX || name.is_empty() || name.contains('\0');
    let mut wrong =
        columns.map(|it| it.name).filter(|name| long(name) || HEAD_NAMES.contains(name));
    let own = Some(table.name).filter(|name| long(name) || SHARED.contains(name));
    let Some(name) = own.or_else(|| wrong.next()) else { return Ok(()) };
    let message = format!(
        "`{name}` cannot be a name in this store: it has over {NAME_MAX} bytes, or the store uses it itself; give it another"
    );
    Err(StoreError::new(StoreErrorKind::Invalid, "prepare", table.name, message).into())
}
