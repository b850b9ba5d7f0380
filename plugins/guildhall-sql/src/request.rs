//! [`Requests`]: what the store is asked, as attempts on connections, with the columns that were read before.

use std::sync::Arc;
use std::time::Duration;

use guildhall_core::BoxFuture;
use guildhall_core::store::{
    Batch, Migrate, Page, Query, Row, RowId, StoreError, StoreErrorKind, Table, Token, Tombstone,
};
use parking_lot::Mutex;

use crate::commits::{Commits, Outcome, Working};
use crate::fault::Fault;
use crate::query::Reading;
use crate::schema::Seen;
use crate::session::{Database, Session as _};
use crate::space::Space;
use crate::write::{Writing, beginning};

/// How long `prepare` may take: it may have to build indexes.
const PREPARE: Duration = Duration::from_secs(600);
/// What a probe writes.
const PROBE_BYTES: usize = 16 << 10;

/// The requests to one SQL schema.
pub(crate) struct Requests<D: Database> {
    pub(crate) client: Arc<D::Client>,
    pub(crate) space: Space<D>,
    /// The columns as they were read last; nothing before the first request.
    seen: Mutex<Option<Arc<Seen>>>,
    pub(crate) commits: Commits,
}

impl<D: Database> Requests<D> {
    pub(crate) fn new(client: Arc<D::Client>) -> Self {
        let space = Space::new(D::schema(&client));
        Self { client, space, seen: Mutex::default(), commits: Commits::default() }
    }

    pub(crate) async fn prepare(
        &self,
        tables: &[&'static Table],
        migrate: Migrate,
    ) -> Result<(), StoreError> {
        let attempts = D::run(&self.client, PREPARE, |session| {
            Box::pin(async move {
                self.seen(&session).await?;
                let done = self.space.prepare(&session, tables, migrate).await;
                self.seen.lock().take();
                done
            })
        });
        attempts.await.map_err(|fault| fault.error("prepare", &self.space.0))
    }

    pub(crate) async fn claim(&self, rows: &[RowId], by: &Token) -> Result<Vec<Row>, StoreError> {
        let attempts = self.run("claim", self.subject(rows.first()), |session| {
            Box::pin(
                async move { self.follow(self.writing(&session).await?.claim(rows, by).await) },
            )
        });
        attempts.await
    }

    /// Commits the batches in one transaction. Where the server takes some value of them not, they are committed one by one.
    pub(crate) async fn commit(&self, batches: &[Batch], left: Duration) -> Vec<Outcome> {
        match self.commit_group(batches, left).await {
            Ok(outcomes) => outcomes,
            Err(error) if error.kind == StoreErrorKind::Invalid && batches.len() > 1 => {
                let mut outcomes = Vec::with_capacity(batches.len());
                for batch in batches.chunks(1) {
                    let alone = self.commit_group(batch, left).await;
                    outcomes.extend(alone.unwrap_or_else(|error| vec![Err(error)]));
                }
                outcomes
            }
            Err(error) => vec![Err(error); batches.len()],
        }
    }

    async fn commit_group(
        &self,
        batches: &[Batch],
        left: Duration,
    ) -> Result<Vec<Outcome>, StoreError> {
        let Some(first) = batches.first() else { return Ok(Vec::new()) };
        let attempts = D::run(&self.client, left, |session| {
            Box::pin(
                async move { self.follow(self.writing(&session).await?.commit(batches).await) },
            )
        });
        attempts.await.map_err(|fault| fault.error("commit", &self.subject_of(first)))
    }

    /// The first row of a batch.
    pub(crate) fn subject_of(&self, batch: &Batch) -> String {
        self.subject(batch.ops.first().map(|op| &op.row))
    }

    pub(crate) async fn read(&self, rows: &[RowId]) -> Result<Vec<Option<Row>>, StoreError> {
        let attempts = self.run("read", self.subject(rows.first()), |session| {
            Box::pin(async move { self.follow(self.reading(&session).await?.read(rows).await) })
        });
        attempts.await
    }

    pub(crate) async fn query(&self, query: &Query) -> Result<Page, StoreError> {
        let attempts = self.run("query", query.table.name.to_owned(), |session| {
            Box::pin(async move { self.follow(self.reading(&session).await?.query(query).await) })
        });
        attempts.await
    }

    pub(crate) async fn tombstones(
        &self,
        table: &'static Table,
        after: Option<&Tombstone>,
        limit: usize,
    ) -> Result<Vec<Tombstone>, StoreError> {
        let attempts = self.run("tombstones", table.name.to_owned(), |session| {
            Box::pin(async move {
                let reading = self.reading(&session).await?;
                self.follow(reading.tombstones(table, after, limit).await)
            })
        });
        attempts.await
    }

    /// Writes a few pages of which nobody reads anything.
    pub(crate) async fn probe(&self) -> Result<(), StoreError> {
        let attempts = self.run("probe", self.space.0.clone(), |session| {
            Box::pin(async move {
                self.seen(&session).await?;
                let mut asked = beginning::<D>(&session);
                asked.push(self.space.probe(&[0; PROBE_BYTES]));
                session.ask(asked).await?;
                session.commit().await
            })
        });
        attempts.await
    }

    pub(crate) async fn run<'w, T: Send>(
        &self,
        operation: &'static str,
        subject: String,
        work: impl Fn(Arc<D::Session>) -> BoxFuture<'w, Result<T, Fault>> + Send + Sync,
    ) -> Result<T, StoreError> {
        let done = D::run(&self.client, D::deadline(&self.client), work).await;
        done.map_err(|fault| fault.error(operation, &subject))
    }

