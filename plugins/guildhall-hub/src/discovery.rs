//! The [`Discovery`] seam over a hub. Registers again after a restart of the hub.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use guildhall_core::discovery::{Change, Discovery, DiscoveryError, NodeRecord, WATCH_BUFFER};
use guildhall_core::env::Instant;
use guildhall_core::{AppId, BoxFuture, Incarnation, Status};
use parking_lot::Mutex;
use tokio::sync::mpsc;

use crate::convert;
use crate::link::{HubLink, told};
use crate::proto::{DiscoveryClient, NodeChange, RegisterReq};
use crate::stream::{POLL, Stream};

/// Who is registered with the hub.
#[derive(Debug)]
pub struct HubDiscovery {
    link: HubLink,
    registered: Arc<Mutex<Registered>>,
}

/// What this client has registered, and until when: one app, outside of tests.
type Registered = BTreeMap<AppId, (RegisterReq, Instant)>;

impl HubDiscovery {
    pub(crate) fn new(link: HubLink) -> Self {
        let registered = Arc::<Mutex<Registered>>::default();
        let renew = renew(link.clone(), Arc::clone(&registered));
        link.env().spawn("hub.renew", renew);
        Self { link, registered }
    }
}

impl Discovery for HubDiscovery {
    fn register<'a>(
        &'a self,
        node: &'a NodeRecord,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<(), DiscoveryError>> {
        Box::pin(async move {
            let req = RegisterReq { record: node.encode(), ttl_ms: convert::to_ms(ttl) };
            let now = self.link.env().now();
            {
                let mut registered = self.registered.lock();
                registered.retain(|_, (_, end)| now < *end);
                // Also when it fails: the hub may be back before the next try.
                registered.insert(node.id.clone(), (req.clone(), now + ttl));
            }
            let done = DiscoveryClient::new(self.link.cx()).at(self.link.id()).register(req).await;
            // The app registers all the time, so this is how lately the hub has answered.
            done.inspect(|_| self.link.outage().worked())
                .map_err(|status| failed("register", &status))
        })
    }

    fn deregister<'a>(
        &'a self,
        id: &'a AppId,
        incarnation: Incarnation,
    ) -> BoxFuture<'a, Result<(), DiscoveryError>> {
        Box::pin(async move {
            self.registered.lock().remove(id);
            let who = convert::life(id, incarnation);
            let done =
                DiscoveryClient::new(self.link.cx()).at(self.link.id()).deregister(who).await;
            done.map_err(|status| failed("deregister", &status))
        })
    }

    fn watch(&self) -> BoxFuture<'_, Result<mpsc::Receiver<Change>, DiscoveryError>> {
        Box::pin(async move {
            let opened = DiscoveryClient::new(self.link.cx()).at(self.link.id()).watch(()).await;
            let opened = opened.map_err(|status| failed("watch", &status))?;
            let stream = Stream::new(self.link.clone(), &opened);
            let (changes, watch) = mpsc::channel(WATCH_BUFFER);
            self.link.env().spawn("hub.watch", async move {
                tokio::select! {
                    biased;
                    () = changes.closed() => {}
                    () = forward(&stream, &changes) => {}
                }
            });
            Ok(watch)
        })
    }
}

/// Until the hub is lost, or the watcher is too slow.
async fn forward(stream: &Stream, changes: &mpsc::Sender<Change>) {
    while let Some(items) = stream.next::<NodeChange>(POLL).await {
        for change in items.into_iter().filter_map(convert::from_node_change) {
            if changes.try_send(change).is_err() {
                return;
            }
        }
    }
}

/// Registers again with each life of the hub.
async fn renew(link: HubLink, registered: Arc<Mutex<Registered>>) {
    let mut changes = link.cx().mesh_changes();
    let mut life = link.life();
    loop {
        changes.changed().await;
        let Some(hub) = link.life().filter(|hub| Some(*hub) != life) else { continue };
        let now = link.env().now();
        let again: Vec<RegisterReq> = {
            let mut registered = registered.lock();
            registered.retain(|_, (_, end)| now < *end);
            registered.values().map(|(req, _)| req.clone()).collect()
        };
        let mut renewed = Ok(());
        for req in again {
            renewed =
                renewed.and(DiscoveryClient::new(link.cx()).at(link.id()).register(req).await);
        }
        match renewed {
            Ok(()) => life = Some(hub),
            Err(status) => tracing::warn!(%status, "registration at the restarted hub failed"),
        }
    }
}

fn failed(operation: &'static str, status: &Status) -> DiscoveryError {
    DiscoveryError { operation, message: told(status) }
}
