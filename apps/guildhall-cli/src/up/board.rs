//! The board: the state of each instance.

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
    /// How the process before this one ended.
    pub(crate) last: Option<Last>,
}

/// How a process ended.
#[derive(Clone, Debug)]
pub(crate) struct Last {
    /// With 0.
    pub(crate) success: bool,
    pub(crate) why: String,
}

impl View {
    /// Of an instance that has not run yet.
    pub(crate) fn new(state: State, since: Instant) -> Self {
        Self { state, pid: None, since, restarts: 0, note: String::new(), last: None }
    }
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

    /// Waits until `find` finds something on the board.
    pub(crate) async fn find<T>(&self, find: impl Fn(&BTreeMap<Name, View>) -> Option<T>) -> T {
        let mut changes = self.0.subscribe();
        loop {
            let found = find(&changes.borrow_and_update());
            if let Some(found) = found {
                return found;
            }
            // The sender is this board.
            let _open = changes.changed().await;
        }
    }

    /// Waits until every instance of these apps is ready, or has ended as it should.
    pub(crate) async fn ready(&self, apps: &[String]) {
        let is_there = |view: &View| matches!(view.state, State::Ready | State::Ended);
        self.find(|board| {
            let mut all = board.iter();
            all.all(|(name, view)| !apps.contains(&name.app) || is_there(view)).then_some(())
        })
        .await;
    }
}
