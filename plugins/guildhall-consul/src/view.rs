//! [`View`]: the registrations of a deployment, kept by one blocking query, with any number of watchers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use guildhall_core::AppId;
use guildhall_core::discovery::{Change, NodeRecord, WATCH_BUFFER};
use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};

use crate::client::Client;
use crate::fault::Fault;
use crate::health::nodes;

/// How long the agent waits for a change before it answers with what it had. It adds up to a sixteenth.
const WAIT: Duration = Duration::from_secs(20);
/// Shortest time between two answers: where changes come all the time, each answer has several.
const PAUSE: Duration = Duration::from_millis(2);

/// A copy of the registrations. Its task runs as long as anybody watches or registers.
pub(crate) struct View {
    client: Arc<Client>,
    path: String,
    state: Mutex<State>,
    /// Counts the changes.
    changed: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    /// What is known is as of this index.
    index: u64,
    known: BTreeMap<AppId, NodeRecord>,
    watchers: Vec<mpsc::Sender<Change>>,
    followed: bool,
}

impl View {
    pub(crate) fn new(client: &Arc<Client>, service: &str) -> Arc<Self> {
        let path = format!("/v1/health/service/{service}?passing=1");
        let (changed, _) = watch::channel(0);
        Arc::new(Self { client: Arc::clone(client), path, state: Mutex::default(), changed })
    }

    /// Everything that is there now, then `Synced`, then changes in order. The stream of a watcher that falls behind ends.
    pub(crate) async fn watch(self: &Arc<Self>) -> Result<mpsc::Receiver<Change>, Fault> {
        self.read_now().await?;
        let mut state = self.state.lock();
        let (changes, watch) = mpsc::channel(state.known.len() + 1 + WATCH_BUFFER);
        for change in state.known.values().cloned().map(Change::Put).chain([Change::Synced]) {
            // It fits, and the receiver is here.
            drop(changes.try_send(change));
        }
        state.watchers.retain(|watcher| !watcher.is_closed());
        state.watchers.push(changes);
        self.follow(&mut state);
        Ok(watch)
    }

    /// The registration of an app now.
    pub(crate) async fn node(self: &Arc<Self>, id: &AppId) -> Result<Option<NodeRecord>, Fault> {
        self.read_now().await?;
        Ok(self.state.lock().known.get(id).cloned())
    }

    /// Waits until the registration of an app is this one. Cancel safe.
    pub(crate) async fn shows(self: &Arc<Self>, node: &NodeRecord) {
        let mut changed = self.changed.subscribe();
        loop {
            changed.mark_unchanged();
            {
                let mut state = self.state.lock();
                if state.known.get(&node.id) == Some(node) {
                    return;
                }
                self.follow(&mut state);
            }
            if changed.changed().await.is_err() {
                return;
            }
        }
    }

    fn follow(self: &Arc<Self>, state: &mut State) {
        if !std::mem::replace(&mut state.followed, true) {
            self.client.env.spawn("consul.watch", follow(Arc::clone(self)));
        }
    }

    async fn read_now(&self) -> Result<(), Fault> {
        let answer = self.client.call("GET", &self.path, Bytes::new()).await?;
        let (index, now) = (answer.index, nodes(&answer.body)?);
        let mut state = self.state.lock();
        // The query may be ahead of what was read.
        if index >= state.index {
            self.replace(&mut state, index, now);
        }
        Ok(())
    }

    /// Compares what is known with what was read.
    fn replace(&self, state: &mut State, index: u64, now: BTreeMap<AppId, NodeRecord>) {
        let before = std::mem::replace(&mut state.known, now);
        let State { known, watchers, .. } = state;
        let gone = before.values().filter(|node| !known.contains_key(&node.id));
        let gone = gone.map(|node| Change::Remove(node.id.clone(), node.incarnation));
        let put = known.values().filter(|node| before.get(&node.id) != Some(node));
        let changes: Vec<_> = gone.chain(put.cloned().map(Change::Put)).collect();
        for change in &changes {
            // A watcher whose buffer is full loses its stream, and so learns that it must start over.
            watchers.retain(|watcher| watcher.try_send(change.clone()).is_ok());
        }
        state.index = index;
        if !changes.is_empty() {
            self.changed.send_modify(|count| *count += 1);
        }
    }

    /// Whether anybody watches or waits. If not, the task ends, and what was known is forgotten.
    fn is_watched(&self) -> bool {
        let mut state = self.state.lock();
        state.watchers.retain(|watcher| !watcher.is_closed());
        if state.watchers.is_empty() && self.changed.receiver_count() == 0 {
            *state = State::default();
        }
        state.followed
    }
}

impl std::fmt::Debug for View {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("View").field("path", &self.path).finish_non_exhaustive()
    }
}

/// Asks for what comes after what is known, until nobody watches.
async fn follow(view: Arc<View>) {
    let (client, env) = (&view.client, &view.client.env);
    while view.is_watched() {
        let index = view.state.lock().index;
        // With index 0 it answers at once.
        let path = format!("{}&index={index}&wait={}s", view.path, WAIT.as_secs());
        let deadline = WAIT + WAIT / 16 + client.settings.deadline;
        let asked = client.call_within(deadline, "GET", &path, Bytes::new()).await;
        match asked.and_then(|answer| Ok((answer.index, nodes(&answer.body)?))) {
            Ok((now, nodes)) => {
                let mut state = view.state.lock();
                // A full read may have been faster. An index that goes back is of a server that has lost data: from the beginning.
                if now >= state.index {
                    view.replace(&mut state, now, nodes);
                } else if now < index {
                    view.replace(&mut state, 0, nodes);
                }
            }
            Err(fault) => {
                tracing::debug!(%fault, "consul query failed; it is sent again");
                env.sleep(client.outage.pause()).await;
            }
        }
        env.sleep(PAUSE).await;
    }
}
