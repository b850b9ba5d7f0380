//! [`Session`]: the connection of one attempt at a request, and its transactions.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::fault::Fault;
use crate::sql::Params;

/// A connection, of one attempt alone.
pub(crate) struct Session {
    pub(crate) sql: tokio_postgres::Client,
    /// How long a statement may take.
    pub(crate) left: Duration,
    /// COMMIT was sent: from then on nobody but the server knows.
    pub(crate) committing: AtomicBool,
}

impl Session {
    /// Begins a transaction that writes: it sees what was committed before each of its statements, and its commit is on the disk.
    pub(crate) async fn begin(&self) -> Result<(), Fault> {
        let ms = self.left.as_millis().max(1);
        let begin = format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL statement_timeout = {ms}; \
             SET LOCAL idle_in_transaction_session_timeout = {ms}; \
             SELECT set_config('synchronous_commit', 'on', true) \
             WHERE current_setting('synchronous_commit') = 'off'"
        );
        Ok(self.sql.batch_execute(&begin).await?)
    }

    /// Begins a transaction whose statements all see the same.
    pub(crate) async fn begin_reading(&self) -> Result<(), Fault> {
        let ms = self.left.as_millis().max(1);
        let begin = format!(
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = {ms}; \
             SET LOCAL idle_in_transaction_session_timeout = {ms}"
        );
        Ok(self.sql.batch_execute(&begin).await?)
    }

    /// Ends a transaction that has written nothing.
    pub(crate) async fn end(&self) -> Result<(), Fault> {
        Ok(self.sql.batch_execute("ROLLBACK").await?)
    }

    /// Commits. All statements before have succeeded, or else the server would roll back without an error.
    pub(crate) async fn commit(&self) -> Result<(), Fault> {
        self.committing.store(true, Ordering::Release);
        let committed = self.sql.batch_execute("COMMIT").await;
        committed.map_err(|error| Fault::of_commit(&error))?;
        self.committing.store(false, Ordering::Release);
        Ok(())
    }

    /// Asks for rows, in one round trip.
    pub(crate) async fn rows(
        &self,
        sql: &str,
        params: &Params,
    ) -> Result<Vec<tokio_postgres::Row>, Fault> {
        Ok(self.sql.query_typed(sql, &params.as_typed()).await?)
    }

    /// Takes locks until the end of the transaction, in an order that is the same for all.
    pub(crate) async fn lock(&self, names: Vec<String>) -> Result<(), Fault> {
        let mut params = Params::default();
        let sql = format!(
            "SELECT pg_advisory_xact_lock(h) FROM (SELECT DISTINCT hashtextextended(name, 0) AS h \
             FROM unnest({}) AS name ORDER BY h) AS hashes",
            params.texts(names)
        );
        self.rows(&sql, &params).await.map(drop)
    }
}
