//! [`MemoryLeases`]: the in-memory implementation; a hub keeps its state in a file, which makes it durable.

mod file;
mod board;

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc};

use super::{
    Acquired, LeaseCapabilities, LeaseChange, LeaseError, LeaseErrorKind, Leases, Opened,
    Transferred, Wanted,
};
use crate::env::Instant;
use crate::env::deadlines::{Expires, expire};
use crate::store::{Holder, LeaseId};
use crate::{BoxFuture, Env};
use board::Board;

pub use board::{HELD_MAX, RECORDED_MAX, SESSIONS_MAX, WATCH_BUFFER};
pub use file::{KeptLeases, KeptSession, LeaseChanges, LeaseFile};

/// No epoch as large as this is asked for: one damaged row must not use up the epochs of all ids.
pub const EPOCH_END: u64 = 0xffff << 48;

/// Leases in memory. Clones share them.
#[derive(Clone)]
pub struct MemoryLeases(Arc<Shared>);

struct Shared {
    env: Env,
    board: Mutex<Board>,
    file: Option<Arc<dyn LeaseFile>>,
    /// One keeps what has changed at a time; what changes meanwhile is kept together.
    keeping: tokio::sync::Mutex<()>,
    /// Told of new deadlines, and of the end.
    changed: Arc<Notify>,
}

impl MemoryLeases {
    /// Makes an empty one; TTLs run by the clock of `env`.
    pub fn new(env: Env) -> Self {
        Self::build(env, Board::new(), None)
    }

    /// As [`MemoryLeases::new`], and nothing that was answered is forgotten over a restart: `kept` is what `file` has kept, and
    /// each session in it lives for a whole TTL from now on.
    pub fn durable(env: Env, kept: KeptLeases, file: Arc<dyn LeaseFile>) -> Self {
        let board = Board::kept_until(kept, env.now());
        Self::build(env, board, Some(file))
    }

    fn build(env: Env, board: Board, file: Option<Arc<dyn LeaseFile>>) -> Self {
        let board = Mutex::new(board);
        Self(Arc::new(Shared {
            env,
            board,
            file,
            keeping: tokio::sync::Mutex::default(),
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

    /// As `on_board`; what it returns may be answered, because all that led to it is kept.
    async fn changing<R>(&self, act: impl FnOnce(&mut Board) -> R) -> Result<R, LeaseError> {
        let done = self.on_board(act);
        let Some(file) = &self.0.file else { return Ok(done) };
        // Whoever keeps it at this moment may fail, or be dropped: it stays to be kept.
        let _alone = self.0.keeping.lock().await;
        let changes = self.0.board.lock().to_keep();
        if let Some(changes) = changes {
            file.save(&changes).await?;
            self.0.board.lock().kept(&changes);
        }
        Ok(done)
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
        LeaseCapabilities { durable_epochs: self.0.file.is_some() }
    }

    fn open<'a>(
        &'a self,
        holder: &'a Holder,
        instead_of: Option<u64>,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<Opened, LeaseError>> {
        Box::pin(async move {
            let now = self.0.env.now();
            self.changing(|board| board.open(holder, instead_of, ttl, now)).await?
        })
    }

    fn keep_alive<'a>(
        &'a self,
        holder: &'a Holder,
        session: u64,
    ) -> BoxFuture<'a, Result<(), LeaseError>> {
        Box::pin(async move {
            let now = self.0.env.now();
            self.on_board(|board| board.keep_alive(holder, session, now))
        })
    }

    fn close<'a>(
        &'a self,
        holder: &'a Holder,
        session: u64,
    ) -> BoxFuture<'a, Result<(), LeaseError>> {
        Box::pin(self.changing(move |board| board.close(holder, session)))
    }

    fn acquire<'a>(
        &'a self,
        holder: &'a Holder,
        wanted: &'a [Wanted],
    ) -> BoxFuture<'a, Result<Vec<Acquired>, LeaseError>> {
        Box::pin(async move {
            if let Some(wish) = wanted.iter().find(|wish| wish.at_least >= EPOCH_END) {
                let why = format!(
                    "{} was never granted: it is of the last era, which is not used; the row of {} that has it is damaged",
                    wish.at_least, wish.id
                );
                return Err(LeaseError::new(LeaseErrorKind::Invalid, "acquire", why));
            }
            self.changing(|board| board.acquire(holder, wanted)).await?
        })
    }

    fn release<'a>(
        &'a self,
        holder: &'a Holder,
        grants: &'a [(LeaseId, u64)],
    ) -> BoxFuture<'a, Result<(), LeaseError>> {
        Box::pin(self.changing(move |board| {
            grants.iter().for_each(|(id, epoch)| board.release(holder, id, *epoch));
        }))
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
            self.changing(|board| board.transfer(holder, id, epoch, to, offer)).await
        })
    }

    fn record<'a>(&'a self, name: &'a str, number: u64) -> BoxFuture<'a, Result<u64, LeaseError>> {
        Box::pin(async move {
            if let Some(file) = &self.0.file {
                return file.record(name, number).await;
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
                self.0.env.spawn("leases.expire", expire(Arc::downgrade(&self.0), changed));
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

impl Expires for Shared {
    fn expire(&self) -> Option<(Env, Option<Instant>)> {
        let mut board = self.board.lock();
        board.expire(self.env.now());
        let next = board.sessions.values().map(|session| session.deadline).min();
        board.is_watched().then(|| (self.env.clone(), next))
    }
}
