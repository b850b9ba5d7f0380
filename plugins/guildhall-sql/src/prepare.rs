//! What `prepare` adds: tables, columns, indexes, unique values.

use guildhall_core::store::schema::{self, Change, SeenColumn};
use guildhall_core::store::{Migrate, StoreError, StoreErrorKind, Table};

use crate::fault::Fault;
use crate::row::HEAD_NAMES;
use crate::schema::{SHARED, Seen};
use crate::session::{Database, Session as _};
use crate::space::Space;
use crate::statement::{Fields, Params, Statement, some};

impl<D: Database> Space<D> {
    /// Does what `tables` need. What is remembered of the tables changes at once, or not at all.
    pub(crate) async fn prepare(
        &self,
        session: &D::Session,
        tables: &[&'static Table],
        migrate: Migrate,
    ) -> Result<(), Fault> {
        tables.iter().try_for_each(|table| check_names::<D>(table))?;
        D::begin_prepare(session, self).await?;
        let done = self.prepare_alone(session, tables, migrate).await;
        if done.is_err() {
            session.end().await?;
        }
        D::prepared(session, self).await?;
        done
    }

    async fn prepare_alone(
        &self,
        session: &D::Session,
        tables: &[&'static Table],
        migrate: Migrate,
    ) -> Result<(), Fault> {
        let seen = self.load(session).await?;
        let changes =
            schema::plan(tables, migrate, |table| Ok((*seen.schema(table.name)).clone()))?;
        if changes.is_empty() {
            return session.end().await;
        }
        for change in &changes {
            refuse_names_of_others::<D>(change, &seen)?;
            D::alter(session, self, change, &seen.schema(change.table.name)).await?;
        }
        D::end_alter(session, self).await?;
        for change in &changes {
            let before = seen.schema(change.table.name);
            for number in change.schema.unique_since(&before) {
                self.refuse_taken(session, change, number).await?;
            }
            let changed = change.schema.columns.iter();
            let changed =
                changed.filter(|(number, column)| before.columns.get(number) != Some(column));
            let kept =
                changed.map(|(number, column)| self.keep(change.table.name, *number, column));
            session.ask(kept.collect()).await?;
        }
        let sql = format!("UPDATE {} SET stamp = stamp + 1", self.table("guildhall_meta"));
        session.plain(&sql).await?;
        session.commit().await
    }

    /// Refuses a unique column of which two rows have one value.
    async fn refuse_taken(
        &self,
        session: &D::Session,
        to: &Change,
        number: u32,
    ) -> Result<(), Fault> {
        let Some(column) = to.schema.columns.get(&number) else { return Ok(()) };
        let (value, table) = (D::comparable(number, column), self.table(to.table.name));
        let default = D::default_of(column.kind);
        let sql = format!(
            "SELECT min(guildhall_key), max(guildhall_key) FROM {table} WHERE guildhall_exists = TRUE \
             AND {value} <> {default} GROUP BY {value} HAVING count(*) > 1 LIMIT 1"
        );
        let rows = session.rows(&sql, D::Params::default()).await?;
        let Some(row) = rows.first() else { return Ok(()) };
        let key = |at| some(row.text(at), at).map_err(|why| Fault::damaged(&table, why));
        let (one, other) = (key(0)?, key(1)?);
        let message = format!(
            "another row ({other}) has the same value in the unique column `{}`",
            column.name
        );
        let subject = format!("{}/{one}", to.table.name);
        Err(StoreError::new(StoreErrorKind::Exists, "prepare", subject, message).into())
    }

    fn keep(&self, table: &str, number: u32, column: &SeenColumn) -> Statement<D::Params> {
        let mut params = D::Params::default();
        let (unique, index) = ("is_unique", "is_indexed");
        let values = [
            ("table_name", params.text(table)),
            ("number", params.int(i64::from(number))),
            ("name", params.text(&column.name)),
            ("kind", params.text(&format!("{:?}", column.kind))),
            (unique, params.bool(column.unique)),
            (index, params.bool(column.index)),
        ];
        let sets = [(unique, D::inserted(unique)), (index, D::inserted(index))];
        let table = self.table("guildhall_columns");
        Statement::new(D::upsert(&table, "table_name, number", &values, &sets), params)
    }
}

/// Whether two names are one for the server.
fn same<D: Database>(one: &str, other: &str) -> bool {
    if D::FOLDS_CASE { one.eq_ignore_ascii_case(other) } else { one == other }
}

/// A column of a field that is gone keeps its name; and where letters have no case for the server, no two names may differ in it alone.
fn refuse_names_of_others<D: Database>(to: &Change, seen: &Seen) -> Result<(), Fault> {
    let refused = |message: String| {
        Err(StoreError::new(StoreErrorKind::Invalid, "prepare", to.table.name, message).into())
    };
    let mut tables = seen.tables.keys().filter(|other| **other != to.table.name);
    if let Some(other) = tables.find(|other| same::<D>(other, to.table.name)) {
        return refused(format!(
            "its name is that of the table `{other}` to this server; give one another name"
        ));
    }
    for (number, column) in &to.schema.columns {
        let mut others = to.schema.columns.iter().filter(|(other, _)| *other < number);
        if let Some((other, _)) = others.find(|(_, other)| same::<D>(&other.name, &column.name)) {
            return refused(format!(
                "column {number} is `{}`, as column {other} is in the store; give the new field another name",
                column.name
            ));
        }
    }
    Ok(())
}

/// Names that the server would cut off, or that mean something else here.
fn check_names<D: Database>(table: &Table) -> Result<(), Fault> {
    let columns = std::iter::once(&table.key).chain(table.columns);
    let most = D::NAME_MAX;
    let long = |name: &&str| name.len() > most || name.is_empty() || name.contains('\0');
    let is_head =
        |name: &str| D::is_taken(name) || HEAD_NAMES.iter().any(|head| same::<D>(head, name));
    let is_shared =
        |name: &str| SHARED.iter().chain(D::SHARED_TOO).any(|shared| same::<D>(shared, name));
    let mut wrong = columns.map(|it| it.name).filter(|name| long(name) || is_head(name));
    let own = Some(table.name).filter(|name| long(name) || is_shared(name));
    let Some(name) = own.or_else(|| wrong.next()) else { return Ok(()) };
    let message = format!(
        "`{name}` cannot be a name in this store: it has over {most} bytes, or the store uses it itself; give it another"
    );
    Err(StoreError::new(StoreErrorKind::Invalid, "prepare", table.name, message).into())
}
