//! Whole rows of a server, for tools.

use std::collections::BTreeMap;

use guildhall_core::BoxFuture;
use guildhall_core::store::bulk::{BULK_ROWS_MAX, Bulk, Placed, Put, Remains, check_columns};
use guildhall_core::store::index::column_taken;
use guildhall_core::store::ordered::{default_of, ordered};
use guildhall_core::store::rows::Kept;
use guildhall_core::store::schema::Schema;
use guildhall_core::store::{Floor, LeaseId, RowId, StoreError, StoreErrorKind, Table};

use super::RedisStore;
use super::columns::{Columns, Seen};
use super::row::{place_of, raw, read_place, read_row};
use super::space::{Ask, Space};
use crate::client::Again;
use crate::reply::{Items, Wrong, uint};
use crate::script::{Args, holder_of, holder_text};

/// Floors and versions that one script raises.
const RAISES: usize = 256;
/// Attempts at a page whose rows change meanwhile.
const ATTEMPTS_MAX: usize = 4;

impl Bulk for RedisStore {
    fn schemas(&self) -> BoxFuture<'_, Result<BTreeMap<String, Schema>, StoreError>> {
        Box::pin(async move {
            self.0.forget_seen();
            Ok(self.0.seen(ask("schemas", self.0.prefix())).await?.schemas())
        })
    }

    fn scan<'a>(
        &'a self,
        table: &'static Table,
        after: Option<&'a Placed>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Placed>, StoreError>> {
        Box::pin(self.0.scan(table, after, limit.min(BULK_ROWS_MAX)))
    }

    fn put<'a>(
        &'a self,
        table: &'static Table,
        puts: &'a [Put],
    ) -> BoxFuture<'a, Result<usize, StoreError>> {
        Box::pin(self.0.put_rows(table, puts))
    }

    fn remains(&self) -> BoxFuture<'_, Result<Remains, StoreError>> {
        Box::pin(self.0.remains())
    }

    fn raise<'a>(&'a self, remains: &'a Remains) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(self.0.raise(remains))
    }
}

fn ask<'a>(operation: &'static str, subject: &'a str) -> Ask<'a> {
    Ask { operation, subject, again: Again::Yes, writes: matches!(operation, "put" | "raise") }
}

/// The sets of a table, in the order in which a scan walks over them: rows by key, rows with sub keys, tombstones.
const SETS: [&str; 3] = ["k", "s", "g"];

/// The set of a row, and what it is called there.
fn member_of(table: &'static Table, row: &Placed) -> (usize, String) {
    let (key, sub) = row.place.clone();
    let place = place_of(&RowId { table, key, sub });
    match (row.kept.row.exists, &row.place.1) {
        (false, _) => (2, format!("{:020}{place}", row.kept.over_ms)),
        (true, Some(_)) => (1, place[1..].to_owned()),
        (true, None) => (0, place[1..].to_owned()),
    }
}

impl Space {
    /// Rows that exist by key, then those with sub keys, then tombstones.
    async fn scan(
        &self,
        table: &'static Table,
        after: Option<&Placed>,
        limit: usize,
    ) -> Result<Vec<Placed>, StoreError> {
        let (mut set, mut after) =
            after.map_or((0, String::new()), |after| member_of(table, after));
        let (mut page, ask) = (Vec::new(), ask("scan", table.name));
        while page.len() < limit && set < SETS.len() {
            let left = limit - page.len();
            let asked = self.ask(&self.scripts.scan, ask, |_, args| {
                args.text(table.name).text(SETS[set]).text(&after).count(left);
                Ok(())
            });
            let (seen, _, mut items) = asked.await?;
            let columns = seen.columns(table.name);
            while !items.is_empty() {
                let row = items.items().and_then(|row| placed(row, &columns));
                page.push(row.map_err(|why| ask.damaged(&why))?);
            }
            (set, after) = (set + 1, String::new());
        }
        Ok(page)
    }

    async fn put_rows(&self, table: &'static Table, puts: &[Put]) -> Result<usize, StoreError> {
        for _ in 0..ATTEMPTS_MAX {
            let new = self.new_of(table, puts).await?;
            if new.is_empty() || self.put_new(table, &new).await? {
                return Ok(new.len());
            }
        }
        let why = "its rows change meanwhile; stop the apps that use this store";
        Err(StoreError::new(StoreErrorKind::Unavailable, "put", table.name, why))
    }

