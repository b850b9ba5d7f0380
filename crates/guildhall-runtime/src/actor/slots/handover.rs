//! The actors of a slot when it arrives, leaves, or is lost: what ownership asks of a host.

use std::sync::Arc;

use guildhall_core::{AppId, BoxFuture, Env, slot_of};
use guildhall_ownership::{Payload, SlotTable};

use crate::actor::Actor;
use crate::actor::any_host::AnyHost as _;
use crate::actor::engine::{Host, Leave};
use crate::actor::services::ActorServices;
use crate::call::Cx;
use crate::ownership::{Owned, redirect};

impl<A: Actor, S: ActorServices<A>> Owned for Host<A, S> {
    fn table(&self) -> &SlotTable {
        &self.slots
    }

    fn serve(self: Arc<Self>, cx: &Cx, slot: u32, payloads: Vec<Payload>) {
        self.payloads.put(slot, payloads, cx.core.env.now(), self.config.idle());
        self.of_slot(slot).iter().for_each(|cell| cell.go_on());
        for number in 1..=self.config.resident {
            let key = number.to_string();
            if slot_of(&key, self.slots.count()) == slot {
                Arc::clone(&self).activate(cx, &key);
            }
        }
        self.post_early(slot);
    }

    fn leave<'a>(
        &'a self,
        slot: u32,
        to: &'a AppId,
        env: &'a Env,
    ) -> BoxFuture<'a, Option<Vec<Payload>>> {
        Box::pin(async move {
            let leave = Arc::new(Leave::default());
            // After the slot was marked as not served no call gets into a mailbox, so these are all.
            self.of_slot(slot).iter().for_each(|cell| cell.leave(leave.ticket(), to));
            let mut payloads = leave.wait().await?;
            payloads.extend(self.payloads.of_slot(slot, env.now(), self.config.idle()));
            Some(payloads)
        })
    }

    fn drop_slot(&self, slot: u32, to: Option<&AppId>) {
        self.payloads.drop_slot(slot);
        self.of_slot(slot).iter().for_each(|cell| cell.drop_with_slot(to));
        let Some(to) = to else { return };
        for call in self.early.take_slot(slot) {
            redirect(call, to);
        }
    }
}
