//! The vendor as a [`Database`]: the store is the one of all SQL servers.

use std::sync::Arc;
use std::time::Duration;

use guildhall_core::store::schema::{Change, Schema};
use guildhall_core::{BoxFuture, Env};
use guildhall_sql::{Database, Done, Space, SqlStore};

use crate::client::Client;
use crate::config::Settings;
use crate::dialect::MySqlDialect;
use crate::session::Session;
use crate::tables;

/// Rows in tables of a MariaDB or MySQL server.
pub type MySqlStore = SqlStore<MySqlDialect>;

impl Database for MySqlDialect {
    const TASK: &'static str = "mysql.request";
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
        &client.settings().schema
    }

    fn deadline(client: &Client) -> Duration {
        client.settings().deadline
    }

    async fn run<'w, T: Send>(
        client: &Client,
        deadline: Duration,
        work: impl Fn(Arc<Session>) -> BoxFuture<'w, Done<T>> + Send + Sync,
    ) -> Done<T> {
        client.run(deadline, work).await
    }

    async fn lay_out(session: &Session, space: &Space<Self>) -> Done<()> {
        tables::lay_out(session, space).await
    }

    async fn begin_prepare(session: &Session, space: &Space<Self>) -> Done<()> {
        tables::take_prepare_lock(session, space).await
    }

    async fn alter(
        session: &Session,
        space: &Space<Self>,
        to: &Change,
        _before: &Schema,
    ) -> Done<()> {
        tables::alter(session, space, to).await
    }

    async fn end_alter(session: &Session, space: &Space<Self>) -> Done<()> {
        tables::keep_writers_away(session, space).await
    }

    async fn prepared(session: &Session, space: &Space<Self>) -> Done<()> {
        tables::leave_prepare_lock(session, space).await
    }
}
