//! Acquires slots from the lease backend, and applies its answers to the slot table.

use std::sync::Arc;

use guildhall_core::leases::{Acquired, LeaseSession, Wanted};

use crate::host::SlotHost;
use crate::ownership::{BrokenRule, Ownership};
use crate::slots::Change;

impl Ownership {
    /// Asks the lease backend for slots of one actor type, each with the largest epoch seen for it. Whether it has answered.
    pub(crate) async fn acquire(
        &self,
        session: &LeaseSession,
        host: &dyn SlotHost,
        slots: &[(u32, u64)],
    ) -> bool {
        let floor = self.epoch_floor().await;
        let table = host.table();
        let wish = |(slot, seen): &(u32, u64)| Wanted {
            id: Arc::clone(table.lease(*slot)),
            at_least: floor.max(*seen),
        };
        let wanted: Vec<Wanted> = slots.iter().map(wish).collect();
        let deadline = self.env.now() + self.config.times().ttl;
        let answers = self.env.until(deadline, session.acquire(&wanted)).await;
        self.check_over(session);
        match answers {
            // What an earlier session was granted, its end has freed.
            Some(Ok(_)) if !self.session.is(session) => false,
            Some(Ok(answers)) => {
                for ((slot, _), answer) in slots.iter().zip(answers) {
                    self.apply(host, *slot, answer);
                }
                true
            }
            Some(Err(_)) if session.is_over() => false,
            Some(Err(error)) => {
                tracing::warn!(%error, actor = table.actor(), "slots not acquired; trying again");
                false
            }
            None => false,
        }
    }

    /// Does what an answer of the lease backend means for a slot.
    pub(crate) fn apply(&self, host: &dyn SlotHost, slot: u32, answer: Acquired) {
        let answer = match answer {
            Acquired::Taken { epoch, .. } if self.lacks(BrokenRule::LeaseBeforeServing) => {
                Acquired::Held { epoch: epoch + 1, from: None }
            }
            answer => answer,
        };
        match host.table().acquired(slot, answer) {
            Change::None => {}
            Change::Serve(payloads) => host.serve_slot(slot, payloads),
            Change::Drop(to) => host.drop_slot(slot, to.as_ref()),
        }
    }

    /// Asks at once for a grant of a slot of `actor` above an epoch that a row has seen (rule 12). The present holder's grant ends
    /// with it.
    pub async fn acquire_above(&self, actor: &str, slot: u32, epoch: u64) {
        let host = self.hosts.iter().find(|host| host.table().actor() == actor);
        let Some(host) = host else { return };
        host.table().doubt(slot, epoch);
        if let Some(session) = self.session() {
            self.acquire(&session, &**host, &[(slot, epoch)]).await;
        }
    }

    /// The epoch to ask above: those of earlier eras. A backend that forgets its epochs is asked for epochs above those of earlier
    /// incarnations.
    pub(crate) async fn epoch_floor(&self) -> u64 {
        let durable = match (self.backend.open)().await {
            Ok(leases) => leases.capabilities().durable_epochs,
            Err(_) => true,
        };
        let count = if durable { 0 } else { self.holder.incarnation.started_ms() };
        u64::from(self.config.era) << 48 | count & 0xffff_ffff_ffff
    }
}
