//! Marks: which apps' lease sessions have ended. The slots of such an app belong to other apps, although discovery and links still know it.
//!
//! An app that hangs keeps its links, and discovery forgets it only after `app.discovery_ttl_ms`. Its lease session is over earlier, and
//! that is reason enough to give its slots to other apps. So every session holds one more lease, its mark, which is free when the session
//! is over, and all apps watch the marks.

use std::collections::BTreeMap;
use std::sync::Arc;

use guildhall_core::Incarnation;
use guildhall_core::leases::{Acquired, LeaseChange, LeaseErrorKind, LeaseSession, Wanted};
use guildhall_core::store::{Holder, LeaseId};
use tokio::sync::mpsc;

use crate::ownership::Ownership;

/// Prefix of the ids of marks at the lease backend. No slot has such an id: in it a number follows `NAME/`.
const PREFIX: &str = "app//";

/// The mark of one incarnation of an app; no other incarnation ever asks for it.
fn mark(holder: &Holder) -> LeaseId {
    let Incarnation(incarnation) = holder.incarnation;
    format!("{PREFIX}{}/{incarnation}", holder.app).into()
}

impl Ownership {
    /// Acquires the mark of a session; whether it is held. A backend that has just restarted may refuse at first: ask again.
    pub(crate) async fn acquire_mark(&self, session: &LeaseSession) -> bool {
        let wanted = [Wanted { id: mark(&self.holder), at_least: self.epoch_floor().await }];
        let deadline = self.env.now() + self.config.poll();
        match self.env.until(deadline, session.acquire(&wanted)).await {
            Some(Ok(answers)) => matches!(answers.as_slice(), [Acquired::Held { .. }]),
            Some(Err(error)) => {
                if error.kind != LeaseErrorKind::Unavailable {
                    tracing::debug!(%error, "mark of the lease session not acquired; trying again");
                }
                false
            }
            None => false,
        }
    }

    /// Tells the mesh which apps' sessions end and begin again. Ends with the app.
    pub(crate) async fn watch_marks(self: Arc<Self>) {
        if self.backend.is_private {
            return;
        }
        loop {
            if let Ok(leases) = (self.backend.open)().await
                && let Ok(changes) = leases.watch(PREFIX).await
            {
                self.follow_marks(changes).await;
            }
            self.env.sleep(self.config.poll()).await;
        }
    }

    /// Follows one watch to its end. A mark that a snapshot lacks says nothing: a backend that has restarted may not know it yet.
    async fn follow_marks(&self, mut changes: mpsc::Receiver<LeaseChange>) {
        // As many as the backend has sessions.
        let mut marks: BTreeMap<LeaseId, Holder> = BTreeMap::new();
        while let Some(change) = changes.recv().await {
            match change {
                LeaseChange::Held(id, holding) => {
                    self.mesh.session_began(&holding.holder);
                    marks.insert(id, holding.holder);
                }
                LeaseChange::Free(id) => {
                    let holder = marks.remove(&id);
                    // Our own: it may be the mark of an earlier session, so the backend is asked.
                    if holder.as_ref() == Some(&self.holder) {
                        self.session.doubted.notify_one();
                    } else if let Some(holder) = holder {
                        self.mesh.session_ended(&holder);
                    }
                }
                LeaseChange::Synced => {}
            }
        }
    }
}
