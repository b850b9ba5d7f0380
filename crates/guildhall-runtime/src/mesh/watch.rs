//! Follows discovery: one connector per address, as long as somebody lives there.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use guildhall_core::AppId;
use guildhall_core::discovery::{Change, Discovery};
use tokio::task::JoinHandle;

use crate::app::AppInner;
use crate::link::connect;

/// Its name among the parts of the app that can be unwell.
const PART: &str = "discovery.watch";

/// Keeps a link to every app that discovery knows. Ends with the app.
pub(crate) async fn watch(app: Arc<AppInner>, discovery: Arc<dyn Discovery>) {
    let mut connectors = Connectors::default();
    loop {
        match discovery.watch().await {
            Ok(mut changes) => {
                app.health.set(PART, Ok(()));
                while let Some(change) = changes.recv().await {
                    connectors.follow(&app, change);
                }
                app.health.set(PART, Err("the watch has ended; it begins again".to_owned()));
            }
            Err(error) => app.health.set(PART, Err(error.to_string())),
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
    task: JoinHandle<Option<()>>,
    /// Nobody lives there any more: the link ends by itself, with the replies that still come, and is not dialled again.
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
            connector.task.abort();
        }
        let gone = Arc::new(AtomicBool::new(false));
        let connecting = connect(Arc::clone(app), address.to_owned(), Arc::clone(&gone));
        let task = app.env.spawn("link-connect", connecting);
        self.by_address.insert(address.to_owned(), Connector { task, gone });
    }
}
