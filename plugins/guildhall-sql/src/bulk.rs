//! Whole rows of an SQL schema, for tools.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use guildhall_core::BoxFuture;
use guildhall_core::store::bulk::{self, BULK_ROWS_MAX, Bulk, Placed, Put, Remains};
use guildhall_core::store::schema::Schema;
use guildhall_core::store::{RowId, StoreError, Table};

use crate::fault::Fault;
use crate::query::Reading;
use crate::request::Requests;
use crate::row::{Parts, sub_text};
use crate::session::{Database, Session as _};
use crate::statement::{Params, Statement};
use crate::store::SqlStore;
use crate::work::Work;
use crate::write::{READS_MAX, Writing, beginning, read_floors, read_removed};

/// Floors and versions that one transaction raises.
const RAISES: usize = 256;

impl<D: Database> Bulk for SqlStore<D> {
    fn schemas(&self) -> BoxFuture<'_, Result<BTreeMap<String, Schema>, StoreError>> {
        let requests = Arc::clone(self.requests());
        Box::pin(self.ask("schemas", async move { requests.schemas().await }))
    }

    fn scan<'a>(
        &'a self,
        table: &'static Table,
        after: Option<&'a Placed>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Placed>, StoreError>> {
        let (requests, after) = (Arc::clone(self.requests()), after.cloned());
        Box::pin(self.ask("scan", async move {
            requests.scan(table, after.as_ref(), limit.min(BULK_ROWS_MAX)).await
        }))
    }

    fn put<'a>(
        &'a self,
        table: &'static Table,
        puts: &'a [Put],
    ) -> BoxFuture<'a, Result<usize, StoreError>> {
        let (requests, puts) = (Arc::clone(self.requests()), puts.to_vec());
        Box::pin(self.ask("put", async move { requests.put(table, &puts).await }))
    }

    fn remains(&self) -> BoxFuture<'_, Result<Remains, StoreError>> {
        let requests = Arc::clone(self.requests());
        Box::pin(self.ask("remains", async move { requests.remains().await }))
    }

    fn raise<'a>(&'a self, remains: &'a Remains) -> BoxFuture<'a, Result<(), StoreError>> {
        let (requests, remains) = (Arc::clone(self.requests()), remains.clone());
        Box::pin(self.ask("raise", async move { requests.raise(&remains).await }))
    }
}

impl<D: Database> Requests<D> {
    async fn schemas(&self) -> Result<BTreeMap<String, Schema>, StoreError> {
        let attempts = self.run("schemas", self.space.0.clone(), |session| {
            Box::pin(async move {
                let seen = self.space.open(&session).await?;
                let all = seen.tables.iter();
                Ok(all.map(|(name, schema)| (name.clone(), Schema::clone(schema))).collect())
            })
        });
        attempts.await
    }

    async fn scan(
        &self,
        table: &'static Table,
        after: Option<&Placed>,
        limit: usize,
    ) -> Result<Vec<Placed>, StoreError> {
        let attempts = self.run("scan", table.name.to_owned(), |session| {
            Box::pin(async move {
                let reading = self.reading(&session).await?;
                self.follow(reading.scan(table, after, limit).await)
            })
        });
        attempts.await
    }

    async fn put(&self, table: &'static Table, puts: &[Put]) -> Result<usize, StoreError> {
        if puts.is_empty() {
            return Ok(0);
        }
        let attempts = self.run("put", table.name.to_owned(), |session| {
            Box::pin(async move {
                let writing = self.writing(&session).await?;
                self.follow(writing.put(table, puts).await)
            })
        });
        attempts.await
    }

    async fn remains(&self) -> Result<Remains, StoreError> {
        let attempts = self.run("remains", self.space.0.clone(), |session| {
            Box::pin(async move { self.follow(self.reading(&session).await?.remains().await) })
        });
        attempts.await
    }

