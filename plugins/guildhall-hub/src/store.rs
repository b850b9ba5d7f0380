//! The [`Store`] seam over a hub.

mod prepared;

use futures_util::future::join_all;
use guildhall_core::status::reason;
use guildhall_core::store::{
    Batch, BatchReach, Capabilities, Committed, Migrate, Page, Query, Row, RowId, Store,
    StoreError, StoreErrorKind, Table, Token, Tombstone,
};
use guildhall_core::{BoxFuture, Effect, Status};
use prost::Message as _;

use crate::convert::{self, store_failure};
use crate::link::{HubLink, told};
use crate::proto::{
    self, ClaimReq, CommitReq, PrepareReq, QueryReq, ReadReq, RowsRsp, StoreClient, StoreFailure,
    TombstonesReq,
};
use prepared::{Answer, Prepared};

/// Bytes of batches that travel in one request; a larger batch travels alone.
const REQUEST_BYTES: usize = 1 << 20;

/// Rows in the file of the hub.
#[derive(Debug)]
pub struct HubStore {
    link: HubLink,
    prepared: Prepared,
}

impl HubStore {
    pub(crate) fn new(link: HubLink) -> Self {
        Self { link, prepared: Prepared::default() }
    }

    fn hub(&self) -> StoreClient<'_> {
        StoreClient::new(self.link.cx()).at(self.link.id())
    }

    /// Asks, and once more when the hub has begun anew meanwhile and does not know the tables.
    async fn ask<A: Answer, F>(&self, question: impl Fn() -> F) -> Result<A, Status>
    where
        F: Future<Output = Result<A, Status>>,
    {
        let answer = question().await?;
        if !answer.is_unprepared() {
            return Ok(answer);
        }
        let again = self.hub().prepare(self.prepared.request()).await?;
        if let Some(failure) = again.failure {
            let error = store_failure("prepare", failure);
            tracing::error!(%error, "the restarted hub refuses the tables");
        }
        question().await
    }

    fn ids(&self, rows: &[RowId]) -> Vec<proto::RowId> {
        rows.iter().map(|id| convert::row_id(id, self.prepared.fingerprint(id.table))).collect()
    }

    /// What one request came to, for each of its batches.
    async fn commit_some(&self, batches: Vec<proto::Batch>) -> Vec<Result<Committed, StoreError>> {
        let count = batches.len();
        let req = CommitReq { batches };
        match self.ask(|| self.hub().commit(req.clone())).await {
            Ok(answer) if answer.batches.len() == count => {
                let results = answer.batches.into_iter().map(|batch| match batch.failure {
                    None => Ok(Committed { versions: batch.versions }),
                    Some(failure) => Err(store_failure("commit", failure)),
                });
                results.collect()
            }
            Ok(_) => vec![Err(garbled("commit")); count],
            Err(status) => vec![Err(failed("commit", &status)); count],
        }
    }
}

impl Store for HubStore {
    fn capabilities(&self) -> Capabilities {
        Capabilities { batch: BatchReach::Any, unique: true, order: true, durable: true }
    }

