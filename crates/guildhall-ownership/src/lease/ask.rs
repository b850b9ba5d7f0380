//! Asks for a game lease: the lease backend first, then, if it is taken over, its holder.

use std::sync::Arc;

use bytes::Bytes;
use guildhall_core::env::Instant;
use guildhall_core::leases::{Acquired, LeaseErrorKind, LeaseSession, Origin, Wanted};
use guildhall_core::status::reason;
use guildhall_core::store::{Holder, LeaseId};
use guildhall_core::{Code, Status};

use crate::game_leases::{Busy, Grant, MoveOut, PREFIX};
use crate::mesh::HandedOver;
use crate::ownership::Ownership;

/// One question for a lease.
pub(super) struct Ask {
    pub(super) own: Arc<Ownership>,
    pub(super) id: LeaseId,
    pub(super) move_out: Option<MoveOut>,
    pub(super) deadline: Instant,
}

type Got = (Arc<Grant>, Bytes);

impl Ask {
    pub(super) async fn get(&self, takes_over: bool) -> Result<Got, Status> {
        let session = self.session().await?;
        let given_here = self.begin(takes_over).await?;
        let (holder, epoch) = match self.acquire(&session).await? {
            Acquired::Held { epoch, from } => {
                let (grant, given) = self.held(&session, epoch, from)?;
                return Ok((grant, if given.is_empty() { given_here } else { given }));
            }
            Acquired::Taken { holder, epoch } => (holder, epoch),
        };
        if !takes_over {
            return Err(self.taken(&holder, "holds it"));
        }
        if !self.own.mesh.is_linked(&holder) {
            return Err(self.taken(
                &holder,
                "holds it and cannot be asked; it is free when its session is over",
            ));
        }
        if let Some(HandedOver { epoch, from }) = self.take_over(&holder, epoch).await {
            return self.held(&session, epoch, Some(from));
        }
        // It may be free, or transferred all the same: the lease backend knows (rule 21).
        match self.acquire(&session).await? {
            Acquired::Held { epoch, from } => self.held(&session, epoch, from),
            Acquired::Taken { holder, .. } => Err(self.taken(&holder, "does not let go of it")),
        }
    }

    /// The app's session, which may still be opening.
    async fn session(&self) -> Result<Arc<LeaseSession>, Status> {
        let (own, env) = (&self.own, &self.own.env);
        let opened = async {
            loop {
                if let Some(session) = own.session().filter(|_| own.is_valid()) {
                    return session;
                }
                env.sleep(own.config.poll() / 10).await;
            }
        };
        let session = env.until(self.deadline, opened).await;
        session.ok_or_else(|| {
            unavailable(self.name(), "the app has no session with the lease backend")
        })
    }

    /// Makes this the one question of this app; returns what a holder in this app gives along.
    async fn begin(&self, takes_over: bool) -> Result<Bytes, Status> {
        let own = &self.own;
        let max = own.config.user_leases_max;
        let why = match own.game.begin_asking(&self.id, max) {
            Ok(()) => return Ok(Bytes::new()),
            Err(Busy::Here(grant)) if takes_over => {
                let move_time = own.config.move_time();
                if let Some(given) = grant.ask(&own.env, move_time, &own.holder.app).await {
                    own.game.begin_asking_after(&grant);
                    return Ok(given);
                }
                "this app does not let go of it"
            }
            Err(Busy::Here(_)) => "this app holds it",
            Err(Busy::Soon) => "this app asks for it, or hands it over",
            Err(Busy::Full) => {
                let why = format!("the app has {max} leases (ownership.user_leases_max)");
                return Err(Status::not_run(Code::ResourceExhausted, reason::OVERLOADED, why));
            }
        };
        Err(self.refused(why))
    }

    async fn acquire(&self, session: &LeaseSession) -> Result<Acquired, Status> {
        let own = &self.own;
        let at_least = own.epoch_floor().await;
        let wanted = [Wanted { id: Arc::clone(&self.id), at_least }];
        let answer = own.env.until(self.deadline, session.acquire(&wanted)).await;
        own.check_over(session);
        let why = match answer {
            Some(Ok(mut answers)) if answers.len() == 1 => return Ok(answers.remove(0)),
            Some(Ok(_)) => "the lease backend answers something else".to_owned(),
            Some(Err(error)) if error.kind != LeaseErrorKind::Unavailable => {
                own.game.forget(&self.id);
                return Err(unavailable(self.name(), &error.to_string()));
            }
            Some(Err(error)) => error.to_string(),
            None => "the lease backend does not answer".to_owned(),
        };
        // It may have been granted.
        own.game.unwanted(&self.id, None);
        Err(unavailable(self.name(), &why))
    }

    /// Asks the holder; what it has handed over.
    async fn take_over(&self, holder: &Holder, epoch: u64) -> Option<HandedOver> {
        let own = &self.own;
        let deadline = self.deadline.min(own.env.now() + own.config.move_time() * 3);
        let asked = own.ask_holder(&self.id, (holder, epoch), 0, deadline).await;
        asked.unwrap_or_else(|status| {
            tracing::debug!(lease = %self.id, %holder, %status, "lease not handed over");
            None
        })
    }

    fn held(
        &self,
        session: &LeaseSession,
        epoch: u64,
        from: Option<Origin>,
    ) -> Result<Got, Status> {
        let own = &self.own;
        let grant = Grant::new(Arc::clone(&self.id), epoch, self.move_out.clone());
        let got = own.game.granted((&own.env, &own.session, session), grant, from);
        got.ok_or_else(|| unavailable(self.name(), "the session has run out meanwhile"))
    }

    fn taken(&self, holder: &Holder, does: &str) -> Status {
        self.own.game.forget(&self.id);
        self.refused(&format!("{} {does}", holder.app))
    }

    fn refused(&self, why: &str) -> Status {
        let why = format!("lease {}: {why}", self.name());
        Status::not_run(Code::FailedPrecondition, reason::NOT_THE_OWNER, why)
    }

    fn name(&self) -> &str {
        self.id.trim_start_matches(PREFIX)
    }
}

pub(super) fn unavailable(id: &str, why: &str) -> Status {
    Status::not_run(Code::Unavailable, reason::NOT_READY, format!("lease {id}: {why}"))
}
