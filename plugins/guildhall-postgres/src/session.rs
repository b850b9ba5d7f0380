//! [`Session`]: the connection of one attempt at a request, and its transactions.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use guildhall_sql::{Answer, Dialect as _, Done, Fault, Statement};

use crate::dialect::PostgreSql;
use crate::fault;
use crate::row::Reply;
use crate::sql::Params;

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

    async fn ask(&self, statements: Vec<Statement<Params>>) -> Done<Vec<Answer<Reply>>> {
        // Statements are sent in the order in which the futures are polled, and done in that order; after one that fails the transaction
        // refuses the others.
        let answers = statements.iter().map(|Statement { sql, params }| async move {
            match params {
                Some(params) => self.rows(sql, params).await,
                None => self.batch(sql).await.map(|()| Vec::new()),
            }
        });
        let answers = join_all(answers).await.into_iter();
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
