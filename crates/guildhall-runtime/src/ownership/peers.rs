//! Which apps' lease sessions have ended: their slots belong to other apps, although discovery and the links still know them.
//!
//! An app that hangs keeps its links, and discovery forgets it only after `app.discovery_ttl_ms`. Its lease session is over earlier, and
//! that is reason enough to give its slots to others. So every session holds one more lease, its mark, which is free when the session
//! is over, and all apps watch the marks.

use std::collections::BTreeMap;
use std::sync::Arc;

use guildhall_core::Incarnation;
use guildhall_core::leases::{Acquired, LeaseChange, LeaseErrorKind, LeaseSession, Wanted};
use guildhall_core::store::{Holder, LeaseId};
use tokio::sync::mpsc;

use crate::app::AppInner;

/// What the ids of marks begin with at the lease backend. No slot has such an id: after `NAME/` comes a number there.
const PREFIX: &str = "app//";

/// The mark of one life of an app; no other life ever asks for it.
fn mark(holder: &Holder) -> LeaseId {
    let Incarnation(life) = holder.incarnation;
    format!("{PREFIX}{}/{life}", holder.app).into()
}

/// Acquires the mark of a session; whether it is held. A backend that has just restarted may refuse at first: ask again.
pub(super) async fn acquire_mark(app: &AppInner, session: &LeaseSession) -> bool {
    let own = &app.ownership;
    let wanted = [Wanted { id: mark(&own.holder), at_least: own.floor(app).await }];
    let deadline = app.env.now() + own.config.poll();
    match app.env.until(deadline, session.acquire(&wanted)).await {
        Some(Ok(answers)) => matches!(answers.as_slice(), [Acquired::Held { .. }]),
        Some(Err(error)) => {
            if error.kind != LeaseErrorKind::Unavailable {
                tracing::debug!(%error, "the mark of the lease session is not held; asking again");
            }
            false
        }
        None => false,
    }
}

/// Tells the mesh which apps' sessions end and begin again. Ends with the app.
pub(crate) async fn watch_peers(app: Arc<AppInner>) {
    // Nothing of another process is there to be watched.
    if app.backends.leases.is_alone() {
        return;
    }
    loop {
        if let Ok(leases) = app.backends.leases.get().await
            && let Ok(changes) = leases.watch(PREFIX).await
        {
            follow(&app, changes).await;
        }
        app.env.sleep(app.ownership.config.poll()).await;
    }
}

/// Follows one watch to its end. A mark that a snapshot lacks says nothing: a backend that has restarted may not know it yet.
async fn follow(app: &AppInner, mut changes: mpsc::Receiver<LeaseChange>) {
    // As many as the backend has sessions.
    let mut marks: BTreeMap<LeaseId, Holder> = BTreeMap::new();
    while let Some(change) = changes.recv().await {
        match change {
            LeaseChange::Held(id, holding) => {
                app.mesh.session_begins(&holding.holder.app, holding.holder.incarnation);
                marks.insert(id, holding.holder);
            }
            LeaseChange::Free(id) => {
                let holder = marks.remove(&id);
                // It may be the mark of an earlier session: so the backend is asked.
                if holder.as_ref() == Some(&app.ownership.holder) {
                    app.ownership.session_doubted.notify_one();
                } else if let Some(holder) = holder {
                    app.mesh.session_ends(&holder.app, holder.incarnation);
                }
            }
            LeaseChange::Synced => {}
        }
    }
}
