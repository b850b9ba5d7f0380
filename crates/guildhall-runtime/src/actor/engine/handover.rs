//! [`SlotHost`] for a host: the actors of a slot when it arrives, leaves, or is lost.

use std::sync::{Arc, Weak};

use guildhall_core::{AppId, BoxFuture, slot_of};
use guildhall_ownership::{Payload, SlotHost, SlotTable};

use crate::actor::Actor;
use crate::actor::any_host::AnyHost as _;
use crate::actor::engine::cell::host::Host;
use crate::actor::engine::leave::Leave;
use crate::actor::services::ActorServices;
use crate::call::{Core, Cx};
use crate::ownership::redirect;

/// A host as ownership sees it. It does not keep the app, which keeps it; without the app, nothing is served.
pub(super) struct HostOfSlots<A: Actor, S> {
    pub(super) core: Weak<Core>,
    pub(super) host: Arc<Host<A, S>>,
}

impl<A: Actor, S: ActorServices<A>> SlotHost for HostOfSlots<A, S> {
    fn table(&self) -> &SlotTable {
        &self.host.slots
    }

    fn serve_slot(&self, slot: u32, payloads: Vec<Payload>) {
        let (Some(core), host) = (self.core.upgrade(), &self.host) else { return };
        host.payloads.put(slot, payloads, core.env.now(), host.config.idle());
        host.of_slot(slot).iter().for_each(|cell| cell.go_on());
        let cx = Cx::outside(&core);
        for number in 1..=host.config.resident {
            let key = number.to_string();
            if slot_of(&key, host.slots.count()) == slot {
                Arc::clone(host).activate(&cx, &key);
            }
        }
        host.post_early(slot);
    }

    fn leave_slot<'a>(&'a self, slot: u32, to: &'a AppId) -> BoxFuture<'a, Option<Vec<Payload>>> {
        Box::pin(async move {
            let (core, host) = (self.core.upgrade()?, &self.host);
            let leave = Arc::new(Leave::default());
            // After the slot was marked as not served no call gets into a mailbox, so these are all.
            host.of_slot(slot).iter().for_each(|cell| cell.leave(leave.ticket(), to));
            let mut payloads = leave.wait().await?;
            payloads.extend(host.payloads.of_slot(slot, core.env.now(), host.config.idle()));
            Some(payloads)
        })
    }

    fn drop_slot(&self, slot: u32, to: Option<&AppId>) {
        self.host.payloads.drop_slot(slot);
        self.host.of_slot(slot).iter().for_each(|cell| cell.drop_with_slot(to));
        let Some(to) = to else { return };
        for call in self.host.early.take_slot(slot) {
            redirect(call, to);
        }
    }
}
