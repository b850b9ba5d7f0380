//! The vendor as a [`Database`]: the store is the one of all SQL servers.

use std::sync::Arc;
use std::time::Duration;

use guildhall_core::store::schema::{Change, Schema};
use guildhall_core::{BoxFuture, Env};
use guildhall_sql::{Database, Done, Space, SqlStore};

use crate::client::{Client, Lane};
use crate::config::Settings;
use crate::dialect::PostgreSql;
use crate::session::Session;
use crate::tables;

/// Rows in tables of a PostgreSQL server.
pub type PostgresStore = SqlStore<PostgreSql>;

impl Database for PostgreSql {
    const TASK: &'static str = "postgres.request";
    type Settings = Settings;
    type Client = Client;
    type Session = Session;

    fn client(env: &Env, settings: Settings) -> Arc<Client> {
        Arc::new(Client::new(env, settings))
    }

    fn env(client: &Client) -> &Env {
        &client.env
    }

    fn schema(client: &Client) -> &str {
        &client.settings.schema
    }

    fn deadline(client: &Client) -> Duration {
        client.settings.deadline
    }

    async fn run<'w, T: Send>(
        client: &Client,
        deadline: Duration,
        work: impl Fn(Arc<Session>) -> BoxFuture<'w, Done<T>> + Send + Sync,
    ) -> Done<T> {
        client.run(Lane::Rows, deadline, work).await
    }

    async fn lay_out(session: &Session, space: &Space<Self>) -> Done<()> {
        tables::lay_out(session, space).await
    }

    async fn begin_prepare(session: &Session, space: &Space<Self>) -> Done<()> {
        tables::begin_prepare(session, space).await
    }

    async fn alter(
        session: &Session,
        space: &Space<Self>,
        to: &Change,
        before: &Schema,
    ) -> Done<()> {
        tables::alter(session, space, to, before).await
    }

    /// All is in one transaction, which keeps writers away from its beginning.
    async fn end_alter(_session: &Session, _space: &Space<Self>) -> Done<()> {
        Ok(())
    }

    async fn prepared(_session: &Session, _space: &Space<Self>) -> Done<()> {
        Ok(())
    }
}
