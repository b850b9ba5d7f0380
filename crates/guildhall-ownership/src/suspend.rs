//! Suspends all slots when the lease session runs out, and resumes them when the backend has kept it (rule 6).

use guildhall_core::leases::LeaseSession;

use crate::ownership::{BrokenRule, Ownership};

impl Ownership {
    /// After any answer of the lease backend: once one has said that the session is over, nothing is served, whatever the app's own
    /// clock says.
    pub(crate) fn check_over(&self, session: &LeaseSession) {
        if session.is_over() && self.session.is(session) {
            self.suspend();
        }
    }

    /// Rule 6: nothing is served, and no new write begins; what is in memory is kept.
    pub(crate) fn suspend(&self) {
        if self.lacks(BrokenRule::DeadlineOfAnswers) {
            return;
        }
        if self.session.invalidate() {
            self.meters.suspensions.add(1);
            tracing::warn!(
                "lease session expired: actors are suspended until their leases are held again"
            );
        }
        for table in self.hosts.iter().map(|host| host.table()) {
            let slots = table.suspend();
            if slots > 0 {
                tracing::warn!(actor = table.actor(), slots, "slots suspended");
            }
        }
        let lost = self.game.lose_all(false);
        if lost > 0 {
            tracing::warn!(lost, "lease session expired: game leases lost");
        }
    }

    /// The backend has kept the session: what is held under it is served again.
    pub(crate) fn resume(&self) {
        for host in &self.hosts {
            for slot in host.table().resume() {
                host.serve_slot(slot, Vec::new());
            }
            host.table().log_served();
        }
    }
}
