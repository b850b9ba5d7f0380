//! Asks for one of the game's own leases: the lease backend first, then, if it is to be taken over, who holds it.

use std::sync::Arc;

use bytes::Bytes;
use guildhall_core::env::Instant;
use guildhall_core::leases::{Acquired, LeaseErrorKind, LeaseSession, Origin, Wanted};
use guildhall_core::status::reason;
use guildhall_core::store::{Holder, LeaseId};
use guildhall_core::{Code, Status};

use super::grant::{Grant, MoveOut};
use super::handover::ask_holder;
use super::users::{Busy, PREFIX};
use crate::app::AppInner;

/// One question for a lease.
pub(super) struct Ask {
    pub(super) app: Arc<AppInner>,
    pub(super) id: LeaseId,
    pub(super) move_out: Option<MoveOut>,
    pub(super) deadline: Instant,
}

type Got = (Arc<Grant>, Bytes);

impl Ask {
    pub(super) async fn get(&self, takes_over: bool) -> Result<Got, Status> {
        let session = self.session().await?;
        let given_here = self.enter(takes_over).await?;
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
        if !self.app.mesh.is_linked(&holder.app, holder.incarnation) {
            return Err(self.taken(
                &holder,
                "holds it and cannot be asked; it is free when its session is over",
            ));
        }
        if let Some((epoch, from)) = self.take_over(&holder, epoch).await {
            return self.held(&session, epoch, Some(from));
        }
        // It may be free, or transferred all the same: the lease backend knows (rule 21).
        match self.acquire(&session).await? {
            Acquired::Held { epoch, from } => self.held(&session, epoch, from),
            Acquired::Taken { holder, .. } => Err(self.taken(&holder, "does not let go of it")),
        }
    }

    /// The app's session, which may be about to be opened.
    async fn session(&self) -> Result<Arc<LeaseSession>, Status> {
        let own = &self.app.ownership;
        let env = &self.app.env;
        let opened = async {
            loop {
                if let Some(session) = own.session().filter(|_| own.is_valid(env)) {
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

    /// Makes this the one question of this app; what a holder in this app gives along.
    async fn enter(&self, takes_over: bool) -> Result<Bytes, Status> {
        let own = &self.app.ownership;
        let max = own.config.user_leases_max;
        let why = match own.users.enter(&self.id, max) {
            Ok(()) => return Ok(Bytes::new()),
            Err(Busy::Here(grant)) if takes_over => {
                if let Some(given) = grant.ask(&self.app, &self.app.id).await {
                    own.users.enter_after(&grant);
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
        let own = &self.app.ownership;
        let at_least = own.floor(&self.app).await;
        let wanted = [Wanted { id: Arc::clone(&self.id), at_least }];
        let answer = self.app.env.until(self.deadline, session.acquire(&wanted)).await;
        own.heard(&self.app, session);
        let why = match answer {
            Some(Ok(mut answers)) if answers.len() == 1 => return Ok(answers.remove(0)),
            Some(Ok(_)) => "the lease backend answers something else".to_owned(),
            Some(Err(error)) if error.kind != LeaseErrorKind::Unavailable => {
                own.users.leave(&self.id);
                return Err(unavailable(self.name(), &error.to_string()));
            }
            Some(Err(error)) => error.to_string(),
            None => "the lease backend does not answer".to_owned(),
        };
        // It may have been granted.
        own.users.stray(&self.id, None);
        Err(unavailable(self.name(), &why))
    }

    /// Asks the holder; the grant, if it has come here.
    async fn take_over(&self, holder: &Holder, epoch: u64) -> Option<(u64, Origin)> {
        let left = self.deadline.saturating_duration_since(self.app.env.now());
        let within = left.min(self.app.ownership.config.move_time() * 3);
        let asked = ask_holder(&self.app, &self.id, (holder, epoch), 0, within).await;
        asked.unwrap_or_else(|status| {
            tracing::debug!(%status, %holder, "a lease was not handed over");
            None
        })
    }

    fn held(
        &self,
        session: &Arc<LeaseSession>,
        epoch: u64,
        from: Option<Origin>,
    ) -> Result<Got, Status> {
        let grant = Grant::new(Arc::clone(&self.id), epoch, self.move_out.clone());
        let got = self.app.ownership.users.granted((&self.app, session), grant, from);
        got.ok_or_else(|| unavailable(self.name(), "the session has run out meanwhile"))
    }

    fn taken(&self, holder: &Holder, does: &str) -> Status {
        self.app.ownership.users.leave(&self.id);
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
