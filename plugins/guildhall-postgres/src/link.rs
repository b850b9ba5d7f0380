//! [`Link`]: what leases, discovery and topics share: the connections, the tables, and the ear.

use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::Row;

use crate::client::{Client, Lane};
use crate::cluster::{Cluster, Of};
use crate::ear::Ear;
use crate::fault::Fault;
use crate::session::Statement;

/// The cluster's side of one app's connections.
pub(crate) struct Link {
    pub(crate) client: Arc<Client>,
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) ear: Ear,
}

impl Link {
    pub(crate) fn new(client: Arc<Client>) -> Self {
        let cluster = Arc::new(Cluster::new(&client.settings.schema));
        let ear = Ear::new(Arc::clone(&client), Arc::clone(&cluster));
        Self { client, cluster, ear }
    }

    /// Does statements in one transaction, under the lock of those who change `of`. After a lost connection they are sent again: they may
    /// have been done before.
    pub(crate) async fn ask(
        &self,
        of: Of,
        statements: &(dyn Fn() -> Vec<Statement> + Send + Sync),
    ) -> Result<Vec<Vec<Row>>, Fault> {
        let lock = self.cluster.lock(of);
        self.at_once(of, Some(&lock), statements).await
    }

    /// Does one statement by itself, and says whether it has found anything.
    pub(crate) async fn renew(
        &self,
        of: Of,
        statement: &(dyn Fn() -> Statement + Send + Sync),
    ) -> Result<bool, Fault> {
        let done = self.at_once(of, None, &|| vec![statement()]).await?;
        Ok(done.iter().any(|rows| !rows.is_empty()))
    }

    async fn at_once(
        &self,
        of: Of,
        lock: Option<&str>,
        statements: &(dyn Fn() -> Vec<Statement> + Send + Sync),
    ) -> Result<Vec<Vec<Row>>, Fault> {
        let done = self.client.run(Lane::Urgent, self.client.settings.deadline, |session| {
            Box::pin(async move {
                self.cluster.lay_out(&session).await?;
                session.at_once(of.kept(), lock, &statements()).await
            })
        });
        done.await
    }

    /// What a renewal writes: no earlier one has the same.
    pub(crate) fn beat(&self) -> i64 {
        self.client.env.random().cast_signed()
    }
}

/// Whole milliseconds, and no fewer than were asked for.
pub(crate) fn ttl_ms(ttl: Duration) -> i64 {
    let ms = ttl.as_nanos().div_ceil(1_000_000);
    i64::try_from(ms).unwrap_or(i64::MAX)
}
