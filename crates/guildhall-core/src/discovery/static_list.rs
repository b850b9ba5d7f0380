//! [`StaticList`]: addresses in the configuration, for clusters of a fixed size.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::mpsc;

use super::{Change, Discovery, DiscoveryError, NodeRecord, WATCH_BUFFER};
use crate::{AppId, BoxFuture, Incarnation};

/// Addresses that are dialled to learn who is there. Registering does nothing.
#[derive(Clone, Debug)]
pub struct StaticList {
    addresses: Vec<String>,
    /// Kept so that watches do not end: an end means "watch again".
    watches: Arc<Mutex<Vec<mpsc::Sender<Change>>>>,
}

impl StaticList {
    /// Reads `127.0.0.1:7101,role-0.role:7101`.
    ///
    /// # Errors
    /// Says which entry is no address.
    pub fn parse(list: &str) -> Result<Self, String> {
        let addresses: Vec<String> =
            list.split(',').map(str::trim).filter(|a| !a.is_empty()).map(str::to_owned).collect();
        for address in &addresses {
            let port = address.rsplit_once(':').filter(|(host, _)| !host.is_empty());
            if port.and_then(|(_, port)| port.parse::<u16>().ok()).is_none_or(|port| port == 0) {
                return Err(format!("`{address}` is no address; write host:port,host:port"));
            }
        }
        if addresses.is_empty() {
            return Err("the list is empty; write host:port,host:port".to_owned());
        }
        // One place is left for `Synced`: the whole watch fits its buffer.
        if addresses.len() >= WATCH_BUFFER {
            return Err(format!("{} addresses; at most {} fit", addresses.len(), WATCH_BUFFER - 1));
        }
        Ok(Self { addresses, watches: Arc::default() })
    }
}

impl Discovery for StaticList {
    fn register<'a>(
        &'a self,
        _node: &'a NodeRecord,
        _ttl: Duration,
    ) -> BoxFuture<'a, Result<(), DiscoveryError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn deregister<'a>(
        &'a self,
        _id: &'a AppId,
        _incarnation: Incarnation,
    ) -> BoxFuture<'a, Result<(), DiscoveryError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn watch(&self) -> BoxFuture<'_, Result<mpsc::Receiver<Change>, DiscoveryError>> {
        Box::pin(async move {
            let (changes, watch) = mpsc::channel(WATCH_BUFFER);
            let probes = self.addresses.iter().cloned().map(Change::Probe);
            for change in probes.chain([Change::Synced]) {
                changes
                    .try_send(change)
                    .map_err(|e| DiscoveryError { operation: "watch", message: e.to_string() })?;
            }
            let mut watches = self.watches.lock();
            watches.retain(|watch| !watch.is_closed());
            watches.push(changes);
            Ok(watch)
        })
    }
}
