//! Reads: rows by key, pages of a query, tombstones. Each script sees one moment.

use guildhall_core::Key;
use guildhall_core::store::ordered::ordered;
use guildhall_core::store::{
    Compare, Cursor, Order, PAGE_LOOKS_MAX, PAGE_ROWS_MAX, Page, Query, Row, RowId, StoreError,
    StoreErrorKind, Table, Tombstone,
};

use super::columns::Columns;
use super::row::{Head, place_of, read_place, read_row, value_of};
use super::space::{Ask, Space};
use crate::client::Again;
use crate::reply::{Items, Wrong};

/// Rows that one script looks at: a server does nothing else meanwhile.
const LOOKS_MAX: usize = 1000;

impl Space {
    pub(crate) async fn read(&self, rows: &[RowId]) -> Result<Vec<Option<Row>>, StoreError> {
        let Some(first) = rows.first() else { return Ok(Vec::new()) };
        let subject = first.to_string();
        let ask = Ask { operation: "read", subject: &subject, again: Again::Yes, writes: false };
        let asked = self.ask(&self.scripts.read, ask, |_, args| {
            args.count(rows.len());
            for row in rows {
                args.text(row.table.name).text(&place_of(row));
            }
            Ok(())
        });
        let (seen, _, mut items) = asked.await?;
        let row = |id: &RowId| {
            let kept = read_row(items.items()?, &seen.columns(id.table.name))?;
            Ok(kept.map(|kept| kept.row))
        };
        rows.iter().map(row).collect::<Result<_, Wrong>>().map_err(|why| ask.damaged(&why))
    }

    /// Asks script by script until the page is full, or has been looked at for long enough.
    pub(crate) async fn query(&self, query: &Query) -> Result<Page, StoreError> {
        let mut query = query.clone();
        query.limit = query.limit.min(PAGE_ROWS_MAX);
        let (limit, mut rows, mut looks) = (query.limit, Vec::new(), 0);
        loop {
            let part = self.part(&query).await?;
            rows.extend(part.rows);
            looks += LOOKS_MAX;
            if part.next.is_none() || rows.len() >= limit || looks >= PAGE_LOOKS_MAX {
                return Ok(Page { rows, next: part.next });
            }
            query.limit = limit - rows.len();
            query.after = part.next;
        }
    }

    async fn part(&self, query: &Query) -> Result<Page, StoreError> {
        let (span, table) = (query.span()?, query.table.name);
        if span.is_empty() {
            return Ok(Page { rows: Vec::new(), next: None });
        }
        let order = match query.order {
            Order::Key => None,
            Order::Up(number) | Order::Down(number) => Some(number),
        };
        let others = || query.conditions.iter().filter(|it| Some(it.column) != span.column);
        let ask = Ask { operation: "query", subject: table, again: Again::Yes, writes: false };
        let asked = self.ask(&self.scripts.query, ask, |seen, args| {
            let columns = seen.columns(table);
            let prefix = self.prefix();
            args.text(table);
            match span.column {
                None => args.bytes(format!("{prefix}:keys:{table}")),
                Some(number) => args.bytes(format!("{prefix}:index:{table}:{number}")),
            };
            let at = |sign: u8, (value, key): &(Vec<u8>, String)| match span.column {
                None => [&[sign], key.as_bytes()].concat(),
                Some(_) => [&[sign], &escaped(value)[..], b"\0\x01", key.as_bytes()].concat(),
            };
            let to = span.to.as_ref().map_or_else(|| b"+".to_vec(), |to| at(b'(', to));
            args.bytes(at(b'[', &span.from)).bytes(to).flag(span.down).flag(span.column.is_some());
            let looks = if others().next().is_none() { query.limit } else { LOOKS_MAX };
            args.count(looks).count(query.limit);
            let order = order.map(|number| name(&columns, query.table, number)).transpose()?;
            args.text(order.unwrap_or_default());
            args.count(others().count());
            for condition in others() {
                let compare = match condition.compare {
                    Compare::Equal => "=",
                    Compare::Less => "<",
                    Compare::Greater => ">",
                };
                args.bytes(format!("@i{}", condition.column)).text(compare);
                args.bytes(ordered(&condition.value));
            }
            args.flag(!query.keys_only);
            Ok(())
        });
        let (seen, _, items) = asked.await?;
        page(items, order, &seen.columns(table)).map_err(|why| ask.damaged(&why))
    }

    pub(crate) async fn tombstones(
        &self,
        table: &'static Table,
        after: Option<&Tombstone>,
        limit: usize,
    ) -> Result<Vec<Tombstone>, StoreError> {
        let ask =
            Ask { operation: "tombstones", subject: table.name, again: Again::Yes, writes: false };
        let asked = self.ask(&self.scripts.tombstones, ask, |_, args| {
            let after = after.map(|last| format!("{:020}{}", last.over_ms, place_of(&last.row)));
            args.text(table.name).text(&after.unwrap_or_default());
            args.count(limit.min(PAGE_ROWS_MAX));
            Ok(())
        });
        let (_, _, mut items) = asked.await?;
        let mut tombstones = Vec::new();
        while !items.is_empty() {
            let tombstone = items.items().and_then(|mut items| tombstone(&mut items, table));
            tombstones.push(tombstone.map_err(|why| ask.damaged(&why))?);
        }
        Ok(tombstones)
    }
}

/// What zeros in a value are in an index, so that its end is found.
fn escaped(value: &[u8]) -> Vec<u8> {
    let mut escaped = Vec::with_capacity(value.len());
    for byte in value {
        escaped.push(*byte);
        if *byte == 0 {
            escaped.push(0xff);
        }
    }
    escaped
}

fn name<'a>(columns: &'a Columns, table: &Table, number: u32) -> Result<&'a str, StoreError> {
    columns.all.get(&number).map(|column| column.name.as_str()).ok_or_else(|| {
        let message = format!("column {number} is not prepared; prepare the table first");
        StoreError::new(StoreErrorKind::Invalid, "query", table.name, message)
    })
}

fn page(mut items: Items, order: Option<u32>, columns: &Columns) -> Result<Page, Wrong> {
    let (more, last, mut value) = (items.text()?, items.text()?, items.items()?);
    let kind = order.and_then(|number| columns.all.get(&number)).map(|column| column.kind);
    let value = match kind {
        None => None,
        Some(kind) if value.is_empty() => Some(guildhall_core::store::ordered::default_of(kind)),
        Some(kind) => Some(value_of(kind, value.bytes()?)?),
    };
    let next = (more == "1").then(|| Cursor { value, key: Key::from(last) });
    let mut rows = Vec::new();
    while !items.is_empty() {
        let mut found = items.items()?;
        let key = Key::from(found.text()?);
        if let Some(kept) = read_row(found.items()?, columns)? {
            rows.push((key, kept.row));
        }
    }
    Ok(Page { rows, next })
}

fn tombstone(items: &mut Items, table: &'static Table) -> Result<Tombstone, Wrong> {
    let (key, sub) = read_place(&items.text()?)?;
    let kept = Head::listed(&mut items.items()?)?.ok_or("a tombstone that is not there")?;
    let row = RowId { table, key, sub };
    Ok(Tombstone { row, token: kept.row.token, version: kept.row.version, over_ms: kept.over_ms })
}
