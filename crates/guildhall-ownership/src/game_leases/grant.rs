//! [`Grant`]: one grant of a game lease, and how it ends.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use guildhall_core::store::LeaseId;
use guildhall_core::{AppId, BoxFuture, Env, Status};
use parking_lot::Mutex;
use tokio::sync::Notify;

/// What the game does when another app asks for its lease: what it gives along, or why it keeps the lease.
pub(crate) type MoveOut =
    Arc<dyn Fn(AppId) -> BoxFuture<'static, Result<Bytes, Status>> + Send + Sync>;

/// One holding of a lease.
pub(crate) struct Grant {
    pub(crate) id: LeaseId,
    pub(crate) epoch: u64,
    move_out: Option<MoveOut>,
    state: Mutex<GrantState>,
    changed: Notify,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum GrantState {
    Held,
    /// That app has asked for it; it is held until the game lets go.
    Asked(AppId),
    /// The game has let go, before or while an app asked.
    LetGo,
    /// It goes to the app that has asked.
    Given,
    /// The session has run out.
    Lost,
}

impl Grant {
    pub(crate) fn new(id: LeaseId, epoch: u64, move_out: Option<MoveOut>) -> Self {
        Self { id, epoch, move_out, state: Mutex::new(GrantState::Held), changed: Notify::new() }
    }

    pub(crate) fn state(&self) -> GrantState {
        self.state.lock().clone()
    }

    pub(crate) fn is_held(&self) -> bool {
        matches!(*self.state.lock(), GrantState::Held | GrantState::Asked(_))
    }

    /// The game does not need it any more. Whether it must be given back: not while an app takes it over.
    pub(crate) fn let_go(&self) -> bool {
        let before = {
            let mut state = self.state.lock();
            match *state {
                GrantState::Held | GrantState::Asked(_) => {
                    std::mem::replace(&mut *state, GrantState::LetGo)
                }
                _ => return false,
            }
        };
        self.changed.notify_waiters();
        before == GrantState::Held
    }

    /// The session has run out. Whether it was held until now.
    pub(crate) fn lose(&self) -> bool {
        let before = std::mem::replace(&mut *self.state.lock(), GrantState::Lost);
        self.changed.notify_waiters();
        matches!(before, GrantState::Held | GrantState::Asked(_))
    }

    /// Asks the game to let go within `move_time`; returns what it gives along, or `None` when the lease stays.
    pub(crate) async fn ask(&self, env: &Env, move_time: Duration, to: &AppId) -> Option<Bytes> {
        {
            let mut state = self.state.lock();
            if *state != GrantState::Held {
                return None;
            }
            *state = GrantState::Asked(to.clone());
        }
        self.changed.notify_waiters();
        let deadline = env.now() + move_time;
        let answer = match &self.move_out {
            Some(move_out) => {
                let answer = AssertUnwindSafe(async { move_out(to.clone()).await }).catch_unwind();
                match env.until(deadline, answer).await {
                    Some(Ok(answer)) => answer.map_err(|status| status.to_string()),
                    Some(Err(_)) => Err("on_move_out panicked".to_owned()),
                    None => Err("on_move_out took longer than ownership.move_ms".to_owned()),
                }
            }
            None => {
                let given_up = self.until(|state| !matches!(state, GrantState::Asked(_)));
                let given_up = env.until(deadline, given_up).await;
                let late = || "it was not dropped within ownership.move_ms".to_owned();
                given_up.map(|_| Bytes::new()).ok_or_else(late)
            }
        };
        if let Err(why) = &answer {
            tracing::info!(lease = %self.id, %to, why, "lease not released to the app that requested it");
        }
        self.settle(answer.ok())
    }

    fn settle(&self, answer: Option<Bytes>) -> Option<Bytes> {
        let mut state = self.state.lock();
        let (next, given) = match (&*state, answer) {
            (GrantState::Asked(_), Some(bytes)) => (GrantState::Given, Some(bytes)),
            (GrantState::Asked(_), None) => (GrantState::Held, None),
            // The game let go meanwhile, so it may go.
            (GrantState::LetGo, bytes) => (GrantState::Given, Some(bytes.unwrap_or_default())),
            _ => return None,
        };
        *state = next;
        drop(state);
        self.changed.notify_waiters();
        given
    }

    /// Waits for a state.
    pub(crate) async fn until(&self, wanted: impl Fn(&GrantState) -> bool) -> GrantState {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            // Before the look, so that no change falls in between.
            changed.as_mut().enable();
            let state = self.state();
            if wanted(&state) {
                return state;
            }
            changed.await;
        }
    }
}
