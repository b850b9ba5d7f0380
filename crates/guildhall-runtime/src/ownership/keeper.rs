//! The keeper: acquires the slots that belong here, and asks present holders for them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use guildhall_core::leases::{Acquired, LeaseSession, Origin, Wanted};
use guildhall_core::store::Holder;
use guildhall_core::{AppId, Incarnation, Status};
use parking_lot::Mutex;

use super::handover::ask_holder;
use super::slots::Change;
use super::{Owned, Ownership};
use crate::app::AppInner;
use crate::mesh::Places;
use crate::mutation::Mutation;

/// Ids in one trip to the lease backend.
const BATCH: usize = 512;

/// Keeps what belongs here, until the app ends.
pub(crate) async fn keep(app: Arc<AppInner>) {
    let own = &app.ownership;
    let mut changes = app.mesh.changes();
    let asks = Arc::new(Asks::default());
    let mut looked = None;
    loop {
        // Each slot that comes wakes this up. Were the lease service asked for all others each time, it would do nothing else while
        // many slots move.
        let now = app.env.now();
        let all = looked.is_none_or(|at| now >= at + own.config.poll());
        looked = if all { Some(now) } else { looked };
        let mut settled = true;
        for room in &own.rooms {
            settled &= round(&app, room, &asks, all).await;
        }
        let woken = async {
            tokio::select! {
                biased;
                () = own.wake.notified() => {}
                () = changes.changed() => {}
            }
        };
        if settled {
            woken.await;
        } else {
            let _or_time_to_ask_again =
                app.env.until(app.env.now() + own.config.poll(), woken).await;
        }
    }
}

/// One look at one actor type; whether all that belongs here is here. Unless it is to look at all, the lease service is not asked
/// again for what holders who live are asked for.
async fn round(app: &Arc<AppInner>, room: &Arc<dyn Owned>, asks: &Arc<Asks>, all: bool) -> bool {
    let own = &app.ownership;
    app.counters.slot_looks.add(1);
    let table = room.table();
    let places = app.mesh.places(table.actor);
    let named = |slot| is_named(app, places.as_ref(), slot);
    for slot in table.give_up(named) {
        room.drop_slot(slot, None);
    }
    let Some(session) = own.session() else { return false };
    // An earlier life of an app cannot be asked: what it held is free when its session is over (rule 1).
    let lives = |holder: &Holder| app.mesh.is_linked(&holder.app, holder.incarnation);
    let wanted = table.wanted(named, |holder| !all && lives(holder));
    for wanted in wanted.chunks(BATCH) {
        if !own.is_present(&session) {
            return false;
        }
        acquire(app, &session, room, wanted).await;
    }
    if all {
        asks.say_refused(table.actor);
    }
    let free = own.config.moves_max.saturating_sub(asks.running.load(Ordering::Relaxed));
    for (slot, holder, epoch, owned) in table.ask(free, named, lives) {
        asks.running.fetch_add(1, Ordering::Relaxed);
        let (app, room, asks) = (Arc::clone(app), Arc::clone(room), Arc::clone(asks));
        let session = Arc::clone(&session);
        app.env.clone().spawn("move", async move {
            let at = Asked { room: &room, session: &session, slot, holder, epoch };
            at.ask(&app, owned, &asks).await;
            asks.running.fetch_sub(1, Ordering::Relaxed);
        });
    }
    let settled = table.is_settled(named);
    if settled && strangers(app, room, places.as_ref()) == 0 {
        say_news(room);
    }
    settled
}

/// Says in the log how many slots are here now, once where many have come or gone.
pub(super) fn say_news(room: &Arc<dyn Owned>) {
    let table = room.table();
    if let Some((before, slots)) = table.news() {
        tracing::info!(actor = table.actor, slots, before, of = table.count(), "slots served here");
    }
}

