//! [`AnyHost`] for a host: access without the actor type.

use std::any::TypeId;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use guildhall_core::store::{LeaseId, Table};
use guildhall_core::{BoxFuture, Key};
use guildhall_ownership::{SlotHost, SlotTable};
use guildhall_wire::Session;

use crate::actor::any_host::AnyHost;
use crate::actor::config::ActorConfig;
use crate::actor::engine::cell::host::Host;
use crate::actor::engine::handover::HostOfSlots;
use crate::actor::services::ActorServices;
use crate::actor::{Actor, DeactivateReason};
use crate::call::service::Drain;
use crate::call::{Core, Cx};

impl<A: Actor, S: ActorServices<A>> AnyHost for Host<A, S> {
    fn actor(&self) -> TypeId {
        TypeId::of::<A>()
    }

    fn name(&self) -> &'static str {
        A::NAME
    }

    fn config(&self) -> &ActorConfig {
        &self.config
    }

    fn tables(&self) -> &[&'static Table] {
        &self.tables
    }

    fn due_rows(&self) -> Option<&'static Table> {
        self.tables.first().copied().filter(|_| self.wakes)
    }

    fn slots(&self) -> &SlotTable {
        &self.slots
    }

    fn for_ownership(self: Arc<Self>, core: Weak<Core>) -> Arc<dyn SlotHost> {
        Arc::new(HostOfSlots { core, host: self })
    }

    fn count(&self) -> usize {
        self.count.get()
    }

    fn keys(&self) -> Vec<Key> {
        self.cells().iter().map(|cell| cell.row_key()).collect()
    }

    fn close(&self, key: &str) -> bool {
        self.close_for(key, DeactivateReason::Asked)
    }

    fn session_over(&self, key: &str, session: &Arc<Session>) {
        if let Some(cell) = self.find(key) {
            cell.session_over(Arc::clone(session));
        }
    }

    fn serves(&self, key: &str) -> bool {
        self.slots.epoch(self.slot_of(key)) > 0
    }

    fn activate(self: Arc<Self>, cx: &Cx, key: &str) {
        // With the slot locked: the actor is not forgotten meanwhile.
        match self.lock(self.slot_of(key), key).find_or_make(&cx.core) {
            Some(cell) => cell.activate(),
            None => {
                let max = self.config.actors_max;
                tracing::error!(
                    actor = A::NAME,
                    key,
                    max,
                    "resident not activated: actors_max reached"
                );
            }
        }
    }

    fn activate_sleeping(self: Arc<Self>, cx: &Cx, key: &str) -> bool {
        if self.closed.load(Ordering::Acquire) || !self.serves(key) {
            return false;
        }
        let mut cells = self.lock(self.slot_of(key), key);
        if cells.find().is_some() {
            return false;
        }
        // An actor for which there is no room now is found again in a later round.
        if let Some(cell) = cells.make(&cx.core) {
            cell.activate();
        }
        true
    }

    fn may_remove(&self, key: &str, lease: &LeaseId) -> bool {
        let leased = self.slots.lease(self.slot_of(key)) == lease;
        leased && self.serves(key) && self.find(key).is_none()
    }
}

impl<A: Actor, S: ActorServices<A>> Drain for Host<A, S> {
    fn drain(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            self.closed.store(true, Ordering::Release);
            self.cells().iter().for_each(|cell| cell.close(DeactivateReason::Drain));
            self.count.wait_empty().await;
            self.clear();
        })
    }

    fn save(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            self.closed.store(true, Ordering::Release);
            self.cells().iter().for_each(|cell| cell.end());
            self.count.wait_empty().await;
            self.clear();
        })
    }

    fn abandon(&self) {
        self.closed.store(true, Ordering::Release);
        for cell in self.cells() {
            self.remove(&cell);
            cell.abandon();
        }
        self.clear();
    }
}
