//! [`Lease`]: game leases, for work that one app does at a time: a raid boss, the end of a season, an import.

mod ask;
mod give;
mod give_back;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use guildhall_core::env::Instant;
use guildhall_core::leases::LeaseChange;
use guildhall_core::status::reason;
use guildhall_core::store::LeaseId;
use guildhall_core::{AppId, Code, Status, outside};

use crate::game_leases::{Grant, GrantState, MoveOut, PREFIX};
use crate::ownership::Ownership;
use ask::{Ask, unavailable};

/// Bytes of an id.
const ID_MAX: usize = 128;

/// A game lease, by its id: at most one app of the deployment holds it at a time. From `Cx::lease`.
///
/// It belongs to the app's lease session: the leases of a crashed app are free after `ownership.ttl_ms`. When the lease session runs
/// out, **all** leases of the app are lost, and the framework does not acquire them again. All waits have the deadline of the `Cx`.
#[derive(Clone)]
#[must_use = "a lease is held only after `acquire` or `take_over`"]
pub struct Lease {
    own: Arc<Ownership>,
    id: String,
    wait: LeaseWait,
    move_out: Option<MoveOut>,
}

/// How long the operations of a [`Lease`] wait for answers.
#[derive(Clone, Copy, Debug)]
pub struct LeaseWait {
    /// Time for one operation.
    pub timeout: Duration,
    /// Deadline of all operations, if there is one.
    pub deadline: Option<Instant>,
}

/// A held game lease. Dropping it releases the lease.
#[must_use = "the lease is released when this is dropped"]
pub struct LeaseGuard {
    own: Arc<Ownership>,
    grant: Arc<Grant>,
    given: Bytes,
}

/// The reason why [`LeaseGuard::lost`] has returned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeaseLoss {
    /// Another app asks for the lease. It is held until the guard is dropped, or until [`Lease::on_move_out`] releases it.
    AskedFor(AppId),
    /// The lease is not held any more: the lease session has run out, or the asking app has it.
    Gone,
}

impl Ownership {
    /// A lease by its id: 1 to 128 letters, digits and `-_./`.
    pub fn lease(self: &Arc<Self>, id: impl Into<String>, wait: LeaseWait) -> Lease {
        Lease { own: Arc::clone(self), id: id.into(), wait, move_out: None }
    }

    /// Keeps a session and gives back what must be given back, from the first lease on.
    fn begin_game_leases(self: &Arc<Self>) {
        if !self.game.begin() {
            return;
        }
        if !self.has_hosts() {
            self.env.spawn("lease-session", Arc::clone(self).keep_session());
        }
        self.env.spawn("leases.give-back", Arc::clone(self).give_back());
    }
}

impl Lease {
    /// Sets the callback for another app's request ([`Lease::take_over`], [`Lease::kick`]). Within `ownership.move_ms` it should stop
    /// the work that the lease protects, and return the payload for the next holder. `Ok` releases the lease; after an error, a panic,
    /// or beyond the time, the lease stays.
    ///
    /// Without a callback the lease is released if the [`LeaseGuard`] is dropped within that time, and stays otherwise.
    pub fn on_move_out<F, W>(self, move_out: F) -> Self
    where
        F: Fn(AppId) -> W + Send + Sync + 'static,
        W: Future<Output = Result<Bytes, Status>> + Send + 'static,
    {
        Self { move_out: Some(Arc::new(move |to| Box::pin(move_out(to)))), ..self }
    }

    /// Asks for the lease once.
    ///
    /// # Errors
    /// `FailedPrecondition` (`NOT_THE_OWNER`): another app, or this one, holds it, as the message says. `Unavailable`: the lease
    /// backend does not answer. `ResourceExhausted`: the app holds `ownership.user_leases_max` leases.
    ///
    /// # Cancel safety
    /// After dropping the future, a lease that is granted is released.
    pub async fn acquire(&self) -> Result<LeaseGuard, Status> {
        self.ask(false).await
    }

    /// Acquires the lease, and asks its holder to release it; [`LeaseGuard::given`] is the holder's payload.
    ///
    /// # Errors
    /// Those of [`Lease::acquire`]; also when the holder does not release the lease, and when it has crashed and its lease session is
    /// not over yet.
    ///
    /// # Cancel safety
    /// After dropping the future, a lease that is granted is released, and the payload is lost.
    pub async fn take_over(&self) -> Result<LeaseGuard, Status> {
        self.ask(true).await
    }

    /// Takes the lease over and releases it; returns the holder's payload.
    ///
    /// # Errors
    /// Those of [`Lease::take_over`].
    ///
    /// # Cancel safety
    /// That of [`Lease::take_over`].
    pub async fn kick(&self) -> Result<Bytes, Status> {
        let mut held = self.take_over().await?;
        let given = held.given();
        held.release().await?;
        Ok(given)
    }

