//! Gives back game leases that nothing in this app needs.

use std::sync::Arc;

use guildhall_core::leases::{Acquired, LeaseSession, Wanted};
use guildhall_core::store::LeaseId;

use crate::game_leases::ToGiveBack;
use crate::ownership::Ownership;

impl Ownership {
    /// Gives back what nothing here needs, until the app ends.
    pub(crate) async fn give_back(self: Arc<Self>) {
        loop {
            self.game.to_give_back.notified().await;
            while !self.give_back_once().await {
                self.env.sleep(self.config.poll()).await;
            }
        }
    }

    /// One round; whether nothing is left.
    async fn give_back_once(&self) -> bool {
        let Some(session) = self.session() else {
            // A session that is opened anew holds nothing.
            self.game.forget_unwanted();
            return true;
        };
        let ToGiveBack { grants, unknown } = self.game.begin_giving_back();
        let all_known = unknown.is_empty() || self.find_epochs(&session, &unknown).await;
        let deadline = self.env.now() + self.config.times().ttl;
        let released = grants.is_empty()
            || matches!(self.env.until(deadline, session.release(&grants)).await, Some(Ok(())));
        if released {
            self.game.given_back(&grants);
        }
        all_known && released && unknown.is_empty()
    }

    /// Acquires leases that may be ours, to know under which epoch they can be given back. Whether the backend has answered.
    async fn find_epochs(&self, session: &LeaseSession, ids: &[LeaseId]) -> bool {
        let wish = |id: &LeaseId| Wanted { id: Arc::clone(id), at_least: 0 };
        let wanted: Vec<Wanted> = ids.iter().map(wish).collect();
        let deadline = self.env.now() + self.config.times().ttl;
        let answers = self.env.until(deadline, session.acquire(&wanted)).await;
        self.check_over(session);
        let Some(Ok(answers)) = answers else {
            ids.iter().for_each(|id| self.game.unwanted(id, None));
            return false;
        };
        for (id, answer) in ids.iter().zip(answers) {
            match answer {
                Acquired::Held { epoch, .. } => self.game.unwanted(id, Some(epoch)),
                Acquired::Taken { .. } => self.game.forget(id),
            }
        }
        true
    }
}
