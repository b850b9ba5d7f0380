//! The board: what is known of each instance, for whoever shows it or waits for it.

use std::collections::BTreeMap;
use std::fmt;

use guildhall_core::env::Instant;
use tokio::sync::watch;

/// `role.2`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Name {
    pub(crate) app: String,
    pub(crate) inst: u32,
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}.{}", self.app, self.inst))
    }
}

/// What an instance does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// For the apps that it starts after.
    Waiting,
    Starting,
    Ready,
    /// Until it starts again.
    Pausing,
    /// It drains.
    Stopping,
    /// By itself, and it is not to start again.
    Ended,
    /// Too often; it stays down.
    Failed,
}

impl State {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Pausing => "pausing",
            Self::Stopping => "stopping",
            Self::Ended => "ended",
            Self::Failed => "failed",
        }
    }
}

/// One instance.
#[derive(Clone, Debug)]
pub(crate) struct View {
    pub(crate) state: State,
    pub(crate) pid: Option<u32>,
    pub(crate) since: Instant,
    pub(crate) restarts: u32,
    pub(crate) note: String,
}

/// All instances. Clones are the same board.
#[derive(Clone, Debug)]
pub(crate) struct Board(watch::Sender<BTreeMap<Name, View>>);

impl Board {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(BTreeMap::new()))
    }

    pub(crate) fn put(&self, name: &Name, view: View) {
        self.0.send_modify(|board| drop(board.insert(name.clone(), view)));
    }

    pub(crate) fn change(&self, name: &Name, change: impl FnOnce(&mut View)) {
        self.0.send_modify(|board| {
            if let Some(view) = board.get_mut(name) {
                change(view);
            }
        });
    }

    pub(crate) fn remove(&self, name: &Name) {
        self.0.send_modify(|board| drop(board.remove(name)));
    }

    pub(crate) fn get(&self, name: &Name) -> Option<View> {
        self.0.borrow().get(name).cloned()
    }

    pub(crate) fn all(&self) -> Vec<(Name, View)> {
        self.0.borrow().iter().map(|(name, view)| (name.clone(), view.clone())).collect()
    }

    /// Waits until every instance of these apps is ready, or has ended as it should.
    pub(crate) async fn ready(&self, apps: &[String]) {
        let is_there = |view: &View| matches!(view.state, State::Ready | State::Ended);
        let mut changes = self.0.subscribe();
        let ready = changes.wait_for(|board| {
            board.iter().all(|(name, view)| !apps.contains(&name.app) || is_there(view))
        });
        // The sender is this board.
        let _open = ready.await;
    }
}
