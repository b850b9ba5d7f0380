//! [`Lease`]: what a game does in one app at a time, whatever it is: a raid's boss, a season's end, an import.

use std::sync::Arc;

use bytes::Bytes;
use guildhall_core::leases::LeaseChange;
use guildhall_core::status::reason;
use guildhall_core::store::LeaseId;
use guildhall_core::{AppId, Code, Status, outside};

use super::ask::{Ask, unavailable};
use super::grant::{Grant, MoveOut, State};
use super::users::PREFIX;
use crate::app::AppInner;
use crate::call::default_deadline;
use crate::codegen::Cx;

/// Bytes of an id.
const ID_MAX: usize = 128;

/// A lease of the game's own, by its id: at most one app of the deployment holds it at a time. From [`Cx::lease`].
///
/// It lasts as long as the app's session with the lease backend (`ownership.ttl_ms`): a crashed app's leases are free after that.
/// When the session runs out, **all** leases of the app are lost, and nobody acquires them again but the game. All waits have the
/// deadline of the `Cx`.
#[derive(Clone)]
pub struct Lease {
    cx: Cx,
    id: String,
    move_out: Option<MoveOut>,
}

/// A lease that is held. Dropping it lets it go.
pub struct Held {
    app: Arc<AppInner>,
    grant: Arc<Grant>,
    given: Bytes,
}

/// Why [`Held::lost`] has returned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lost {
    /// That app wants it. It is held until this is dropped, or until [`Lease::on_move_out`] lets it go.
    AskedFor(AppId),
    /// It is not held any more: the session has run out, or who has asked for it has it.
    Gone,
}

impl Cx {
    /// A lease by its id: 1 to 128 letters, digits and `-_./`.
    pub fn lease(&self, id: impl Into<String>) -> Lease {
        Lease { cx: self.clone(), id: id.into(), move_out: None }
    }
}

impl Lease {
    /// What to do when another app asks for the lease ([`Lease::take_over`], [`Lease::kick`]), within `ownership.move_ms`: end
    /// what it protects, and return what the next holder is to know. The lease goes when it returns `Ok`; after an error, a
    /// panic, or too late, it stays.
    ///
    /// Without it the lease goes when [`Held`] is dropped within that time, and stays otherwise.
    #[must_use]
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
    /// `FailedPrecondition` (`NOT_THE_OWNER`): it is held, in another app or in this one, as the message says. `Unavailable`: the lease
    /// backend does not answer. `ResourceExhausted`: the app has `ownership.user_leases_max` of them.
    ///
    /// # Cancel safety
    /// Dropped, it is let go if it comes.
    pub async fn acquire(&self) -> Result<Held, Status> {
        self.ask(false).await
    }

    /// As [`Lease::acquire`], and whoever holds it is asked to let go; [`Held::given`] is what he gives along.
    ///
    /// # Errors
    /// As those of `acquire`: also when the holder does not let go, and when he is gone and his session is not over yet.
    ///
    /// # Cancel safety
    /// Dropped, it is let go if it comes, and what was given along is lost.
    pub async fn take_over(&self) -> Result<Held, Status> {
        self.ask(true).await
    }

    /// Asks whoever holds it to let go, and frees it; what he gave along.
    ///
    /// # Errors
    /// As those of [`Lease::take_over`].
    ///
    /// # Cancel safety
    /// As that of [`Lease::take_over`].
    pub async fn kick(&self) -> Result<Bytes, Status> {
        let mut held = self.take_over().await?;
        let given = held.given();
        held.release().await?;
        Ok(given)
    }

    /// The app that holds it. It may be another one when this returns.
    ///
    /// # Errors
    /// `Unavailable`: the lease backend does not answer.
    pub async fn holder(&self) -> Result<Option<AppId>, Status> {
        let id = self.checked_id()?;
        let leases = self.cx.leases().await?;
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
        let deadline = default_deadline(&self.cx);
        let looked = self.cx.app.env.until(deadline, looking).await;
        let looked = looked.unwrap_or_else(|| Err("the lease backend does not answer".to_owned()));
        looked.map_err(|why| unavailable(&self.id, &why))
    }

    async fn ask(&self, takes_over: bool) -> Result<Held, Status> {
        let app = Arc::clone(&self.cx.app);
        let id = self.checked_id()?;
        let deadline = default_deadline(&self.cx);
        app.ownership.users.begin(&app);
        let ask = Ask { app, id, move_out: self.move_out.clone(), deadline };
        // In a task of its own: dropped half-way, nobody would know whether it is held.
        let asking = self.cx.app.env.spawn("lease", async move {
            let got = ask.get(takes_over).await?;
            let (grant, given) = got;
            Ok(Held { app: ask.app, grant, given })
        });
        let ends = || unavailable(&self.id, "the app ends");
        asking.await.ok().flatten().unwrap_or_else(|| Err(ends()))
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

impl Held {
    /// Of this grant. Each grant of an id has a larger epoch than all before: what keeps the largest one that it has seen can refuse
    /// what a holder of before sends late.
    pub fn epoch(&self) -> u64 {
        self.grant.epoch
    }

    /// Whether it is held, by the clock of this app too, which is earlier than that of the lease backend (`ownership.margin_ms`).
    pub fn is_valid(&self) -> bool {
        self.grant.is_held() && self.app.ownership.is_valid(&self.app.env)
    }

    /// Waits until another app asks for it, or it is lost. Once it has been lost it returns at once.
    ///
    /// # Cancel safety
    /// Dropped, it misses nothing: what it has not returned, the next one does.
    pub async fn lost(&self) -> Lost {
        match self.grant.until(|state| *state != State::Held).await {
            State::Asked(to) => Lost::AskedFor(to),
            _ => Lost::Gone,
        }
    }

    /// What the holder before gave along, once.
    pub fn given(&mut self) -> Bytes {
        std::mem::take(&mut self.given)
    }

    /// Lets it go, and waits until it is free. When it was lost already, nothing changes.
    ///
    /// # Errors
    /// `Unavailable`: the lease backend does not answer. It is free later, at the end of the session at the latest.
    ///
    /// # Cancel safety
    /// Dropped, it is free a little later.
    pub async fn release(self) -> Result<(), Status> {
        let own = &self.app.ownership;
        let Some(session) = own.session().filter(|_| own.users.let_go(&self.grant)) else {
            return Ok(());
        };
        let grant = [(Arc::clone(&self.grant.id), self.grant.epoch)];
        let deadline = self.app.env.now() + own.config.move_time();
        let id = self.grant.id.trim_start_matches(PREFIX);
        match self.app.env.until(deadline, session.release(&grant)).await {
            Some(Ok(())) => Ok(()),
            Some(Err(error)) => Err(unavailable(id, &error.to_string())),
            None => Err(unavailable(id, "the lease backend does not answer")),
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.app.ownership.users.let_go(&self.grant);
    }
}

impl std::fmt::Debug for Lease {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lease").field("id", &self.id).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Held")
            .field("id", &self.grant.id)
            .field("epoch", &self.grant.epoch)
            .field("valid", &self.is_valid())
            .finish_non_exhaustive()
    }
}
