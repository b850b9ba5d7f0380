//! Follows discovery: connectors for each address, as long as somebody lives there.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use guildhall_core::AppId;
use guildhall_core::discovery::{Change, Discovery};
use tokio::sync::Barrier;
use tokio::task::JoinHandle;

use super::Place;
use crate::app::AppInner;
use crate::link::{Line, connect};

/// Keeps links to every app that discovery knows. Ends with the app.
pub(crate) async fn watch(app: Arc<AppInner>, discovery: Arc<dyn Discovery>) {
    let mut connectors = Connectors::default();
    loop {
        match discovery.watch().await {
            Ok(mut changes) => {
                while let Some(change) = changes.recv().await {
                    connectors.follow(&app, change);
                }
            }
            Err(error) => tracing::warn!(%error, "discovery cannot be watched; trying again"),
        }
        app.env.sleep(Duration::from_millis(app.links.redial_max_ms)).await;
    }
}

#[derive(Default)]
struct Connectors {
    by_address: BTreeMap<String, Connector>,
    addresses: BTreeMap<AppId, String>,
}

struct Connector {
    /// One per connection.
    tasks: Vec<JoinHandle<Option<()>>>,
    /// Nobody lives there any more: the links end by themselves, with the replies that still come, and are not dialled again.
    gone: Arc<AtomicBool>,
}

impl Connectors {
    fn follow(&mut self, app: &Arc<AppInner>, change: Change) {
        match change {
            Change::Put(record) if record.id == app.id => {}
            Change::Remove(id, _) if id == app.id => {}
            Change::Put(record) => {
                if let Some(address) = record.endpoints.get("link") {
                    self.addresses.insert(record.id.clone(), address.clone());
                    self.keep(app, address);
                }
            }
            Change::Probe(address) => self.keep(app, &address),
            Change::Remove(id, _) => {
                app.mesh.forget(&id);
                let address = self.addresses.remove(&id);
                let connector = address.and_then(|address| self.by_address.get(&address));
                connector.inspect(|connector| connector.gone.store(true, Ordering::Relaxed));
            }
            Change::Synced => {}
        }
    }

    fn keep(&mut self, app: &Arc<AppInner>, address: &str) {
        if let Some(connector) = self.by_address.get(address) {
            if !connector.gone.load(Ordering::Relaxed) {
                return;
            }
            connector.tasks.iter().for_each(JoinHandle::abort);
        }
        let of = app.links.links_per_peer;
        let (gone, tried) = (Arc::new(AtomicBool::new(false)), Arc::new(Barrier::new(of)));
        let spawn = |at| {
            let (address, gone, tried) = (address.to_owned(), gone.clone(), tried.clone());
            let line = Line { address, place: Place { at, of }, gone, tried };
            let connecting = connect(Arc::clone(app), line);
            match at {
                0 => app.env.spawn("link-connect", connecting),
                // Further connections are there to use further workers.
                _ => app.env.spawn_on(&app.workers.next(), "link-connect", connecting),
            }
        };
        let tasks = (0..of).map(spawn).collect();
        self.by_address.insert(address.to_owned(), Connector { tasks, gone });
    }
}
