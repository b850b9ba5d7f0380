//! The app's session with the lease backend: opened, kept alive, and opened again when it has run out.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use guildhall_core::leases::{LeaseSession, Leases};

use super::keeper::say_news;
use super::peers::acquire_mark;
use super::{Owned, Ownership};
use crate::app::AppInner;
use crate::mutation::Mutation;

/// Its name among the parts of the app that can be unwell.
const PART: &str = "leases";

/// Renewals in a TTL.
const RENEWALS: u32 = 5;

/// Keeps a session until [`Ownership::close`].
pub(crate) async fn keep_session(app: Arc<AppInner>) {
    let own = &app.ownership;
    while !own.closed.load(Ordering::Acquire) {
        let opened = match app.backends.leases.get().await {
            Ok(leases) => open(&app, Arc::clone(leases)).await,
            Err(status) => Err(status.message().to_owned()),
        };
        match opened {
            Ok(session) => {
                app.health.set(PART, Ok(()));
                let session = Arc::new(session);
                *own.session.lock() = Some(Arc::clone(&session));
                own.renewed(&session);
                own.wake.notify_one();
                renew(&app, &session).await;
                *own.session.lock() = None;
                if own.closed.load(Ordering::Acquire) {
                    return;
                }
                own.suspend(&app);
                own.rooms.iter().for_each(|room| room.table().lose_all());
                own.users.lose_all(true);
            }
            Err(error) => {
                app.health.set(PART, Err(error));
                app.env.sleep(own.config.poll()).await;
            }
        }
    }
}

/// Whether all apps of a deployment have the same number of slots, now and in earlier lives (rule 15).
///
/// # Errors
/// Another number is recorded; `Ok(false)` when the backend does not say.
pub(crate) async fn check_slots(
    leases: &dyn Leases,
    rooms: &[Arc<dyn Owned>],
) -> Result<bool, String> {
    for room in rooms {
        let table = room.table();
        let (actor, count) = (table.actor, u64::from(table.count()));
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

async fn open(app: &Arc<AppInner>, leases: Arc<dyn Leases>) -> Result<LeaseSession, String> {
    let own = &app.ownership;
    let (times, deadline) = (own.config.times(), app.env.now() + own.config.times().ttl);
    match app.env.until(deadline, check_slots(&*leases, &own.rooms)).await {
        Some(Ok(true)) => {}
        Some(Ok(false)) | None => return Err("the lease backend does not answer".to_owned()),
        Some(Err(why)) => return Err(why),
    }
    let opening = LeaseSession::open(app.env.clone(), leases, own.holder.clone(), times);
    match app.env.until(deadline, opening).await {
        Some(opened) => opened.map_err(|error| error.to_string()),
        None => Err(format!("no answer within {:?} (ownership.ttl_ms)", times.ttl)),
    }
}

/// Renews the session until it is over at the backend. When its time is over here, all that is held is suspended; when the backend
/// has kept it all the same, all goes on.
async fn renew(app: &Arc<AppInner>, session: &LeaseSession) {
    let own = &app.ownership;
    let pause = own.config.times().ttl / RENEWALS;
    let (mut marked, mut failed) = (false, false);
    loop {
        // Others see by it that the session is over.
        marked = marked || acquire_mark(app, session).await;
        let left = own.left(app);
        // One that has failed is tried again soon: the backend may just begin anew.
        let pause_now = if failed { own.config.poll().min(pause) } else { pause };
        let next = app.env.now() + if left.is_zero() { pause_now } else { pause_now.min(left) };
        let news = async {
            tokio::select! {
                biased;
                () = session.over() => {}
                () = own.session_doubted.notified() => {}
            }
        };
        let _or_time_to_renew = app.env.until(next, news).await;
        if own.left(app).is_zero() {
            own.suspend(app);
        }
        let kept = match session.is_over() {
            false => app.env.until(app.env.now() + pause, session.keep_alive()).await,
            true => None,
        };
        // Rule 4: it is over for good, whichever answer has said so.
        if session.is_over() {
            let why = "the lease session is over; another one is opened".to_owned();
            app.health.set(PART, Err(why));
            return;
        }
        failed = !matches!(kept, Some(Ok(())));
        match kept {
            Some(Ok(())) => {
                app.health.set(PART, Ok(()));
                own.renewed(session);
                own.resume(app);
            }
            Some(Err(error)) => app.health.set(PART, Err(error.to_string())),
            None => app.health.set(PART, Err(format!("no answer within {pause:?}"))),
        }
    }
}

impl Ownership {
    /// Whether this is the session that the app has now: what another one was granted counts no more.
    pub(super) fn is_present(&self, session: &LeaseSession) -> bool {
        self.session.lock().as_deref().is_some_and(|present| std::ptr::eq(present, session))
    }

    /// After any answer of the lease backend: when it has said that the session is over, nothing is served from now on, whatever the
    /// own clock says.
    pub(super) fn heard(&self, app: &AppInner, session: &LeaseSession) {
        if session.is_over() && self.is_present(session) {
            self.suspend(app);
        }
    }

    fn renewed(&self, session: &LeaseSession) {
        let until = session.valid_until().unwrap_or_default();
        let until = u64::try_from(until.as_nanos()).unwrap_or(u64::MAX);
        self.valid_until.store(until, Ordering::Release);
        // It may have ended between the two.
        if session.is_over() {
            self.valid_until.store(0, Ordering::Release);
        }
    }

    /// How long what is held is held.
    fn left(&self, app: &AppInner) -> Duration {
        let until = Duration::from_nanos(self.valid_until.load(Ordering::Acquire));
        until.saturating_sub(app.env.boot_time())
    }

    /// Rule 6: nothing is served, and no new write begins; what is in memory is kept.
    fn suspend(&self, app: &AppInner) {
        if app.lacks(Mutation::DeadlineOfAnswers) {
            return;
        }
        if self.valid_until.swap(0, Ordering::AcqRel) > 0 {
            app.counters.suspensions.add(1);
            tracing::warn!(
                "the lease session has run out: actors wait until it is clear who owns them"
            );
        }
        for table in self.rooms.iter().map(|room| room.table()) {
            let slots = table.suspend();
            if slots > 0 {
                tracing::warn!(actor = table.actor, slots, "slots are suspended");
            }
        }
        let lost = self.users.lose_all(false);
        if lost > 0 {
            tracing::warn!(lost, "the lease session has run out: the game's own leases are lost");
        }
    }

    /// Frees all that is held, at once and not after the TTL: nothing is written any more.
    pub(crate) async fn close(&self, app: &AppInner) {
        self.closed.store(true, Ordering::Release);
        let Some(session) = self.session() else { return };
        self.valid_until.store(0, Ordering::Release);
        self.users.lose_all(true);
        let deadline = app.env.now() + self.config.times().ttl / RENEWALS;
        match app.env.until(deadline, session.close()).await {
            Some(Ok(())) => {}
            Some(Err(error)) => tracing::warn!(%error, "the leases go with their TTL"),
            None => tracing::warn!("the leases go with their TTL: no answer"),
        }
    }

    fn resume(&self, app: &Arc<AppInner>) {
        for room in &self.rooms {
            for slot in room.table().resume() {
                Arc::clone(room).serve(app, slot, Vec::new());
            }
            say_news(room);
        }
    }
}
