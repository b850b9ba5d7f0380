//! Follows discovery: connects to each registered address, at once or when a call needs it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use guildhall_core::discovery::{Change, Discovery, NodeRecord, NodeState};
use guildhall_core::{AppId, BoxFuture};
use guildhall_link::{Line, Place, connect};
use tokio::sync::{Barrier, mpsc};
use tokio::task::JoinHandle;

use crate::call::Core;
use crate::call::mesh::{Dial, Mesh, Ways};

/// Its name among the parts of the app that can be unwell.
const COMPONENT: &str = "discovery.watch";

/// The endpoint of links in a record.
const LINK: &str = "link";

/// Changes that are taken together, at most.
const TOGETHER_MAX: usize = 1_024;

/// After news of apps that are dialled on demand is published, further news waits for this time and is published together: each time costs
/// a look at all apps.
const TOGETHER: Duration = Duration::from_millis(20);

/// Dials every app that discovery lists, or knows it and dials it when a call needs it; `ttl` is how long a registration is good for.
/// Ends with the app.
pub(crate) async fn keep_linked(core: Arc<Core>, discovery: Arc<dyn Discovery>, ttl: Duration) {
    let mut connectors = Connectors::default();
    loop {
        match discovery.watch().await {
            Ok(changes) => {
                core.health.set(COMPONENT, Ok(()));
                connectors.follow(&core, changes, ttl).await;
                core.health.set(COMPONENT, Err("the watch has ended; it begins again".to_owned()));
            }
            Err(error) => core.health.set(COMPONENT, Err(error.to_string())),
        }
        core.env.sleep(Duration::from_millis(core.endpoint.config.redial_max_ms)).await;
    }
}

#[derive(Default)]
struct Connectors {
    by_address: BTreeMap<String, Connector>,
    addresses: BTreeMap<AppId, String>,
    /// Apps that are dialled when a call needs them (`link.idle_ms`).
    on_demand: BTreeMap<AppId, Arc<Dial>>,
    /// What discovery has told of them since the last time they were looked at.
    news: BTreeMap<AppId, NodeRecord>,
    /// Apps that were known before this watch and that it has not listed yet.
    absent: BTreeSet<AppId>,
}

struct Connector {
    /// One per connection.
    tasks: Vec<JoinHandle<Option<()>>>,
    /// No app is listed there any more: the links end by themselves, with the replies that still come, and are not dialled again.
    gone: Arc<AtomicBool>,
}

impl Connectors {
    /// Follows one watch to its end. Its snapshot may lack apps that are well: a discovery that has begun anew learns of them
    /// when they register again, so an absent one is given up when its registration would be over.
    async fn follow(
        &mut self,
        core: &Arc<Core>,
        mut changes: mpsc::Receiver<Change>,
        ttl: Duration,
    ) {
        self.absent = self.addresses.keys().cloned().collect();
        let (mut end, mut rest) = (Timer::None, Timer::None);
        loop {
            tokio::select! {
                biased;
                () = over(&mut rest) => rest = None,
                () = over(&mut end) => {
                    end = None;
                    for id in std::mem::take(&mut self.absent) {
                        self.forget(core, &id);
                    }
                }
                change = changes.recv() => {
                    let Some(change) = change else { break };
                    let more = std::iter::from_fn(|| changes.try_recv().ok());
                    for change in std::iter::once(change).chain(more).take(TOGETHER_MAX) {
                        if change == Change::Synced {
                            end = Some(Box::pin(core.env.sleep(ttl)));
                        }
                        self.take_change(core, change);
                    }
                }
            }
            if rest.is_none() && self.publish_news(core) {
                rest = Some(Box::pin(core.env.sleep(TOGETHER)));
            }
        }
        self.publish_news(core);
    }

