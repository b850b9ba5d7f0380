//! Follows discovery: one connector per address, as long as somebody lives there.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use guildhall_core::discovery::{Change, Discovery};
use tokio::task::JoinHandle;

use crate::app::AppInner;
use crate::link::connect;

/// Keeps a link to every app that discovery knows. Ends with the app.
pub(crate) async fn watch(app: Arc<AppInner>, discovery: Arc<dyn Discovery>) {
    let mut connectors: BTreeMap<String, JoinHandle<Option<()>>> = BTreeMap::new();
    let mut addresses = BTreeMap::new();
    loop {
        match discovery.watch().await {
            Ok(mut changes) => {
                while let Some(change) = changes.recv().await {
                    let address = match change {
                        Change::Put(record) if record.id == app.id => continue,
                        Change::Put(record) => {
                            let Some(address) = record.endpoints.get("link") else {
                                continue;
                            };
                            addresses.insert(record.id.clone(), address.clone());
                            address.clone()
                        }
                        Change::Probe(address) => address,
                        Change::Remove(id, _) => {
                            let gone = addresses.remove(&id).and_then(|a| connectors.remove(&a));
                            gone.inspect(JoinHandle::abort);
                            continue;
                        }
                        Change::Synced => continue,
                    };
                    connectors.entry(address.clone()).or_insert_with(|| {
                        app.env.spawn("link-connect", connect(Arc::clone(&app), address))
                    });
                }
            }
            Err(error) => tracing::warn!(%error, "discovery cannot be watched; trying again"),
        }
        app.env.sleep(Duration::from_millis(app.links.redial_max_ms)).await;
    }
}
