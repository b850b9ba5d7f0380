//! Reads: rows by key, pages of a query, tombstones. Each sees one snapshot.

use std::sync::Arc;

use futures_util::future::{join_all, join3};
use guildhall_core::store::schema::{Schema, SeenColumn};
use guildhall_core::store::{
    Compare, Order, PAGE_ROWS_MAX, Page, Query, Row, RowId, StoreError, StoreErrorKind, Table,
    Tombstone,
};

use crate::fault::Fault;
use crate::row::Parts;
use crate::schema::{Seen, Space};
use crate::session::Session;
use crate::sql::{Params, escaped, or_default, sub_text};
use crate::work::at;
use crate::write::read_rows;

/// A snapshot of one store.
pub(crate) struct Reading<'a> {
    pub(crate) space: &'a Space,
    pub(crate) session: &'a Session,
    pub(crate) seen: Arc<Seen>,
}

impl Reading<'_> {
    pub(crate) async fn read(&self, ids: &[RowId]) -> Result<Vec<Option<Row>>, Fault> {
        let mut tables = std::collections::BTreeMap::<&'static str, Vec<&RowId>>::new();
        for id in ids {
            tables.entry(id.table.name).or_default().push(id);
        }
        let reads = tables.iter().map(|(table, ids)| async {
            let schema = self.seen.schema(table);
            read_rows(self.space, self.session, &schema, table, ids).await
        });
        let mut found = std::collections::BTreeMap::new();
        for rows in self.snapshot(join_all(reads)).await? {
            found.extend(rows?);
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
        let (sql, params) = self.select(query, span.column, span.down, &parts)?;
        let rows = self.snapshot(self.session.rows(&sql, &params)).await??;
        let rows = rows.iter().map(|row| {
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
    ) -> Result<(String, Params), Fault> {
        let (schema, mut params) = (parts.schema, Params::default());
        let mut sql = format!(
            "SELECT {} FROM {} WHERE guildhall_exists AND guildhall_sub = ''",
            parts.select(),
            self.space.table(query.table.name)
        );
        for condition in &query.conditions {
            let compare = match condition.compare {
                Compare::Equal => "=",
                Compare::Less => "<",
                Compare::Greater => ">",
            };
            let column = or_default(seen(query.table, schema, condition.column)?);
            let value = params.value(&condition.value);
            sql.push_str(&format!(" AND {column} {compare} {value}"));
        }
        let by = order.filter(|_| query.order != Order::Key);
        let by = by.map(|number| seen(query.table, schema, number).map(or_default)).transpose()?;
        if let Some(after) = &query.after {
            let (beyond, key) = (if down { "<" } else { ">" }, escaped(after.key.as_str()));
            match (&by, &after.value) {
                (Some(by), Some(value)) => {
                    let (value, key) = (params.value(value), params.text(key));
                    sql.push_str(&format!(" AND ({by}, guildhall_key) {beyond} ({value}, {key})"));
                }
                _ => sql.push_str(&format!(" AND guildhall_key {beyond} {}", params.text(key))),
            }
        }
        let direction = if down { "DESC" } else { "ASC" };
        let by = by.map(|by| format!("{by} {direction}, ")).unwrap_or_default();
        let limit = query.limit.min(PAGE_ROWS_MAX) + 1;
        sql.push_str(&format!(" ORDER BY {by}guildhall_key {direction} LIMIT {limit}"));
        Ok((sql, params))
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
        let (parts, mut params) = (Parts { schema: &schema, only: Some(&[]) }, Params::default());
        let mut sql = format!(
            "SELECT {} FROM {} WHERE NOT guildhall_exists \
             AND guildhall_over_ms <= floor(extract(epoch FROM statement_timestamp()) * 1000)",
            parts.select(),
            self.space.table(table.name)
        );
        if let Some(Tombstone { row, over_ms, .. }) = after {
            let (over_ms, key) = (params.uint(*over_ms), params.text(escaped(row.key.as_str())));
            let sub = params.text(sub_text(row.sub.as_ref()));
            sql.push_str(&format!(
                " AND (guildhall_over_ms, guildhall_key, guildhall_sub) > ({over_ms}, {key}, {sub})"
            ));
        }
        let limit = limit.min(PAGE_ROWS_MAX);
        sql.push_str(&format!(
            " ORDER BY guildhall_over_ms, guildhall_key, guildhall_sub LIMIT {limit}"
        ));
        let rows = self.snapshot(self.session.rows(&sql, &params)).await??;
        let tombstones = rows.iter().map(|row| {
            let (key, sub, kept) =
                parts.read(row).map_err(|why| Fault::damaged(table.name, why))?;
            let (token, version) = (kept.row.token, kept.row.version);
            let row = RowId { table, key, sub };
            Ok(Tombstone { row, token, version, over_ms: kept.over_ms })
        });
        tombstones.collect()
    }

    /// Does all of `reads` in one round trip and one snapshot, with the columns as they are in it.
    async fn snapshot<F: Future>(&self, reads: F) -> Result<F::Output, Fault> {
        let (begun, checked, read) =
            join3(self.session.begin_reading(), self.space.check(self.session, &self.seen), reads)
                .await;
        begun?;
        checked?;
        self.session.end().await?;
        Ok(read)
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