    fn subject(&self, row: Option<&RowId>) -> String {
        row.map_or_else(|| self.space.0.clone(), ToString::to_string)
    }

    pub(crate) async fn writing<'a>(
        &'a self,
        session: &'a D::Session,
    ) -> Result<Writing<'a, D>, Fault> {
        Ok(Writing { space: &self.space, session, seen: self.seen(session).await? })
    }

    pub(crate) async fn reading<'a>(
        &'a self,
        session: &'a D::Session,
    ) -> Result<Reading<'a, D>, Fault> {
        Ok(Reading { space: &self.space, session, seen: self.seen(session).await? })
    }

    /// The columns, read anew after they have changed.
    pub(crate) async fn seen(&self, session: &D::Session) -> Result<Arc<Seen>, Fault> {
        let seen = self.seen.lock().clone();
        if let Some(seen) = seen {
            return Ok(seen);
        }
        let seen = Arc::new(self.space.open(session).await?);
        *self.seen.lock() = Some(Arc::clone(&seen));
        Ok(seen)
    }

    /// Forgets the columns if they have changed.
    pub(crate) fn follow<T>(&self, done: Result<T, Fault>) -> Result<T, Fault> {
        if matches!(done, Err(Fault::Outdated)) {
            self.seen.lock().take();
        }
        done
    }
}

/// Commits group after group, until nothing waits.
pub(crate) async fn work<D: Database>(requests: Arc<Requests<D>>) {
    let mut working = Working { commits: &requests.commits, has_ended: false };
    loop {
        let Some(group) = working.commits.take() else {
            working.has_ended = true;
            return;
        };
        let (mut batches, mut answers) = (Vec::new(), Vec::new());
        let now = D::env(&requests.client).now();
        let mut left = D::deadline(&requests.client);
        let least = left / 2;
        for waiting in group {
            if waiting.deadline <= now {
                let message = "it waited for longer than its deadline, and nothing was written; the server is slow or away";
                let subject = requests.subject_of(&waiting.batch);
                let error =
                    StoreError::new(StoreErrorKind::Unavailable, "commit", subject, message);
                let _told = waiting.answer.send(Err(error));
                continue;
            }
            left = left.min(waiting.deadline - now).max(least);
            batches.push(waiting.batch);
            answers.push(waiting.answer);
        }
        let outcomes = requests.commit(&batches, left).await;
        for (answer, outcome) in answers.into_iter().zip(outcomes) {
            // A caller that has gone away wants no answer.
            let _told = answer.send(outcome);
        }
    }
}
