//! The actors of a type by slot: served while this app owns the slot, and moved with it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use guildhall_core::env::Instant;
use guildhall_core::{AppId, BoxFuture, Env, Key, slot_of};
use guildhall_ownership::{Elsewhere, Payload, SlotTable};
use parking_lot::Mutex;

use super::leave::Leave;
use super::room::Room;
use super::services::ActorServices;
use super::{Actor, Home as _};
use crate::app::AppInner;
use crate::ownership::{Owned, redirect};
use crate::turn::Call;

/// What earlier owners gave for actors that are not active yet. It belongs to the slot, and goes on with it (rule 21), for as long as
/// an actor that nobody calls stays in memory: one that was idle for longer would not have it either.
#[derive(Default)]
pub(super) struct Unused(Mutex<BTreeMap<u32, BTreeMap<Key, Given>>>);

struct Given {
    payload: Payload,
    at: Instant,
}

impl Given {
    fn unused(&self, now: Instant) -> Duration {
        self.payload.unused + now.saturating_duration_since(self.at)
    }
}

impl Unused {
    fn put(&self, slot: u32, payloads: Vec<Payload>, now: Instant, idle: Option<Duration>) {
        let mut unused = self.0.lock();
        if !payloads.is_empty() {
            let given = payloads.into_iter().map(|payload| (payload.key.clone(), payload));
            let given = given.map(|(key, payload)| (key, Given { payload, at: now }));
            unused.entry(slot).or_default().extend(given);
        }
        if let Some(idle) = idle {
            unused.retain(|_, of_slot| {
                of_slot.retain(|_, given| given.unused(now) < idle);
                !of_slot.is_empty()
            });
        }
    }

    /// Takes what was given for one actor.
    pub(super) fn take(
        &self,
        slot: u32,
        key: &Key,
        now: Instant,
        idle: Option<Duration>,
    ) -> Option<Payload> {
        let mut unused = self.0.lock();
        let of_slot = unused.get_mut(&slot)?;
        let given = of_slot.remove(key);
        if of_slot.is_empty() {
            unused.remove(&slot);
        }
        let given = given.filter(|given| idle.is_none_or(|idle| given.unused(now) < idle));
        given.map(|given| given.payload)
    }

    /// Whether something was given for an actor: then there is one, though it is not active.
    pub(super) fn has(&self, slot: u32, key: &Key, now: Instant, idle: Option<Duration>) -> bool {
        let unused = self.0.lock();
        let given = unused.get(&slot).and_then(|of_slot| of_slot.get(key));
        given.is_some_and(|given| idle.is_none_or(|idle| given.unused(now) < idle))
    }

    fn of_slot(&self, slot: u32, now: Instant, idle: Option<Duration>) -> Vec<Payload> {
        let unused = self.0.lock();
        let of_slot = unused.get(&slot).into_iter().flat_map(BTreeMap::values);
        let kept = of_slot.filter(|given| idle.is_none_or(|idle| given.unused(now) < idle));
        kept.map(|given| Payload { unused: given.unused(now), ..given.payload.clone() }).collect()
    }

    fn drop_slot(&self, slot: u32) {
        self.0.lock().remove(&slot);
    }
}

impl<A: Actor, S: ActorServices<A>> Room<A, S> {
    /// A call for a slot that is not served here: it waits, or goes where the slot is.
    pub(super) fn post_elsewhere(self: &Arc<Self>, slot: u32, call: Call) {
        let app = Arc::clone(&call.cx.app);
        let places = app.mesh.places(A::NAME);
        let named = places.as_ref().map(|places| places.owner(slot));
        match self.slots.elsewhere(slot, &app.id, named) {
            Elsewhere::At(to) => redirect(call, &to),
            Elsewhere::Wait => {
                self.early.hold(&app.env, app.ownership.config(), slot, call);
                // It may have come between the two looks.
                if self.slots.epoch(slot) > 0 {
                    self.post_early(slot);
                }
            }
        }
    }

    /// Asks for a grant above what a row has seen (rule 12).
    pub(super) async fn acquire_above(self: Arc<Self>, app: &Arc<AppInner>, slot: u32, epoch: u64) {
        app.ownership.acquire_above(A::NAME, slot, epoch).await;
    }

    fn post_early(self: &Arc<Self>, slot: u32) {
        for call in self.early.take_slot(slot) {
            self.post_body(call);
        }
    }
}

impl<A: Actor, S: ActorServices<A>> Owned for Room<A, S> {
    fn table(&self) -> &SlotTable {
        &self.slots
    }

    fn serve(self: Arc<Self>, app: &Arc<AppInner>, slot: u32, payloads: Vec<Payload>) {
        self.unused.put(slot, payloads, app.env.now(), self.config.idle());
        self.of_slot(slot).iter().for_each(|cell| cell.go_on());
        for number in 1..=self.config.resident {
            let key = number.to_string();
            if slot_of(&key, self.slots.count()) == slot {
                Arc::clone(&self).enter(app, &key);
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
            payloads.extend(self.unused.of_slot(slot, env.now(), self.config.idle()));
            Some(payloads)
        })
    }

    fn drop_slot(&self, slot: u32, to: Option<&AppId>) {
        self.unused.drop_slot(slot);
        self.of_slot(slot).iter().for_each(|cell| cell.drop_with_slot(to));
        let Some(to) = to else { return };
        for call in self.early.take_slot(slot) {
            redirect(call, to);
        }
    }
}