    async fn raise(&self, remains: &Remains) -> Result<(), StoreError> {
        let floors: Vec<_> = remains.floors.iter().collect();
        let removed: Vec<_> = remains.removed.iter().collect();
        let parts = floors.chunks(RAISES).map(|part| (part, &[][..]));
        let parts = parts.chain(removed.chunks(RAISES).map(|part| (&[][..], part)));
        for (floors, removed) in parts {
            let attempts = self.run("raise", self.space.0.clone(), |session| {
                Box::pin(async move {
                    self.seen(&session).await?;
                    let mut asked = beginning::<D>(&session);
                    asked
                        .extend(floors.iter().map(|(lease, it)| self.space.raise_floor(lease, it)));
                    asked.extend(
                        removed.iter().map(|(name, it)| self.space.raise_removed(name, **it)),
                    );
                    session.ask(asked).await?;
                    session.commit().await
                })
            });
            attempts.await?;
        }
        Ok(())
    }
}

impl<D: Database> Reading<'_, D> {
    /// In the order of keys and sub keys, rows that exist and tombstones.
    async fn scan(
        &self,
        table: &'static Table,
        after: Option<&Placed>,
        limit: usize,
    ) -> Result<Vec<Placed>, Fault> {
        let schema = self.seen.schema(table.name);
        if schema.columns.is_empty() {
            return Ok(Vec::new());
        }
        let (mut params, parts) = (D::Params::default(), Parts { schema: &schema, only: None });
        let mut sql =
            format!("SELECT {} FROM {}", parts.select::<D>(), self.space.table(table.name));
        if let Some(Placed { place: (key, sub), .. }) = after {
            let place = [
                ("guildhall_key", params.text(key.as_str())),
                ("guildhall_sub", params.text(&sub_text(sub.as_ref()))),
            ];
            sql.push_str(&format!(" WHERE {}", D::is_beyond(&place, false)));
        }
        sql.push_str(&format!(" ORDER BY guildhall_key, guildhall_sub LIMIT {limit}"));
        let answers = self.snapshot(vec![Statement::new(sql, params)]).await?;
        let rows = answers.iter().flatten().map(|row| {
            let read = parts.read(row).map_err(|why| Fault::damaged(table.name, why))?;
            let (key, sub, kept) = read;
            Ok(Placed { place: (key, sub), kept })
        });
        rows.collect()
    }

    async fn remains(&self) -> Result<Remains, Fault> {
        let ask = |columns: &str, table: &str| {
            let sql = format!("SELECT {columns} FROM {}", self.space.table(table));
            Statement::new(sql, D::Params::default())
        };
        let uint = D::UINT;
        let floors = format!("lease, epoch{uint}, app, incarnation{uint}");
        let asked = vec![
            ask(&floors, "guildhall_floors"),
            ask(&format!("table_name, version{uint}"), "guildhall_removed"),
        ];
        let answers = self.snapshot(asked).await?;
        let [floors, removed] = &answers[..] else {
            return Err(Fault::damaged("guildhall_floors", "an answer is missing".to_owned()));
        };
        Ok(Remains { floors: read_floors::<D>(floors)?, removed: read_removed::<D>(removed)? })
    }
}

impl<D: Database> Writing<'_, D> {
    /// Puts all rows, or none.
    async fn put(&self, table: &'static Table, puts: &[Put]) -> Result<usize, Fault> {
        let ids: Vec<RowId> = puts.iter().map(|put| put.id(table)).collect();
        let mut base = self.begin(ids.iter().collect(), BTreeSet::new()).await?;
        for _ in 0..READS_MAX {
            let mut work = Work::new(&base);
            let done = bulk::put(&mut work, table, puts);
            let unread = std::mem::take(&mut *work.unread.lock());
            if unread.is_empty() {
                let count = done?;
                self.finish(&base, &work).await?;
                return Ok(count);
            }
            drop(work);
            self.read_holders(&mut base, unread).await?;
        }
        Err(Fault::Conflict("holders of unique values change without end".to_owned()))
    }
}
