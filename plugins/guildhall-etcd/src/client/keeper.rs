//! [`Keeper`]: makes connections, again and again.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use guildhall_core::Env;
use guildhall_core::backend::Outage;
use tokio::sync::watch;

use crate::config::Settings;
use crate::connection::Connection;

/// The next address is dialled when the one before has failed, or has not answered for so long.
const STAGGER: Duration = Duration::from_millis(250);
/// Longest attempt at one address.
const ATTEMPT: Duration = Duration::from_secs(5);
/// The task that makes connections.
pub(super) struct Keeper {
    pub(super) env: Env,
    pub(super) settings: Settings,
    pub(super) outage: Outage,
    pub(super) connections: watch::Sender<Option<Arc<Connection>>>,
}

impl Keeper {
    pub(super) async fn keep_connected(&self) {
        loop {
            match self.dial().await {
                Ok(connection) => {
                    self.outage.worked();
                    let connection = Arc::new(connection);
                    self.connections.send_replace(Some(Arc::clone(&connection)));
                    connection.ended().await;
                    self.connections.send_replace(None);
                    // A server that accepts and closes is not dialled in a busy loop.
                    self.env.sleep(self.outage.pause()).await;
                }
                Err(error) => {
                    self.outage.failed(&error);
                    self.env.sleep(self.outage.pause()).await;
                }
            }
        }
    }

    /// Connects to the first member that answers. Each is dialled a moment after the one before, beginning with any of them, so that
    /// the apps of a cluster are spread over its members.
    async fn dial(&self) -> Result<Connection, String> {
        let mut addresses = self.settings.addresses.clone();
        let first = self.env.random_below(addresses.len() as u64);
        addresses.rotate_left(usize::try_from(first).unwrap_or_default());
        let (mut waiting, mut running) = (addresses.into_iter(), FuturesUnordered::new());
        let mut errors = Vec::new();
        loop {
            if let Some(address) = waiting.next() {
                running.push(self.attempt(address));
            } else if running.is_empty() {
                return Err(errors.join("; "));
            }
            let ended = match waiting.len() {
                0 => running.next().await,
                _ => self.env.until(self.env.now() + STAGGER, running.next()).await.flatten(),
            };
            match ended {
                Some(Ok(connection)) => return Ok(connection),
                Some(Err(error)) => errors.push(error),
                None => {}
            }
        }
    }

    async fn attempt(&self, address: String) -> Result<Connection, String> {
        let dialling = Connection::dial(&self.env, &self.settings, &address);
        match self.env.until(self.env.now() + ATTEMPT, dialling).await {
            Some(Ok(connection)) => Ok(connection),
            Some(Err(error)) => Err(format!("{address}: {error}")),
            None => Err(format!("{address}: no answer within {} ms", ATTEMPT.as_millis())),
        }
    }
}
