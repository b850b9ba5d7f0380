//! [`Session`]: the connection of one attempt at a request, and its transactions.

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use futures_util::future::{join3, join4, maybe_done};
use guildhall_sql::{Answer, Dialect as _, Done, Fault};

use crate::dialect::{PostgreSql, lock_names};
use crate::fault;
use crate::row::Reply;
use crate::sql::Params;

/// A statement and its parameters.
pub(crate) type Statement = guildhall_sql::Statement<Params>;

/// Where a commit is when it is answered.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kept {
    OnDisk,
    /// A crash of the server may undo it, with all that was committed after it.
    InMemory,
}

/// A connection, of one attempt alone.
#[derive(Debug)]
pub struct Session {
    pub(crate) sql: tokio_postgres::Client,
    /// How long a statement may take.
    pub(crate) left: Duration,
    /// COMMIT was sent: from then on nobody but the server knows.
    pub(crate) committing: AtomicBool,
}

impl Session {
    /// Begins a transaction that writes.
    pub(crate) async fn begin(&self) -> Result<(), Fault> {
        for begin in PostgreSql::begin(self.left) {
            self.batch(&begin).await?;
        }
        Ok(())
    }

    /// Does `statements` in one transaction and one round trip, and under the lock of this name, if there is one: so it is held for as
    /// long as the server needs, however far away it is. What each statement has returned.
    pub(crate) async fn at_once(
        &self,
        kept: Kept,
        lock: Option<&str>,
        statements: &[Statement],
    ) -> Result<Vec<Vec<tokio_postgres::Row>>, Fault> {
        // Statements are sent when their futures are polled first. After an error the server skips those that follow, and its COMMIT is a
        // ROLLBACK.
        let locked = async {
            let Some(lock) = lock else { return Ok(()) };
            self.answer(&lock_names(&[lock.to_owned()])).await.map(drop)
        };
        let done = in_order(statements.iter().map(|statement| self.answer(statement)));
        let (begun, locked, done, committed) =
            join4(self.begin_kept(kept), locked, done, self.commit()).await;
        begun?;
        locked?;
        let done = done.into_iter().collect::<Result<_, _>>()?;
        committed?;
        Ok(done)
    }

    /// Does a statement that must not be done twice, and that nobody needs after a crash of the server.
    pub(crate) async fn once(&self, statement: &Statement) -> Result<(), Fault> {
        let begun = self.begin_kept(Kept::InMemory);
        let (begun, done, committed) = join3(begun, self.answer(statement), self.commit()).await;
        match begun.and(done).and(committed) {
            // All was sent.
            Err(Fault::Lost(why) | Fault::Conflict(why)) => Err(Fault::Unknown(why)),
            done => done,
        }
    }

    async fn begin_kept(&self, kept: Kept) -> Result<(), Fault> {
        let mut begin = PostgreSql::begin(self.left).join("; ");
        if let Kept::InMemory = kept {
            begin.push_str("; SET LOCAL synchronous_commit = off");
        }
        self.batch(&begin).await
    }

    async fn answer(&self, statement: &Statement) -> Result<Vec<tokio_postgres::Row>, Fault> {
        match &statement.params {
            Some(params) => self.rows(&statement.sql, params).await,
            None => self.batch(&statement.sql).await.map(|()| Vec::new()),
        }
    }

    /// Commits. All statements before have succeeded, or else the server would roll back without an error.
    pub(crate) async fn commit(&self) -> Result<(), Fault> {
        self.committing.store(true, Ordering::Release);
        let committed = self.sql.batch_execute("COMMIT").await;
        committed.map_err(|error| fault::of_commit(&error))?;
        self.committing.store(false, Ordering::Release);
        Ok(())
    }

    /// Does statements that have no parameters and no answers.
    pub(crate) async fn batch(&self, sql: &str) -> Result<(), Fault> {
        self.sql.batch_execute(sql).await.map_err(|error| fault::of(&error))
    }

    /// Asks for rows, in one round trip.
    pub(crate) async fn rows(
        &self,
        sql: &str,
        params: &Params,
    ) -> Result<Vec<tokio_postgres::Row>, Fault> {
        let rows = self.sql.query_typed(sql, &params.as_typed()).await;
        rows.map_err(|error| fault::of(&error))
    }
}

impl guildhall_sql::Session for Session {
    type Params = Params;
    type Row = Reply;

    fn left(&self) -> Duration {
        self.left
    }

    async fn ask(&self, statements: Vec<Statement>) -> Done<Vec<Answer<Reply>>> {
        // Statements are sent in the order in which the futures are polled, and done in that order; after one that fails the transaction
        // refuses the others.
        let answers = in_order(statements.iter().map(|statement| self.answer(statement)));
        let answers = answers.await.into_iter();
        let answer = |rows: Vec<_>| Answer {
            changed: rows.len() as u64,
            rows: rows.into_iter().map(Reply).collect(),
        };
        answers.map(|rows| Ok(answer(rows?))).collect()
    }

    async fn commit(&self) -> Done<()> {
        Self::commit(self).await
    }
}

/// Polls all, each time in their order, until all are done. `join_all` promises no order.
async fn in_order<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut futures: Vec<_> = futures.map(|future| Box::pin(maybe_done(future))).collect();
    poll_fn(|cx| {
        // Each of them, and not only up to the first that is pending.
        let pending =
            futures.iter_mut().filter_map(|it| it.as_mut().poll(cx).is_pending().then_some(()));
        if pending.count() == 0 { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    futures.iter_mut().filter_map(|future| future.as_mut().take_output()).collect()
}