    /// The puts that are not there yet, each with the version of the row that it replaces.
    async fn new_of<'a>(
        &self,
        table: &'static Table,
        puts: &'a [Put],
    ) -> Result<Vec<(&'a Put, String)>, StoreError> {
        let ask = ask("put", table.name);
        let asked = self.ask(&self.scripts.read, Ask { writes: false, ..ask }, |_, args| {
            args.count(puts.len());
            for put in puts {
                args.text(table.name).text(&place_of(&put.id(table)));
            }
            Ok(())
        });
        let (seen, _, mut items) = asked.await?;
        let (columns, mut new) = (seen.columns(table.name), Vec::new());
        let schema = columns.schema();
        for put in puts {
            check_columns(table, &schema, put)?;
            let now = items.items().and_then(|items| read_row(items, &columns));
            let now = now.map_err(|why| ask.damaged(&why))?;
            if put.is_new(table, now.as_ref())? {
                let version = now.map_or_else(String::new, |now| now.row.version.to_string());
                new.push((put, version));
            }
        }
        Ok(new)
    }

    /// Whether the rows were put; they are not when some have changed meanwhile.
    async fn put_new(
        &self,
        table: &'static Table,
        new: &[(&Put, String)],
    ) -> Result<bool, StoreError> {
        let ask = ask("put", table.name);
        let asked = self.ask(&self.scripts.put, ask, |seen, args| {
            args.flag(self.client.settings.replicas > 0);
            let columns = seen.columns(table.name);
            args.text(table.name).count(columns.indexed().count());
            for (number, column) in columns.indexed() {
                args.uint(number.into()).flag(column.unique.is_kept());
                args.bytes(ordered(&default_of(column.kind)));
            }
            args.count(new.len());
            for (put, version) in new {
                push_put(args, table, &columns, put, version);
            }
            Ok(())
        });
        let (seen, came_to, mut items) = asked.await?;
        if came_to == "done" {
            return Ok(true);
        }
        // After a lost answer the rows are there, which the next attempt finds.
        if came_to == "changed" {
            return Ok(false);
        }
        let mut taken = || -> Result<StoreError, Wrong> {
            let which = usize::try_from(items.uint()?).unwrap_or(usize::MAX);
            let number = u32::try_from(items.uint()?).unwrap_or_default();
            let (other, _) = read_place(&items.text()?)?;
            let (put, _) = new.get(which).ok_or("an answer about nothing that was asked")?;
            let columns = seen.columns(table.name);
            let name = columns.all.get(&number).map_or("?", |column| &column.name);
            Ok(column_taken(table.name, name, &put.place.0, &other))
        };
        Err(taken().unwrap_or_else(|why| ask.damaged(&why)))
    }

    async fn remains(&self) -> Result<Remains, StoreError> {
        let ask = ask("remains", self.prefix());
        let mut args = Args::default();
        args.text(self.prefix());
        let answer = self.client.call(&self.scripts.remains, &args, Again::Yes, false).await;
        let answer = answer.map_err(|fault| fault.in_store(ask.operation, ask.subject))?;
        let read = || -> Result<Remains, Wrong> {
            let mut items = Items::of(answer)?;
            let (mut floors, mut removed, mut remains) =
                (items.items()?, items.items()?, Remains::default());
            while !floors.is_empty() {
                let (lease, text) = (floors.text()?, floors.text()?);
                let (epoch, holder) = text.split_once(' ').ok_or("a floor that is none")?;
                let floor = Floor { epoch: uint(epoch)?, holder: holder_of(holder)? };
                remains.floors.insert(LeaseId::from(lease), floor);
            }
            while !removed.is_empty() {
                remains.removed.insert(removed.text()?, removed.uint()?);
            }
            Ok(remains)
        };
        read().map_err(|why| ask.damaged(&why))
    }

    async fn raise(&self, remains: &Remains) -> Result<(), StoreError> {
        let floors: Vec<_> = remains.floors.iter().collect();
        let removed: Vec<_> = remains.removed.iter().collect();
        let parts = floors.chunks(RAISES).map(|part| (part, &[][..]));
        for (floors, removed) in parts.chain(removed.chunks(RAISES).map(|part| (&[][..], part))) {
            let mut args = Args::default();
            args.text(self.prefix()).count(floors.len());
            for (lease, floor) in floors {
                args.text(lease).uint(floor.epoch).bytes(holder_text(&floor.holder));
            }
            args.count(removed.len());
            for (table, version) in removed {
                args.text(table).uint(**version);
            }
            let done = self.client.call(&self.scripts.raise, &args, Again::Yes, true).await;
            done.map_err(|fault| fault.in_store("raise", self.prefix()))?;
        }
        Ok(())
    }
}

fn placed(mut items: Items, columns: &Columns) -> Result<Placed, Wrong> {
    let place = read_place(&items.text()?)?;
    let kept = read_row(items.items()?, columns)?.ok_or("a row that is not there")?;
    Ok(Placed { place, kept })
}

/// The hash that a row becomes.
fn push_put(args: &mut Args, table: &'static Table, columns: &Columns, put: &Put, version: &str) {
    let Kept { row, over_ms } = &put.kept;
    args.text(&place_of(&put.id(table))).text(version).flag(row.exists).uint(*over_ms);
    let mut hash: Vec<(&str, Vec<u8>)> = vec![
        ("@version", row.version.to_string().into_bytes()),
        ("@exists", u8::from(row.exists).to_string().into_bytes()),
    ];
    if let Some(token) = &row.token {
        hash.extend([
            ("@lease", token.lease.as_bytes().to_vec()),
            ("@epoch", token.epoch.to_string().into_bytes()),
            ("@app", token.holder.app.to_string().into_bytes()),
            ("@incarnation", token.holder.incarnation.0.to_string().into_bytes()),
            ("@activation", token.activation.to_string().into_bytes()),
        ]);
    }
    if !row.exists {
        hash.push(("@over_ms", over_ms.to_string().into_bytes()));
    }
    if !row.records.is_empty() {
        hash.push(("@records", row.records.to_vec()));
    }
    let fields = || row.fields.iter().filter_map(|(n, it)| Some((n, columns.all.get(n)?, it)));
    hash.extend(fields().map(|(_, column, value)| (column.name.as_str(), raw(value))));
    args.count(hash.len() * 2);
    for (name, value) in hash {
        args.text(name).bytes(value);
    }
    let indexed = || fields().filter(|(_, column, _)| column.index.is_kept());
    args.count(indexed().count());
    for (number, _, value) in indexed() {
        args.uint((*number).into()).bytes(ordered(value));
    }
}

impl Seen {
    /// What is complete of all tables.
    fn schemas(&self) -> BTreeMap<String, Schema> {
        self.tables().map(|(name, columns)| (name.to_owned(), columns.schema())).collect()
    }
}
