//! What `prepare` adds: columns and indexes.

use std::collections::BTreeMap;

use guildhall_core::Key;
use guildhall_core::store::schema::{self, Change};
use guildhall_core::store::{Migrate, StoreError, StoreErrorKind, Table};

use super::columns::{FORMAT, Recorded, Seen, Stage};
use super::space::{Ask, Space};
use crate::client::Again;
use crate::reply::Items;
use crate::script::Args;

/// Attempts while others prepare, too.
const ATTEMPTS_MAX: usize = 16;

pub(super) const ASK: Ask<'static> =
    Ask { operation: "prepare", subject: "the store", again: Again::Yes, writes: false };

/// Columns as they are to be recorded, by table and number; `None` goes.
type Record = BTreeMap<(&'static str, u32), Option<Recorded>>;

impl Space {
    /// Does what `tables` need, all or nothing.
    pub(crate) async fn prepare(
        &self,
        tables: &[&'static Table],
        migrate: Migrate,
    ) -> Result<(), StoreError> {
        tables.iter().try_for_each(|table| check_names(table))?;
        for _ in 0..ATTEMPTS_MAX {
            self.forget_seen();
            let seen = self.seen(ASK).await?;
            let plan = |table: &'static Table| Ok(seen.columns(table.name).schema());
            let changes = schema::plan(tables, migrate, plan)?;
            if changes.is_empty() {
                return Ok(());
            }
            changes.iter().try_for_each(refuse_names_of_others)?;
            if self.change(&seen, &changes).await? {
                return Ok(());
            }
        }
        let why = "other apps prepare tables all the time; try again later";
        Err(StoreError::new(StoreErrorKind::Unavailable, "prepare", "the store", why))
    }

    /// Whether it was done; it is not when others have changed columns meanwhile.
    async fn change(&self, seen: &Seen, changes: &[Change]) -> Result<bool, StoreError> {
        let built: Vec<&Change> = changes.iter().filter(|change| change.index).collect();
        if built.is_empty() {
            return self.record(&seen.stamp, &recorded(changes, seen, Stage::Complete), &[]).await;
        }
        // Writers keep the new indexes up from here on; they begin empty, whatever an attempt that was broken off has left.
        let begun = recorded(changes, seen, Stage::Building);
        let empty: Vec<String> = begun.iter().flat_map(|(at, it)| self.begins(at, it)).collect();
        if !self.record(&seen.stamp, &begun, &empty).await? {
            return Ok(false);
        }
        for change in &built {
            if let Err(error) = self.build(change).await {
                self.undo(changes, seen).await?;
                return Err(error);
            }
        }
        self.forget_seen();
        let now = self.seen(ASK).await?;
        self.record(&now.stamp, &recorded(changes, seen, Stage::Complete), &[]).await
    }

    /// The keys of an index that is begun with this column.
    fn begins(&self, (table, number): &(&'static str, u32), it: &Option<Recorded>) -> Vec<String> {
        let prefix = self.prefix();
        let key = |what: &str| format!("{prefix}:{what}:{table}:{number}");
        let Some(column) = it else { return Vec::new() };
        let index = Some(key("index")).filter(|_| column.index == Stage::Building);
        let unique = Some(key("unique")).filter(|_| column.unique != Stage::Complete);
        index.into_iter().chain(unique).collect()
    }

    /// Leaves the columns as they were.
    async fn undo(&self, changes: &[Change], before: &Seen) -> Result<(), StoreError> {
        for _ in 0..ATTEMPTS_MAX {
            self.forget_seen();
            let now = self.seen(ASK).await?;
            let mut record = recorded(changes, before, Stage::Complete);
            for ((table, number), column) in &mut record {
                *column = before.columns(table).all.get(number).cloned();
            }
            if self.record(&now.stamp, &record, &[]).await? {
                break;
            }
        }
        self.forget_seen();
        Ok(())
    }

    async fn record(
        &self,
        stamp: &str,
        record: &Record,
        empty: &[String],
    ) -> Result<bool, StoreError> {
        let mut args = Args::default();
        args.text(self.prefix()).text(stamp).text(FORMAT).count(record.len());
        for ((table, number), column) in record {
            args.text(table).uint((*number).into());
            args.text(&column.as_ref().map(Recorded::text).unwrap_or_default());
        }
        args.count(empty.len());
        for key in empty {
            args.text(key);
        }
        // Done twice it is refused, and then found to be done.
        let done = self.client.call(&self.scripts.migrate, &args, Again::Yes, true).await;
        let done = done.map_err(|fault| fault.in_store("prepare", "the store"))?;
        self.forget_seen();
        let came_to = Items::of(done).and_then(|mut items| items.text());
        Ok(came_to.map_err(|why| ASK.damaged(&why))? == "done")
    }
}

/// The columns of all changes; new indexes of rows that are there are at `stage`.
fn recorded(changes: &[Change], seen: &Seen, stage: Stage) -> Record {
    let mut record = Record::new();
    for change in changes {
        let before = seen.columns(change.table.name);
        for (number, column) in &change.schema.columns {
            let had = before.all.get(number);
            let at = |wanted: bool, had: Option<Stage>| match (wanted, had) {
                (false, _) => Stage::None,
                (true, Some(Stage::Complete)) => Stage::Complete,
                (true, _) if change.index => stage,
                (true, _) => Stage::Complete,
            };
            let to = Recorded {
                name: column.name.clone(),
                kind: column.kind,
                unique: at(column.unique, had.map(|had| had.unique)),
                index: at(column.index, had.map(|had| had.index)),
            };
            if had != Some(&to) {
                record.insert((change.table.name, *number), Some(to));
            }
        }
    }
    record
}

/// A column of a field that is gone keeps its name.
fn refuse_names_of_others(to: &Change) -> Result<(), StoreError> {
    let mut names = BTreeMap::new();
    for (number, column) in &to.schema.columns {
        if let Some(other) = names.insert(&column.name, number) {
            let message = format!(
                "columns {other} and {number} are both `{}` in the store; give the new field another name",
                column.name
            );
            return Err(StoreError::new(
                StoreErrorKind::Invalid,
                "prepare",
                to.table.name,
                message,
            ));
        }
    }
    Ok(())
}

/// Names that mean something else in keys.
fn check_names(table: &Table) -> Result<(), StoreError> {
    let wrong =
        |name: &&str| name.is_empty() || name.starts_with('@') || name.contains(['\0', '\n']);
    let columns = std::iter::once(&table.key).chain(table.columns);
    let column = columns.map(|column| column.name).find(wrong);
    let own = Some(table.name).filter(|name| wrong(name) || name.contains([':', ' ']));
    let Some(name) = own.or(column) else { return Ok(()) };
    let message = format!("`{}` cannot be a name in this store; give it another", Key::from(name));
    Err(StoreError::new(StoreErrorKind::Invalid, "prepare", table.name, message))
}
