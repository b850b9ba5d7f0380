//! The app's lease session: opens it, keeps it alive, and opens a new one when it has expired.

use std::sync::Arc;

use guildhall_core::leases::{LeaseSession, Leases};

use crate::ownership::Ownership;
use crate::slots::SlotTable;

/// Renewals in a TTL.
const RENEWALS: u32 = 5;

/// Whether all apps of a deployment have the same number of slots, now and in earlier incarnations (rule 15); `Ok(false)` when the backend
/// does not answer.
///
/// # Errors
/// Another number is recorded; the message says which, and what to do.
pub async fn agree_on_slots<'a>(
    leases: &dyn Leases,
    tables: impl Iterator<Item = &'a SlotTable>,
) -> Result<bool, String> {
    for table in tables {
        let (actor, count) = (table.actor(), u64::from(table.count()));
        match leases.record(&format!("slots/{actor}"), count).await {
            Ok(recorded) if recorded == count => {}
            Ok(recorded) => {
                return Err(format!(
                    "actor.{actor}.slots is {count}, but this deployment began with {recorded}: set it to {recorded}; \
                     another number is an offline migration of all its rows"
                ));
            }
            Err(_) => return Ok(false),
        }
    }
    Ok(true)
}

impl Ownership {
    /// Keeps a session until [`Ownership::close`].
    pub(crate) async fn keep_session(self: Arc<Self>) {
        while !self.session.is_closed() {
            let opened = match (self.backend.open)().await {
                Ok(leases) => self.open_session(leases).await,
                Err(status) => Err(status.message().to_owned()),
            };
            match opened {
                Ok(session) => {
                    self.report(Ok(()));
                    let session = Arc::new(session);
                    self.session.set(Some(&session));
                    self.session.renewed(&session);
                    self.wake.notify_one();
                    self.renew(&session).await;
                    self.session.set(None);
                    if self.session.is_closed() {
                        return;
                    }
                    self.suspend();
                    self.hosts.iter().for_each(|host| host.table().lose_all());
                    self.game.lose_all(true);
                }
                Err(error) => {
                    self.report(Err(error));
                    self.env.sleep(self.config.poll()).await;
                }
            }
        }
    }

    async fn open_session(&self, leases: Arc<dyn Leases>) -> Result<LeaseSession, String> {
        let env = &self.env;
        let (times, deadline) = (self.config.times(), env.now() + self.config.times().ttl);
        let tables = self.hosts.iter().map(|host| host.table());
        match env.until(deadline, agree_on_slots(&*leases, tables)).await {
            Some(Ok(true)) => {}
            Some(Ok(false)) | None => return Err("the lease backend does not answer".to_owned()),
            Some(Err(why)) => return Err(why),
        }
        let opening = LeaseSession::open(env.clone(), leases, self.holder.clone(), times);
        match env.until(deadline, opening).await {
            Some(opened) => opened.map_err(|error| error.to_string()),
            None => Err(format!("no answer within {:?} (ownership.ttl_ms)", times.ttl)),
        }
    }

    /// Renews the session until it is over at the backend. When its time is over by the app's own clock, all that is held is suspended;
    /// when the backend has kept it all the same, everything resumes.
    async fn renew(&self, session: &LeaseSession) {
        let env = &self.env;
        let pause = self.config.times().ttl / RENEWALS;
        let (mut marked, mut failed) = (false, false);
        loop {
            // Other apps see by it that the session is over.
            marked = marked || self.acquire_mark(session).await;
            let left = self.session.left(env);
            // After a failure try again soon: the backend may be restarting.
            let pause_now = if failed { self.config.poll().min(pause) } else { pause };
            let next = env.now() + if left.is_zero() { pause_now } else { pause_now.min(left) };
            let news = async {
                tokio::select! {
                    biased;
                    () = session.over() => {}
                    () = self.session.doubted.notified() => {}
                }
            };
            let _or_time_to_renew = env.until(next, news).await;
            // The app has closed it: nothing is wrong.
            if self.session.is_closed() {
                return;
            }
            if self.session.left(env).is_zero() {
                self.suspend();
            }
            let kept = match session.is_over() {
                false => env.until(env.now() + pause, session.keep_alive()).await,
                true => None,
            };
            // Rule 4: it is over for good, whichever answer has said so.
            if session.is_over() {
                self.report(Err("the lease session is over; another one is opened".to_owned()));
                return;
            }
            failed = !matches!(kept, Some(Ok(())));
            match kept {
                Some(Ok(())) => {
                    self.report(Ok(()));
                    self.session.renewed(session);
                    self.resume();
                }
                Some(Err(error)) => self.report(Err(error.to_string())),
                None => self.report(Err(format!("no answer within {pause:?}"))),
            }
        }
    }

    /// Frees everything that is held, at once and not after the TTL. Nothing may be written any more.
    pub async fn close(&self) {
        // Taken first: the renewing task gives it up as soon as it sees the mark.
        let session = self.session();
        self.session.close();
        let Some(session) = session else { return };
        self.session.invalidate();
        self.game.lose_all(true);
        let deadline = self.env.now() + self.config.times().ttl / RENEWALS;
        match self.env.until(deadline, session.close()).await {
            Some(Ok(())) => {}
            Some(Err(error)) => {
                tracing::warn!(%error, "lease session not closed; its leases end with their TTL");
            }
            None => {
                tracing::warn!("lease session not closed in time; its leases end with their TTL")
            }
        }
    }
}
