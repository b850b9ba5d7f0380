//! [`Session`], the connection of one attempt at a request, and [`Database`], what a vendor does beside plain statements.

use std::sync::Arc;
use std::time::Duration;

use guildhall_core::store::schema::{Change, Schema};
use guildhall_core::{BoxFuture, Env};

use crate::dialect::Dialect;
use crate::fault::Fault;
use crate::space::Space;
use crate::statement::{Answer, Fields, Params, Statement};

/// The result of something that a server does.
pub type Done<T> = Result<T, Fault>;

/// A connection, of one attempt alone.
#[allow(
    clippy::missing_errors_doc,
    reason = "all have the same errors: those of the server and of the connection"
)]
pub trait Session: Send + Sync + 'static {
    /// The parameters of statements.
    type Params: Params;
    /// A row of an answer.
    type Row: Fields + Send + Sync;

    /// How long a statement may take.
    fn left(&self) -> Duration;

    /// Does the statements in their order, in one round trip where they fit. After one that fails none is done.
    fn ask(
        &self,
        statements: Vec<Statement<Self::Params>>,
    ) -> impl Future<Output = Done<Vec<Answer<Self::Row>>>> + Send;

    /// Ends the transaction, and says so only when it is on the disk. Only an error that says that it was rolled back is one after which
    /// nothing is written; any other is [`Fault::Unknown`].
    fn commit(&self) -> impl Future<Output = Done<()>> + Send;

    /// Does one statement that has no answer.
    fn plain(&self, sql: &str) -> impl Future<Output = Done<()>> + Send {
        let asked = self.ask(vec![Statement::plain(sql)]);
        async { asked.await.map(drop) }
    }

    /// Asks for rows.
    fn rows(
        &self,
        sql: &str,
        params: Self::Params,
    ) -> impl Future<Output = Done<Vec<Self::Row>>> + Send {
        let asked = self.ask(vec![Statement::new(sql, params)]);
        async { Ok(asked.await?.into_iter().flat_map(|answer| answer.rows).collect()) }
    }

    /// Ends a transaction that has written nothing, or is to leave nothing.
    fn end(&self) -> impl Future<Output = Done<()>> + Send {
        self.plain("ROLLBACK")
    }
}

/// The parameters and rows of a vendor's sessions.
pub type RowOf<D> = <<D as Database>::Session as Session>::Row;

/// A vendor: how requests are sent to its server, and how tables are made there.
#[allow(
    clippy::missing_errors_doc,
    reason = "all have the same errors: those of the server and of the connection"
)]
pub trait Database: Dialect {
    /// The name of the tasks in which requests run.
    const TASK: &'static str;
    /// What its URL says.
    type Settings;
    /// The connections of one app to one server.
    type Client: Send + Sync + 'static;
    /// A connection, of one attempt alone.
    type Session: Session<Params = Self::Params>;

    /// A client that connects at its first request.
    fn client(env: &Env, settings: Self::Settings) -> Arc<Self::Client>;

    /// The clock, randomness and tasks of a client.
    fn env(client: &Self::Client) -> &Env;

    /// The SQL schema with the tables.
    fn schema(client: &Self::Client) -> &str;

    /// How long a request may take.
    fn deadline(client: &Self::Client) -> Duration;

    /// Makes attempts until one succeeds, fails for good, or the deadline is over. Dropping the future leaves nothing but a COMMIT that
    /// was out already.
    fn run<'w, T: Send>(
        client: &Self::Client,
        deadline: Duration,
        work: impl Fn(Arc<Self::Session>) -> BoxFuture<'w, Done<T>> + Send + Sync,
    ) -> impl Future<Output = Done<T>> + Send;

    /// Makes the shared tables where they are missing, and the schema; also when others do so at the same time.
    fn lay_out(
        session: &Self::Session,
        space: &Space<Self>,
    ) -> impl Future<Output = Done<()>> + Send;

    /// Keeps other `prepare`s away, until [`Database::prepared`].
    fn begin_prepare(
        session: &Self::Session,
        space: &Space<Self>,
    ) -> impl Future<Output = Done<()>> + Send;

    /// Adds what a table needs: itself, columns, indexes.
    fn alter(
        session: &Self::Session,
        space: &Space<Self>,
        to: &Change,
        before: &Schema,
    ) -> impl Future<Output = Done<()>> + Send;

    /// After all changes of tables: is in a transaction, and keeps writers away until its end.
    fn end_alter(
        session: &Self::Session,
        space: &Space<Self>,
    ) -> impl Future<Output = Done<()>> + Send;

    /// After the transaction of a `prepare`, also of one that failed.
    fn prepared(
        session: &Self::Session,
        space: &Space<Self>,
    ) -> impl Future<Output = Done<()>> + Send;
}