    /// The app that holds the lease; it may have changed when this returns.
    ///
    /// # Errors
    /// `Unavailable`: the lease backend does not answer.
    pub async fn holder(&self) -> Result<Option<AppId>, Status> {
        let id = self.checked_id()?;
        let leases = (self.own.backend.open)().await?;
        let looking = async {
            let mut changes = leases.watch(&id).await.map_err(|error| error.to_string())?;
            let mut holder = None;
            loop {
                match changes.recv().await {
                    Some(LeaseChange::Held(of, holding)) if of == id => {
                        holder = Some(holding.holder.app);
                    }
                    Some(LeaseChange::Synced) => return Ok(holder),
                    Some(_) => {}
                    None => return Err("the lease backend was lost".to_owned()),
                }
            }
        };
        let looked = self.own.env.until(self.deadline(), looking).await;
        let looked = looked.unwrap_or_else(|| Err("the lease backend does not answer".to_owned()));
        looked.map_err(|why| unavailable(&self.id, &why))
    }

    async fn ask(&self, takes_over: bool) -> Result<LeaseGuard, Status> {
        let own = Arc::clone(&self.own);
        let (id, deadline) = (self.checked_id()?, self.deadline());
        own.begin_game_leases();
        let ask = Ask { own, id, move_out: self.move_out.clone(), deadline };
        // In a task of its own: dropped half-way, it would leave unknown whether the lease is held.
        let asking = self.own.env.spawn("lease", async move {
            let got = ask.get(takes_over).await?;
            let (grant, given) = got;
            Ok(LeaseGuard { own: ask.own, grant, given })
        });
        let ends = || unavailable(&self.id, "the app ends");
        asking.await.ok().flatten().unwrap_or_else(|| Err(ends()))
    }

    fn deadline(&self) -> Instant {
        let own = self.own.env.now() + self.wait.timeout;
        self.wait.deadline.map_or(own, |deadline| deadline.min(own))
    }

    fn checked_id(&self) -> Result<LeaseId, Status> {
        let id = &self.id;
        let may = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte);
        if (1..=ID_MAX).contains(&id.len()) && id.bytes().all(may) {
            return Ok(format!("{PREFIX}{id}").into());
        }
        let id = outside(id);
        let why = format!("`{id}` is no id of a lease: 1 to {ID_MAX} letters, digits and -_./");
        Err(Status::not_run(Code::InvalidArgument, reason::BAD_REQUEST, why))
    }
}

impl LeaseGuard {
    /// Epoch of this grant. Each grant of an id has a larger epoch than all before: a receiver that keeps the largest one that it has
    /// seen can refuse what an earlier holder sends late.
    pub fn epoch(&self) -> u64 {
        self.grant.epoch
    }

    /// Whether the lease is held, also by the clock of this app, which ends it `ownership.margin_ms` before the lease backend does.
    pub fn is_valid(&self) -> bool {
        self.grant.is_held() && self.own.is_valid()
    }

    /// Waits until another app asks for the lease, or the lease is lost. After the loss it returns at once.
    ///
    /// # Cancel safety
    /// Dropping the future misses nothing: the next call returns it.
    pub async fn lost(&self) -> LeaseLoss {
        match self.grant.until(|state| *state != GrantState::Held).await {
            GrantState::Asked(to) => LeaseLoss::AskedFor(to),
            _ => LeaseLoss::Gone,
        }
    }

    /// Returns the previous holder's payload, once.
    pub fn given(&mut self) -> Bytes {
        std::mem::take(&mut self.given)
    }

    /// Releases the lease and waits until it is free. A lost lease is not affected.
    ///
    /// # Errors
    /// `Unavailable`: the lease backend does not answer. The lease becomes free later, at the latest with the end of the lease
    /// session.
    ///
    /// # Cancel safety
    /// After dropping the future, the lease becomes free a little later.
    pub async fn release(self) -> Result<(), Status> {
        let own = &self.own;
        let Some(session) = own.session().filter(|_| own.game.let_go(&self.grant)) else {
            return Ok(());
        };
        let grant = [(Arc::clone(&self.grant.id), self.grant.epoch)];
        let deadline = own.env.now() + own.config.move_time();
        let id = self.grant.id.trim_start_matches(PREFIX);
        match own.env.until(deadline, session.release(&grant)).await {
            Some(Ok(())) => Ok(()),
            Some(Err(error)) => Err(unavailable(id, &error.to_string())),
            None => Err(unavailable(id, "the lease backend does not answer")),
        }
    }
}

impl Drop for LeaseGuard {
    fn drop(&mut self) {
        self.own.game.let_go(&self.grant);
    }
}

impl std::fmt::Debug for Lease {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lease").field("id", &self.id).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for LeaseGuard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LeaseGuard")
            .field("id", &self.grant.id)
            .field("epoch", &self.grant.epoch)
            .field("valid", &self.is_valid())
            .finish_non_exhaustive()
    }
}