    fn prepare<'a>(
        &'a self,
        tables: &'a [&'static Table],
        migrate: Migrate,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            let tables: Vec<_> = tables.iter().map(|t| (*t, convert::table(t))).collect();
            let req = PrepareReq {
                tables: tables.iter().map(|(_, of)| of.clone()).collect(),
                check: migrate == Migrate::Check,
            };
            let answer = self.hub().prepare(req).await;
            let answer = answer.map_err(|status| failed("prepare", &status))?;
            refused("prepare", answer.failure)?;
            self.prepared.add(tables, migrate);
            Ok(())
        })
    }

    fn claim<'a>(
        &'a self,
        rows: &'a [RowId],
        by: Token,
    ) -> BoxFuture<'a, Result<Vec<Row>, StoreError>> {
        Box::pin(async move {
            let req = ClaimReq { rows: self.ids(rows), by: Some(convert::token(&by)) };
            let answer = self.ask(|| self.hub().claim(req.clone())).await;
            let claimed = read_rows("claim", rows.len(), answer)?;
            claimed.into_iter().collect::<Option<_>>().ok_or_else(|| garbled("claim"))
        })
    }

    fn read<'a>(
        &'a self,
        rows: &'a [RowId],
    ) -> BoxFuture<'a, Result<Vec<Option<Row>>, StoreError>> {
        Box::pin(async move {
            let req = ReadReq { rows: self.ids(rows) };
            let answer = self.ask(|| self.hub().read(req.clone())).await;
            read_rows("read", rows.len(), answer).map_err(only_read)
        })
    }

    fn commit<'a>(
        &'a self,
        batches: Vec<Batch>,
    ) -> BoxFuture<'a, Vec<Result<Committed, StoreError>>> {
        Box::pin(async move {
            let (mut requests, mut bytes) = (Vec::<Vec<proto::Batch>>::new(), 0);
            for batch in &batches {
                let batch = convert::batch(batch, |table| self.prepared.fingerprint(table));
                let size = batch.encoded_len();
                bytes += size;
                match requests.last_mut() {
                    Some(last) if bytes <= REQUEST_BYTES => last.push(batch),
                    _ => {
                        requests.push(vec![batch]);
                        bytes = size;
                    }
                }
            }
            join_all(requests.into_iter().map(|some| self.commit_some(some))).await.concat()
        })
    }

    fn query<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Result<Page, StoreError>> {
        Box::pin(async move {
            let req = QueryReq {
                table: self.prepared.fingerprint(query.table),
                conditions: query.conditions.iter().map(convert::condition).collect(),
                order: convert::order(query.order),
                after: query.after.as_ref().map(convert::cursor),
                limit: u64::try_from(query.limit).unwrap_or(u64::MAX),
                keys_only: query.keys_only,
            };
            let answer = self.ask(|| self.hub().query(req.clone())).await;
            let answer = answer.map_err(|status| only_read(failed("query", &status)))?;
            refused("query", answer.failure)?;
            let rows = answer.rows.into_iter();
            let rows = rows.map(|of| Some((of.key.into(), convert::from_row(of.row?)?)));
            let rows = rows.collect::<Option<_>>().ok_or_else(|| only_read(garbled("query")))?;
            let next = answer
                .next
                .map(|at| convert::from_cursor(at).ok_or_else(|| only_read(garbled("query"))));
            Ok(Page { rows, next: next.transpose()? })
        })
    }

    fn tombstones<'a>(
        &'a self,
        table: &'static Table,
        after: Option<&'a Tombstone>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Tombstone>, StoreError>> {
        Box::pin(async move {
            let req = TombstonesReq {
                table: self.prepared.fingerprint(table),
                after: after.map(convert::tombstone),
                limit: u64::try_from(limit).unwrap_or(u64::MAX),
            };
            let answer = self.ask(|| self.hub().tombstones(req.clone())).await;
            let answer = answer.map_err(|status| only_read(failed("tombstones", &status)))?;
            refused("tombstones", answer.failure)?;
            let page = answer.tombstones.into_iter();
            let page = page.map(|of| convert::from_tombstone(of, table)).collect::<Option<_>>();
            page.ok_or_else(|| only_read(garbled("tombstones")))
        })
    }

    fn probe(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            let answer = self.hub().probe(()).await;
            let answer = answer.map_err(|status| only_read(failed("probe", &status)))?;
            refused("probe", answer.failure)
        })
    }
}

fn read_rows(
    operation: &'static str,
    count: usize,
    answer: Result<RowsRsp, Status>,
) -> Result<Vec<Option<Row>>, StoreError> {
    let answer = answer.map_err(|status| failed(operation, &status))?;
    refused(operation, answer.failure)?;
    if answer.rows.len() != count {
        return Err(garbled(operation));
    }
    let row = |maybe: proto::MaybeRow| match maybe.row {
        Some(row) => convert::from_row(row).map(Some).ok_or_else(|| garbled(operation)),
        None => Ok(None),
    };
    answer.rows.into_iter().map(row).collect()
}

fn refused(operation: &'static str, failure: Option<StoreFailure>) -> Result<(), StoreError> {
    failure.map_or(Ok(()), |failure| Err(store_failure(operation, failure)))
}

/// A call that failed: whether something was written is what its effect says.
fn failed(operation: &'static str, status: &Status) -> StoreError {
    let kind = match (status.effect(), status.reason()) {
        (Effect::NotRun, reason::TOO_LARGE) => StoreErrorKind::Invalid,
        (Effect::NotRun, _) => StoreErrorKind::Unavailable,
        _ => StoreErrorKind::Unknown,
    };
    StoreError::new(kind, operation, "rows", told(status))
}

/// A read that failed has written nothing.
fn only_read(error: StoreError) -> StoreError {
    match error.kind {
        StoreErrorKind::Unknown => StoreError { kind: StoreErrorKind::Unavailable, ..error },
        _ => error,
    }
}

fn garbled(operation: &'static str) -> StoreError {
    let why = "the hub's answer does not decode; use a hub of the same version";
    StoreError::new(StoreErrorKind::Unknown, operation, "rows", why)
}