    fn take_change(&mut self, core: &Arc<Core>, change: Change) {
        match change {
            Change::Put(record) if record.id == core.id => {}
            Change::Remove(id, _) if id == core.id => {}
            Change::Put(record) => {
                self.absent.remove(&record.id);
                core.mesh.load(&record.id, record.load);
                if record.state == NodeState::Draining {
                    core.mesh.drains(&record.id, record.incarnation);
                }
                if let Some(address) = record.endpoints.get(LINK) {
                    if core.endpoint.config.idle_ms > 0 {
                        self.addresses.insert(record.id.clone(), address.clone());
                        self.news.insert(record.id.clone(), record);
                        return;
                    }
                    let before = self.addresses.insert(record.id.clone(), address.clone());
                    before.inspect(|before| self.leave(before));
                    self.keep_linked(core, address);
                }
            }
            Change::Probe(address) => self.keep_linked(core, &address),
            Change::Remove(id, _) => self.forget(core, &id),
            Change::Synced => {}
        }
    }

    /// Makes known what discovery has told of apps that are dialled on demand; whether something has changed.
    fn publish_news(&mut self, core: &Arc<Core>) -> bool {
        let mut changed = false;
        for record in std::mem::take(&mut self.news).into_values() {
            if let Some(address) = record.endpoints.get(LINK) {
                let dial = self.dial(core, &record.id, address);
                changed |= core.mesh.known(record, &dial);
            }
        }
        if changed {
            core.mesh.publish_known();
        }
        changed
    }

    /// What dials the app at this address.
    fn dial(&mut self, core: &Arc<Core>, id: &AppId, address: &str) -> Arc<Dial> {
        if let Some(dial) = self.on_demand.get(id).filter(|dial| dial.address() == address) {
            return Arc::clone(dial);
        }
        let Core { endpoint, workers, mesh, .. } = &**core;
        let mesh: Weak<dyn Ways> = Arc::<Mesh>::downgrade(mesh);
        let dial = Dial::new(endpoint, workers, mesh, (id.clone(), address.to_owned()));
        match self.on_demand.insert(id.clone(), Arc::clone(&dial)) {
            Some(before) => before.leave(),
            None => core.counters.apps_on_demand.add(1),
        }
        dial
    }

    fn forget(&mut self, core: &Arc<Core>, id: &AppId) {
        self.absent.remove(id);
        self.news.remove(id);
        if let Some(dial) = self.on_demand.remove(id) {
            dial.leave();
            core.counters.apps_on_demand.add(-1);
        }
        core.mesh.forget(id);
        let address = self.addresses.remove(id);
        address.inspect(|address| self.leave(address));
    }

    /// An app does not live at `address` any more; another one may.
    fn leave(&self, address: &String) {
        if self.addresses.values().all(|other| other != address) {
            let connector = self.by_address.get(address);
            connector.inspect(|connector| connector.gone.store(true, Ordering::Relaxed));
        }
    }

    fn keep_linked(&mut self, core: &Arc<Core>, address: &str) {
        if let Some(connector) = self.by_address.get(address) {
            if !connector.gone.load(Ordering::Relaxed) {
                return;
            }
            connector.tasks.iter().for_each(JoinHandle::abort);
        }
        let of = core.endpoint.config.links_per_peer;
        let (gone, tried) = (Arc::new(AtomicBool::new(false)), Arc::new(Barrier::new(of)));
        let spawn = |at| {
            let (address, gone, tried) = (address.to_owned(), gone.clone(), tried.clone());
            let line = Line { address, place: Place { at, of }, gone, tried };
            let connecting = connect(Arc::clone(&core.endpoint), Arc::clone(&core.mesh), line);
            match at {
                0 => core.env.spawn("link-connect", connecting),
                // Further connections are there to use further workers.
                _ => core.env.spawn_on(&core.workers.next(), "link-connect", connecting),
            }
        };
        let tasks = (0..of).map(spawn).collect();
        self.by_address.insert(address.to_owned(), Connector { tasks, gone });
    }
}

type Timer<'a> = Option<BoxFuture<'a, ()>>;

/// Waits until a timer that is set ends.
async fn over(timer: &mut Timer<'_>) {
    match timer {
        Some(timer) => timer.await,
        None => std::future::pending().await,
    }
}
