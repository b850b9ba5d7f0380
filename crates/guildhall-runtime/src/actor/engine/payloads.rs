//! Payloads of earlier owners for actors that are not active yet.

use std::collections::BTreeMap;
use std::time::Duration;

use guildhall_core::Key;
use guildhall_core::env::Instant;
use guildhall_ownership::Payload;
use parking_lot::Mutex;

/// Payloads of planned moves, by slot and key. A payload belongs to the slot and moves on with it (rule 21), for as long as an idle
/// actor stays in memory: an actor that was idle for longer would not have it either.
#[derive(Default)]
pub(crate) struct Payloads(Mutex<BTreeMap<u32, BTreeMap<Key, Given>>>);

struct Given {
    payload: Payload,
    at: Instant,
}

impl Given {
    fn unused(&self, now: Instant) -> Duration {
        self.payload.unused + now.saturating_duration_since(self.at)
    }
}

impl Payloads {
    pub(crate) fn put(
        &self,
        slot: u32,
        payloads: Vec<Payload>,
        now: Instant,
        idle: Option<Duration>,
    ) {
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

    pub(crate) fn is_empty(&self) -> bool {
        self.0.lock().is_empty()
    }

    /// Takes the payload of one actor.
    pub(crate) fn take(
        &self,
        slot: u32,
        key: &str,
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

    /// Whether there is a payload for an actor: then the actor exists, though it is not active.
    pub(crate) fn has(&self, slot: u32, key: &str, now: Instant, idle: Option<Duration>) -> bool {
        let unused = self.0.lock();
        let given = unused.get(&slot).and_then(|of_slot| of_slot.get(key));
        given.is_some_and(|given| idle.is_none_or(|idle| given.unused(now) < idle))
    }

    pub(crate) fn of_slot(&self, slot: u32, now: Instant, idle: Option<Duration>) -> Vec<Payload> {
        let unused = self.0.lock();
        let of_slot = unused.get(&slot).into_iter().flat_map(BTreeMap::values);
        let kept = of_slot.filter(|given| idle.is_none_or(|idle| given.unused(now) < idle));
        kept.map(|given| Payload { unused: given.unused(now), ..given.payload.clone() }).collect()
    }

    pub(crate) fn drop_slot(&self, slot: u32) {
        self.0.lock().remove(&slot);
    }
}
