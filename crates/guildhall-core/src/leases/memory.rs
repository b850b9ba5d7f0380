//! [`MemoryLeases`]: the whole contract in a process's memory; whoever keeps its epochs makes them durable.

mod board;

use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc};

use super::{
    Acquired, LeaseCapabilities, LeaseChange, LeaseError, LeaseErrorKind, Leases, Transferred,
    Wanted,
};
use crate::store::{Holder, LeaseId};
use crate::{BoxFuture, Env};
use board::Board;

pub use board::{HELD_MAX, RECORDED_MAX, SESSIONS_MAX, WATCH_BUFFER};

/// How far ahead of the grants the kept mark is, so that few grants wait for it.
const AHEAD: u64 = 10_000;

/// No epoch as large as this is asked for: one damaged row must not use up the epochs of all ids.
pub const EPOCH_END: u64 = 0xffff << 48;

/// Leases in memory. Clones share them.
#[derive(Clone)]
pub struct MemoryLeases(Arc<Shared>);

/// Where the largest epoch that may be granted is kept, and what was recorded.
pub trait EpochMark: Send + Sync + 'static {
    /// Keeps `mark` for good. No epoch above the mark that was kept last is granted.
    fn raise(&self, mark: u64) -> BoxFuture<'_, Result<(), LeaseError>>;

    /// Keeps a number under a name for good, unless there is one; which one there is.
    fn record<'a>(&'a self, name: &'a str, number: u64) -> BoxFuture<'a, Result<u64, LeaseError>>;
}

struct Shared {
    env: Env,
    board: Mutex<Board>,
    mark: Option<Arc<dyn EpochMark>>,
    /// One raises the mark at a time.
    raising: tokio::sync::Mutex<()>,
    /// Told of new deadlines, and of the end.
    changed: Arc<Notify>,
}

impl MemoryLeases {
    /// Makes an empty one; TTLs run by the clock of `env`.
    pub fn new(env: Env) -> Self {
        Self::build(env, Board::new(0, u64::MAX), None)
    }

    /// As [`MemoryLeases::new`], with epochs that grow over restarts: `kept` is what `mark` was raised to last.
    pub fn durable(env: Env, kept: u64, mark: Arc<dyn EpochMark>) -> Self {
        Self::build(env, Board::new(kept, kept), Some(mark))
    }

    fn build(env: Env, board: Board, mark: Option<Arc<dyn EpochMark>>) -> Self {
        let board = Mutex::new(board);
        Self(Arc::new(Shared {
            env,
            board,
            mark,
            raising: tokio::sync::Mutex::default(),
            changed: Arc::default(),
        }))
    }

    fn on_board<R>(&self, act: impl FnOnce(&mut Board) -> R) -> R {
        let mut board = self.0.board.lock();
        board.expire(self.0.env.now());
        let done = act(&mut board);
        self.0.changed.notify_one();
        done
    }

    /// As `on_board`, once the mark allows the largest epoch that `act` may grant.
    async fn granting<R>(
        &self,
        operation: &'static str,
        count: usize,
        at_least: u64,
        act: impl FnOnce(&mut Board) -> R,
    ) -> Result<R, LeaseError> {
        if at_least >= EPOCH_END {
            let why = format!(
                "{at_least} was never granted: it is of the last era, which is not used; the row that has it is damaged"
            );
            return Err(LeaseError::new(LeaseErrorKind::Invalid, operation, why));
        }
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        let top = |board: &Board| board.granted.max(at_least).saturating_add(count);
        let mut act = Some(act);
        loop {
            let done = self.on_board(|board| {
                let allowed = top(board) <= board.may_grant;
                act.take_if(|_| allowed).map(|act| act(board))
            });
            if let Some(done) = done {
                return Ok(done);
            }
            let _alone = self.0.raising.lock().await;
            let mark = top(&self.0.board.lock());
            if let Some(kept) = &self.0.mark
                && mark > self.0.board.lock().may_grant
            {
                let mark = mark.saturating_add(AHEAD);
                kept.raise(mark).await?;
                self.0.board.lock().may_grant = mark;
            }
        }
    }
}

