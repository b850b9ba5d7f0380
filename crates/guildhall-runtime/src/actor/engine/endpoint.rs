//! How calls get to their actors: from the service table into a mailbox.

use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use guildhall_core::rpc::find_key;
use guildhall_core::status::reason;
use guildhall_core::{Code, Key, KeyText, MethodDesc, ServiceDesc};

use guildhall_ownership::Elsewhere;

use crate::actor::Actor;
use crate::actor::engine::cell::Cell;
use crate::actor::engine::cell::host::Host;
use crate::actor::services::ActorServices;
use crate::call::Cx;
use crate::call::chain::{self, actor_id};
use crate::call::key::KeySlot;
use crate::call::reply::ReplyPort;
use crate::call::service::{Claim, Wanted};
use crate::call::service::{HandlerFuture, Incoming, Service};
use crate::call::turn::Call;
use crate::ownership::redirect;

/// One service of an actor type.
pub(crate) struct Endpoint<A: Actor, S> {
    pub(crate) host: Arc<Host<A, S>>,
    pub(crate) service: usize,
    pub(crate) desc: &'static ServiceDesc,
    pub(crate) actor: PhantomData<fn(A)>,
}

impl<A: Actor, S: ActorServices<A>> Service for Endpoint<A, S> {
    fn desc(&self) -> &'static ServiceDesc {
        self.desc
    }

    fn actor(&self) -> Option<(&'static str, u32)> {
        Some((A::NAME, self.host.slots.count()))
    }

    fn claim(&self, wanted: &Wanted<'_>, key: &str, slot: Option<KeySlot>) -> Option<Claim> {
        if self.host.closed.load(Ordering::Acquire) || wanted.method.key.is_none() {
            return None;
        }
        let slot = slot.filter(|slot| slot.of == self.host.slots.count());
        let slot = slot.map_or_else(|| self.host.slot_of(key), |slot| slot.at);
        let (actor, is_idle) = self.host.claim((slot, key), wanted)?;
        Some(Claim { actor, service: self.service, is_idle })
    }

    fn dispatch(&self, call: Incoming<'_>) -> Option<HandlerFuture> {
        let Incoming { cx, method, body, reply } = call;
        if self.host.closed.load(Ordering::Acquire) {
            reply.refuse(Code::Unavailable, reason::GOING_AWAY, "this app drains");
            return None;
        }
        let Some(field) = method.key else {
            self.host.cast_to_all(self.service, &cx, method, &body.keep().bytes());
            return None;
        };
        let slot = body.slot().filter(|slot| slot.of == self.host.slots.count());
        match body.key(field) {
            Ok(key) => key.with_text(|key| match key {
                Ok(key) => {
                    let (service, body) = (self.service, body.keep());
                    let slot = slot.map_or_else(|| self.host.slot_of(key), |slot| slot.at);
                    self.host.post((slot, key), Call { service, method, cx, body, reply });
                }
                Err(why) => {
                    let why = format!("{}: {why}", method.path);
                    reply.refuse(Code::InvalidArgument, reason::BAD_KEY, why);
                }
            }),
            Err(why) => reply.refuse(Code::InvalidArgument, reason::BAD_REQUEST, why),
        }
        None
    }
}

impl<A: Actor, S: ActorServices<A>> Host<A, S> {
    /// Claims the actor of a key for a caller that is polled now and waits for nothing but the reply; `None` where the call has to
    /// take the way of all others.
    fn claim(
        self: &Arc<Self>,
        (slot, key): (u32, &str),
        wanted: &Wanted<'_>,
    ) -> Option<(Arc<Cell<A, S>>, bool)> {
        let head = wanted.head.map(|head| &**head);
        if chain::problem(head, || actor_id(A::NAME, KeyText::Text(key))).is_some() {
            return None;
        }
        let mut cells = self.lock(slot, key);
        // With the slot locked: what ends the slot finds what runs.
        if self.slots.epoch(slot) == 0 {
            return None;
        }
        let cell = match cells.find() {
            Some(cell) => cell,
            // Nobody would look at one that is not claimed.
            None if cells.is_here(&wanted.cx.core) => &cells.make(&wanted.cx.core)?,
            None => return None,
        };
        if cell.cycle(head).is_some() {
            return None;
        }
        let is_idle = cell.claim()?;
        Some((Arc::clone(cell), is_idle))
    }

    /// Puts a call into the mailbox of its actor, or refuses it.
    fn post(self: &Arc<Self>, (slot, key): (u32, &str), call: Call) {
        let me = || actor_id(A::NAME, KeyText::Text(key));
        if let Some(cycle) = chain::problem(call.cx.head.as_deref(), me) {
            call.deadlock(cycle);
            return;
        }
        let mut cells = self.lock(slot, key);
        // With the slot locked: what ends the slot finds all calls that were accepted.
        if self.slots.epoch(slot) == 0 {
            drop(cells);
            self.post_elsewhere(slot, call);
            return;
        }
        // With the slot locked: the actor is not forgotten meanwhile.
        let Some(cell) = cells.find_or_make(&call.cx.core) else {
            drop(cells);
            let max = self.config.actors_max;
            call.overloaded(format!("{max} actors are active (actor.{}.actors_max)", A::NAME));
            return;
        };
        let wakes = cell.post(call);
        drop(cells);
        if wakes {
            cell.schedule();
        }
    }

    /// As `post`, for a call whose key is searched in its body again.
    pub(crate) fn post_body(self: &Arc<Self>, call: Call) {
        let body = call.body.bytes();
        let found = call.method.key.and_then(|field| find_key(&body, field).ok());
        let key = found.and_then(|key| key.with_text(|key| key.map(Key::from)).ok());
        // It had a key when it came.
        if let Some(key) = key {
            let key = key.as_str();
            self.post((self.slot_of(key), key), call);
        }
    }

    /// A call for a slot that is not served here: it waits, or goes to the slot's owner.
    pub(crate) fn post_elsewhere(self: &Arc<Self>, slot: u32, call: Call) {
        let core = Arc::clone(&call.cx.core);
        let places = core.mesh.places(A::NAME);
        let named = places.as_ref().map(|places| places.owner(slot));
        match self.slots.elsewhere(slot, &core.id, named) {
            Elsewhere::At(to) => redirect(call, &to),
            Elsewhere::Wait => {
                self.early.hold(&core.env, core.ownership().config(), slot, call);
                // The slot may have come between the two looks.
                if self.slots.epoch(slot) > 0 {
                    self.post_early(slot);
                }
            }
        }
    }

    /// The slot has come: posts the calls that waited for it.
    pub(crate) fn post_early(self: &Arc<Self>, slot: u32) {
        for call in self.early.take_slot(slot) {
            self.post_body(call);
        }
    }

    /// Puts a cast into the mailbox of every active actor.
    fn cast_to_all(&self, service: usize, cx: &Cx, method: &'static MethodDesc, body: &Bytes) {
        for cell in self.cells() {
            let (cx, body, reply) = (cx.clone(), body.clone().into(), ReplyPort::none());
            if cell.post(Call { service, method, cx, body, reply }) {
                cell.schedule();
            }
        }
    }
}