/// What is not where this app's view says, in words. Nothing, when all that belongs here is served here, all that is served here
/// belongs here, and nobody is asked for anything.
pub(crate) fn unsettled(app: &AppInner) -> Vec<String> {
    let own = &app.ownership;
    let mut found = Vec::new();
    if own.is_needed() && !own.is_valid(&app.env) {
        found.push("the app has no valid session with the lease backend".to_owned());
    }
    for table in own.rooms.iter().map(|room| room.table()) {
        let places = app.mesh.places(table.actor);
        found.extend(table.unsettled(|slot| is_named(app, places.as_ref(), slot)));
    }
    found
}

/// Whether the view names this app for a slot.
fn is_named(app: &AppInner, places: Option<&Places>, slot: u32) -> bool {
    places.is_some_and(|places| places.owner(slot) == app.id.as_str())
}

/// Asks the lease service for slots, each with the largest epoch that was seen for it.
pub(super) async fn acquire(
    app: &Arc<AppInner>,
    session: &LeaseSession,
    room: &Arc<dyn Owned>,
    slots: &[(u32, u64)],
) -> bool {
    let own = &app.ownership;
    let floor = own.floor(app).await;
    let wish = |(slot, seen): &(u32, u64)| Wanted {
        id: Arc::clone(&room.table().leases[*slot as usize]),
        at_least: floor.max(*seen),
    };
    let wanted: Vec<Wanted> = slots.iter().map(wish).collect();
    let deadline = app.env.now() + own.config.times().ttl;
    let answers = app.env.until(deadline, session.acquire(&wanted)).await;
    own.heard(app, session);
    match answers {
        // What an earlier session was granted, its end has freed.
        Some(Ok(_)) if !own.is_present(session) => false,
        Some(Ok(answers)) => {
            for ((slot, _), answer) in slots.iter().zip(answers) {
                own.apply(app, room, *slot, answer);
            }
            true
        }
        Some(Err(_)) if session.is_over() => false,
        Some(Err(error)) => {
            tracing::warn!(%error, actor = room.table().actor, "slots are not acquired; trying again");
            false
        }
        None => false,
    }
}

/// What is asked of holders of slots at the moment, all actor types together.
#[derive(Debug, Default)]
struct Asks {
    running: AtomicUsize,
    /// How many were answered by an error since the log has said so, and the last error.
    refused: Mutex<(usize, Option<Status>)>,
}

impl Asks {
    /// One line for all slots.
    fn say_refused(&self, actor: &str) {
        if let (slots, Some(status)) = std::mem::take(&mut *self.refused.lock()) {
            tracing::debug!(actor, slots, last = %status, "slots were not handed over; asking again");
        }
    }
}

/// A question to the holder of a slot.
struct Asked<'a> {
    room: &'a Arc<dyn Owned>,
    session: &'a LeaseSession,
    slot: u32,
    holder: Holder,
    epoch: u64,
}