impl std::fmt::Debug for MemoryLeases {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let board = self.0.board.lock();
        f.debug_struct("MemoryLeases")
            .field("sessions", &board.sessions.len())
            .field("held", &board.held.len())
            .finish_non_exhaustive()
    }
}

impl Leases for MemoryLeases {
    fn capabilities(&self) -> LeaseCapabilities {
        LeaseCapabilities { durable_epochs: self.0.mark.is_some() }
    }

    fn open<'a>(
        &'a self,
        holder: &'a Holder,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<(), LeaseError>> {
        Box::pin(async move {
            let now = self.0.env.now();
            self.on_board(|board| board.open(holder, ttl, now))
        })
    }

    fn keep_alive<'a>(&'a self, holder: &'a Holder) -> BoxFuture<'a, Result<(), LeaseError>> {
        Box::pin(async move {
            let now = self.0.env.now();
            self.on_board(|board| board.keep_alive(holder, now))
        })
    }

    fn close<'a>(&'a self, holder: &'a Holder) -> BoxFuture<'a, Result<(), LeaseError>> {
        Box::pin(async move {
            self.on_board(|board| board.close(holder));
            Ok(())
        })
    }

    fn acquire<'a>(
        &'a self,
        holder: &'a Holder,
        wanted: &'a [Wanted],
    ) -> BoxFuture<'a, Result<Vec<Acquired>, LeaseError>> {
        Box::pin(async move {
            let at_least = wanted.iter().map(|wish| wish.at_least).max().unwrap_or_default();
            let acquire = |board: &mut Board| board.acquire(holder, wanted);
            self.granting("acquire", wanted.len(), at_least, acquire).await?
        })
    }

    fn release<'a>(
        &'a self,
        holder: &'a Holder,
        grants: &'a [(LeaseId, u64)],
    ) -> BoxFuture<'a, Result<(), LeaseError>> {
        Box::pin(async move {
            self.on_board(|board| {
                grants.iter().for_each(|(id, epoch)| board.release(holder, id, *epoch));
            });
            Ok(())
        })
    }

    fn transfer<'a>(
        &'a self,
        holder: &'a Holder,
        id: &'a LeaseId,
        epoch: u64,
        to: &'a Holder,
        offer: u64,
    ) -> BoxFuture<'a, Result<Transferred, LeaseError>> {
        Box::pin(async move {
            let transfer = |board: &mut Board| board.transfer(holder, id, epoch, to, offer);
            self.granting("transfer", 1, 0, transfer).await?
        })
    }

    fn record<'a>(&'a self, name: &'a str, number: u64) -> BoxFuture<'a, Result<u64, LeaseError>> {
        Box::pin(async move {
            if let Some(mark) = &self.0.mark {
                return mark.record(name, number).await;
            }
            self.on_board(|board| board.record(name, number))
        })
    }

    fn watch<'a>(
        &'a self,
        prefix: &'a str,
    ) -> BoxFuture<'a, Result<mpsc::Receiver<LeaseChange>, LeaseError>> {
        Box::pin(async move {
            let (watch, tended) = self.on_board(|board| board.watch(prefix));
            if !tended {
                let changed = Arc::clone(&self.0.changed);
                self.0.env.spawn("leases.expire", tend(Arc::downgrade(&self.0), changed));
            }
            Ok(watch)
        })
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.changed.notify_one();
    }
}

/// Ends sessions at their deadlines, as long as somebody watches; without watchers nobody can see when it happens.
async fn tend(shared: Weak<Shared>, changed: Arc<Notify>) {
    loop {
        let (env, next) = {
            let Some(shared) = shared.upgrade() else {
                return;
            };
            let mut board = shared.board.lock();
            board.expire(shared.env.now());
            if !board.is_watched() {
                return;
            }
            (shared.env.clone(), board.sessions.values().map(|session| session.deadline).min())
        };
        match next {
            Some(deadline) => drop(env.until(deadline, changed.notified()).await),
            None => changed.notified().await,
        }
    }
}
