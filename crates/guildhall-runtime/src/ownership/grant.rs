//! [`Grant`]: one holding of a lease that the game has asked for, and how it ends.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt as _;
use guildhall_core::store::LeaseId;
use guildhall_core::{AppId, BoxFuture, Status};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::app::AppInner;

/// What the game does when another app asks for its lease: what it gives along, or why it does not let go.
pub(super) type MoveOut =
    Arc<dyn Fn(AppId) -> BoxFuture<'static, Result<Bytes, Status>> + Send + Sync>;

/// One holding of a lease.
pub(super) struct Grant {
    pub(super) id: LeaseId,
    pub(super) epoch: u64,
    move_out: Option<MoveOut>,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    Held,
    /// That app wants it; it is held until the game lets go.
    Asked(AppId),
    /// The game has let go before anybody had asked, or while somebody did.
    LetGo,
    /// It goes to who has asked.
    Given,
    /// The session has run out.
    Lost,
}

impl Grant {
    pub(super) fn new(id: LeaseId, epoch: u64, move_out: Option<MoveOut>) -> Self {
        Self { id, epoch, move_out, state: Mutex::new(State::Held), changed: Notify::new() }
    }

    pub(super) fn state(&self) -> State {
        self.state.lock().clone()
    }

    pub(super) fn is_held(&self) -> bool {
        matches!(*self.state.lock(), State::Held | State::Asked(_))
    }

    /// The game does not want it any more. Whether it is to be given back: not while somebody takes it over.
    pub(super) fn let_go(&self) -> bool {
        let before = {
            let mut state = self.state.lock();
            match *state {
                State::Held | State::Asked(_) => std::mem::replace(&mut *state, State::LetGo),
                _ => return false,
            }
        };
        self.changed.notify_waiters();
        before == State::Held
    }

    /// The session has run out. Whether it was held until now.
    pub(super) fn lose(&self) -> bool {
        let before = std::mem::replace(&mut *self.state.lock(), State::Lost);
        self.changed.notify_waiters();
        matches!(before, State::Held | State::Asked(_))
    }

    /// Asks the game to let go; what it gives along, or `None` when it stays. At the end of a move's time it stays.
    pub(super) async fn ask(&self, app: &AppInner, to: &AppId) -> Option<Bytes> {
        {
            let mut state = self.state.lock();
            if *state != State::Held {
                return None;
            }
            *state = State::Asked(to.clone());
        }
        self.changed.notify_waiters();
        let deadline = app.env.now() + app.ownership.config.move_time();
        let answer = match &self.move_out {
            Some(move_out) => {
                let answer = AssertUnwindSafe(async { move_out(to.clone()).await }).catch_unwind();
                match app.env.until(deadline, answer).await {
                    Some(Ok(answer)) => answer.map_err(|status| status.to_string()),
                    Some(Err(_)) => {
                        Err("what is done when it is asked for has panicked".to_owned())
                    }
                    None => Err("it takes longer than ownership.move_ms".to_owned()),
                }
            }
            None => {
                let given_up = self.until(|state| !matches!(state, State::Asked(_)));
                let given_up = app.env.until(deadline, given_up).await;
                given_up.map(|_| Bytes::new()).ok_or_else(|| "nobody lets go of it".to_owned())
            }
        };
        if let Err(why) = &answer {
            tracing::info!(lease = %self.id, %to, why, "a lease stays");
        }
        self.settle(answer.ok())
    }

    fn settle(&self, answer: Option<Bytes>) -> Option<Bytes> {
        let mut state = self.state.lock();
        let (next, given) = match (&*state, answer) {
            (State::Asked(_), Some(bytes)) => (State::Given, Some(bytes)),
            (State::Asked(_), None) => (State::Held, None),
            // It was let go meanwhile, so it may go.
            (State::LetGo, bytes) => (State::Given, Some(bytes.unwrap_or_default())),
            _ => return None,
        };
        *state = next;
        drop(state);
        self.changed.notify_waiters();
        given
    }

    /// Waits for a state.
    pub(super) async fn until(&self, wanted: impl Fn(&State) -> bool) -> State {
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