impl Asked<'_> {
    /// Asks the holder of a slot to hand it over (rule 16).
    async fn ask(self, app: &Arc<AppInner>, owned: u64, asks: &Asks) {
        let own = &app.ownership;
        let table = self.room.table();
        let Some(answer) = self.answer(app, owned).await else {
            // The lease service has answered meanwhile that somebody else has it, or this app.
            own.wake.notify_one();
            return;
        };
        match answer {
            // What was transferred to an earlier session of this app, its end has freed.
            Ok(Some(_)) if !own.is_present(self.session) => {
                table.not_given(self.slot, &self.holder, self.epoch);
                own.doubt(table, self.slot, 0);
            }
            Ok(Some((epoch, from))) => {
                app.counters.slots_taken.add(1);
                own.apply(app, self.room, self.slot, Acquired::Held { epoch, from: Some(from) });
                own.wake.notify_one();
            }
            Ok(None) => {
                // The holder serves it. It counts among those that are asked for, so that a holder who keeps his slots is not
                // asked all the time.
                if table.not_given(self.slot, &self.holder, self.epoch) {
                    // Calls that have waited for the slot go where it is served.
                    self.room.drop_slot(self.slot, Some(&self.holder.app));
                }
                app.env.sleep(own.config.poll()).await;
            }
            Err(status) => {
                let mut refused = asks.refused.lock();
                *refused = (refused.0 + 1, Some(status));
                drop(refused);
                table.not_given(self.slot, &self.holder, self.epoch);
                // It may have been transferred all the same: the lease service knows (rule 21).
                own.doubt(table, self.slot, 0);
            }
        }
    }

    /// What the holder says; `None` when the slot is not asked for any more: the holder hangs, and its lease has ended.
    async fn answer(
        &self,
        app: &Arc<AppInner>,
        owned: u64,
    ) -> Option<Result<Option<(u64, Origin)>, Status>> {
        let own = &app.ownership;
        let table = self.room.table();
        let lease = &table.leases[self.slot as usize];
        // It may take the time of a move at the holder, and of an offer.
        let within = own.config.move_time() * 2;
        let mut answer =
            std::pin::pin!(ask_holder(app, lease, (&self.holder, self.epoch), owned, within));
        loop {
            let look = app.env.now() + own.config.poll();
            let answered = app.env.until(look, answer.as_mut()).await;
            if answered.is_some() || !table.is_asked(self.slot, &self.holder, self.epoch) {
                return answered;
            }
        }
    }
}

impl Ownership {
    /// Does what an answer of the lease service means for a slot.
    pub(super) fn apply(
        &self,
        app: &Arc<AppInner>,
        room: &Arc<dyn Owned>,
        slot: u32,
        answer: Acquired,
    ) {
        let answer = match answer {
            Acquired::Taken { epoch, .. } if app.lacks(Mutation::LeaseBeforeServing) => {
                Acquired::Held { epoch: epoch + 1, from: None }
            }
            answer => answer,
        };
        match room.table().acquired(slot, answer) {
            Change::None => {}
            Change::Serve(payloads) => Arc::clone(room).serve(app, slot, payloads),
            Change::Drop(to) => room.drop_slot(slot, to.as_ref()),
        }
    }

    /// Asks at once for a grant of a slot above an epoch that a row has seen (rule 12). The present holder's grant ends with it.
    pub(crate) async fn acquire_above(
        &self,
        app: &Arc<AppInner>,
        room: &Arc<dyn Owned>,
        slot: u32,
        epoch: u64,
    ) {
        room.table().doubt(slot, epoch);
        if let Some(session) = self.session() {
            acquire(app, &session, room, &[(slot, epoch)]).await;
        }
    }

    /// From which epoch on to ask: of a backend that forgets its epochs, above those of earlier lives.
    pub(super) async fn floor(&self, app: &AppInner) -> u64 {
        let durable = match app.backends.leases.get().await {
            Ok(leases) => leases.capabilities().durable_epochs,
            Err(_) => true,
        };
        if durable { 0 } else { self.holder.incarnation.started_ms() }
    }

    /// Waits until nothing is held here that belongs to another app.
    pub(crate) async fn handed_over(&self, app: &AppInner) {
        let mut changes = app.mesh.changes();
        loop {
            let left = |room: &Arc<dyn Owned>| {
                strangers(app, room, app.mesh.places(room.table().actor).as_ref())
            };
            if self.rooms.iter().map(left).sum::<usize>() == 0 {
                return;
            }
            let _or_look_again =
                app.env.until(app.env.now() + self.config.poll() / 10, changes.changed()).await;
        }
    }
}

/// How many slots are held here that the view gives to others.
fn strangers(app: &AppInner, room: &Arc<dyn Owned>, places: Option<&Places>) -> usize {
    let elsewhere = |slot| places.is_some_and(|places| places.owner(slot) != app.id.as_str());
    room.table().strangers(elsewhere)
}

/// The holder that an app in its present life is.
pub(super) fn holder(app: AppId, incarnation: u64) -> Holder {
    Holder { app, incarnation: Incarnation(incarnation) }
}
