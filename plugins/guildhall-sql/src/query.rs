//! Reads: rows by key, pages of a query, tombstones. Each sees one snapshot.

use std::collections::BTreeMap;
use std::sync::Arc;

use guildhall_core::store::schema::{Schema, SeenColumn};
use guildhall_core::store::{
    Compare, Order, PAGE_ROWS_MAX, Page, Query, Row, RowId, StoreError, StoreErrorKind, Table,
    Tombstone,
};

use crate::fault::Fault;
use crate::row::{Parts, sub_text};
use crate::schema::Seen;
use crate::session::{Database, RowOf, Session as _};
use crate::space::Space;
use crate::statement::{Params, Statement};
use crate::work::at;
use crate::write::{ask_rows, read_rows};

/// A snapshot of one store.
pub(crate) struct Reading<'a, D: Database> {
    pub(crate) space: &'a Space<D>,
    pub(crate) session: &'a D::Session,
    pub(crate) seen: Arc<Seen>,
}

impl<D: Database> Reading<'_, D> {
    pub(crate) async fn read(&self, ids: &[RowId]) -> Result<Vec<Option<Row>>, Fault> {
        let mut tables = BTreeMap::<&'static str, Vec<&RowId>>::new();
        for id in ids {
            tables.entry(id.table.name).or_default().push(id);
        }
        let (mut asked, mut read) = (Vec::new(), Vec::new());
        for (table, ids) in &tables {
            let schema = self.seen.schema(table);
            if let Some(statement) = ask_rows(self.space, &schema, table, ids) {
                asked.push(statement);
                read.push((*table, schema));
            }
        }
        let mut found = BTreeMap::new();
        for (rows, (table, schema)) in self.snapshot(asked).await?.iter().zip(read) {
            found.extend(read_rows::<D>(rows, &schema, table)?);
        }
        Ok(ids.iter().map(|id| found.get(&at(id)).map(|kept| kept.row.clone())).collect())
    }

    pub(crate) async fn query(&self, query: &Query) -> Result<Page, Fault> {
        let span = query.span()?;
        let (table, schema) = (query.table.name, self.seen.schema(query.table.name));
        if span.is_empty() {
            return Ok(Page { rows: Vec::new(), next: None });
        }
        let only = query.keys_only.then(|| columns_of(query));
        let parts = Parts { schema: &schema, only: only.as_deref() };
        let asked = self.select(query, span.column, span.down, &parts)?;
        let answers = self.snapshot(vec![asked]).await?;
        let rows = answers.iter().flatten().map(|row| {
            let (key, _, kept) = parts.read(row).map_err(|why| Fault::damaged(table, why))?;
            Ok((key, kept.row))
        });
        query.page(rows)
    }

    /// One row more than the page has, so that it knows whether it is the last.
    fn select(
        &self,
        query: &Query,
        order: Option<u32>,
        down: bool,
        parts: &Parts<'_>,
    ) -> Result<Statement<D::Params>, Fault> {
        let (schema, mut params) = (parts.schema, D::Params::default());
        let comparable =
            |number| seen(query.table, schema, number).map(|column| D::comparable(number, column));
        let mut sql = format!(
            "SELECT {} FROM {}{} WHERE guildhall_exists = TRUE AND guildhall_sub = ''",
            parts.select::<D>(),
            self.space.table(query.table.name),
            D::walk(order)
        );
        for condition in &query.conditions {
            let compare = match condition.compare {
                Compare::Equal => "=",
                Compare::Less => "<",
                Compare::Greater => ">",
            };
            let column = comparable(condition.column)?;
            let value = params.value(&condition.value);
            sql.push_str(&format!(" AND {column} {compare} {value}"));
        }
        let by = order.filter(|_| query.order != Order::Key);
        let by = by.map(comparable).transpose()?;
        if let Some(after) = &query.after {
            let key = ("guildhall_key", params.text(after.key.as_str()));
            let place = match (&by, &after.value) {
                (Some(by), Some(value)) => vec![(by.as_str(), params.value(value)), key],
                _ => vec![key],
            };
            sql.push_str(&format!(" AND {}", D::is_beyond(&place, down)));
        }
        let direction = if down { "DESC" } else { "ASC" };
        let by = by.map(|by| format!("{by} {direction}, ")).unwrap_or_default();
        let limit = query.limit.min(PAGE_ROWS_MAX) + 1;
        sql.push_str(&format!(" ORDER BY {by}guildhall_key {direction} LIMIT {limit}"));
        Ok(Statement::new(sql, params))
    }

    pub(crate) async fn tombstones(
        &self,
        table: &'static Table,
        after: Option<&Tombstone>,
        limit: usize,
    ) -> Result<Vec<Tombstone>, Fault> {
        let schema = self.seen.schema(table.name);
        if schema.columns.is_empty() {
            return Ok(Vec::new());
        }
        let (parts, mut params) =
            (Parts { schema: &schema, only: Some(&[]) }, D::Params::default());
        let mut sql = format!(
            "SELECT {} FROM {}{} WHERE guildhall_exists = FALSE AND guildhall_over_ms <= {}",
            parts.select::<D>(),
            self.space.table(table.name),
            D::walk_over(),
            D::NOW_MS
        );
        if let Some(Tombstone { row, over_ms, .. }) = after {
            let place = [
                ("guildhall_over_ms", params.uint(*over_ms)),
                ("guildhall_key", params.text(row.key.as_str())),
                ("guildhall_sub", params.text(&sub_text(row.sub.as_ref()))),
            ];
            sql.push_str(&format!(" AND {}", D::is_beyond(&place, false)));
        }
        let limit = limit.min(PAGE_ROWS_MAX);
        sql.push_str(&format!(
            " ORDER BY guildhall_over_ms, guildhall_key, guildhall_sub LIMIT {limit}"
        ));
        let answers = self.snapshot(vec![Statement::new(sql, params)]).await?;
        let tombstones = answers.iter().flatten().map(|row| {
            let (key, sub, kept) =
                parts.read(row).map_err(|why| Fault::damaged(table.name, why))?;
            let (token, version) = (kept.row.token, kept.row.version);
            let row = RowId { table, key, sub };
            Ok(Tombstone { row, token, version, over_ms: kept.over_ms })
        });
        tombstones.collect()
    }

    /// Does all of `reads` in one round trip and one snapshot, with the columns as they are in it.
    pub(crate) async fn snapshot(
        &self,
        reads: Vec<Statement<D::Params>>,
    ) -> Result<Vec<Vec<RowOf<D>>>, Fault> {
        let begin = D::begin_reading(self.session.left());
        let mut asked: Vec<_> = begin.into_iter().map(Statement::plain).collect();
        let begun = asked.len();
        asked.push(self.space.stamp(""));
        let read = reads.len();
        asked.extend(reads);
        asked.push(Statement::plain("ROLLBACK"));
        let answers = self.session.ask(asked).await?;
        let mut answers = answers.into_iter().skip(begun).map(|answer| answer.rows);
        Space::<D>::check(&answers.next().unwrap_or_default(), &self.seen)?;
        Ok(answers.take(read).collect())
    }
}

/// The columns that a page needs to be made.
fn columns_of(query: &Query) -> Vec<u32> {
    let order = match query.order {
        Order::Key => None,
        Order::Up(number) | Order::Down(number) => Some(number),
    };
    query.conditions.iter().map(|condition| condition.column).chain(order).collect()
}

fn seen<'a>(table: &Table, schema: &'a Schema, number: u32) -> Result<&'a SeenColumn, StoreError> {
    schema.columns.get(&number).ok_or_else(|| {
        let message = format!("column {number} is not prepared; prepare the table first");
        StoreError::new(StoreErrorKind::Invalid, "query", table.name, message)
    })
}
