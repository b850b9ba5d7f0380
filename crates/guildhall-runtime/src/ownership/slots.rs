//! [`SlotTable`]: the slots of one actor type as this app knows them; which are ours, under which epoch.

use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use guildhall_core::leases::memory::EPOCH_END;
use guildhall_core::leases::{Acquired, Origin};
use guildhall_core::metrics::{Gauge, Histogram, MetricError, Metrics, SECONDS};
use guildhall_core::store::{Holder, LeaseId};
use guildhall_core::{AppId, Key};
use parking_lot::Mutex;

use super::put_off::PutOff;

/// What can be seen of the slots of an actor type from outside.
pub(crate) struct SlotMeters {
    /// Slots that are served.
    served: Gauge,
    /// How long the slots that went to other apps were not served here before they were there, in seconds.
    pub(super) moves: Histogram,
    /// What the log has said of `served`.
    said: AtomicI64,
}

/// How many slots are in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SlotCounts {
    pub(crate) served: u64,
    pub(crate) suspended: u64,
    /// On their way to this app, or from it.
    pub(crate) moving: u64,
    pub(crate) all: u64,
}

impl SlotMeters {
    pub(crate) fn new(metrics: &Metrics, actor: &str) -> Result<Self, MetricError> {
        let help = "Slots of an actor type that are served here";
        let served = metrics.gauge("guildhall_slots", help, &["actor"])?.with(&[actor]);
        let help = "How long a slot that went to another app was not served here before it was there, in seconds";
        let moves = metrics.histogram("guildhall_slot_move_seconds", help, &["actor"], &SECONDS)?;
        Ok(Self { served, moves: moves.with(&[actor]), said: AtomicI64::new(0) })
    }
}

/// How many slots are named that are not where they belong.
const SHOWN: usize = 5;

/// The slots of an actor type.
pub(crate) struct SlotTable {
    pub(crate) actor: &'static str,
    /// It moves only when its app drains.
    pub(super) pinned: bool,
    /// `NAME/slot`, by slot.
    pub(crate) leases: Vec<LeaseId>,
    /// What a call looks at: the epoch under which the slot is served, or 0.
    served: Vec<AtomicU64>,
    /// Activations under an earlier epoch claim again before they go on: the slot was not ours all the time since.
    fresh_from: Vec<AtomicU64>,
    slots: Mutex<Vec<Slot>>,
    /// Where to look first for what is to be asked for.
    ask_next: AtomicU32,
    /// Those whose last move was abandoned.
    pub(super) put_off: PutOff,
    pub(super) meters: SlotMeters,
}

#[derive(Debug, Default)]
struct Slot {
    state: State,
    /// The largest epoch that was seen for the lease, in grants or in rows (rule 2).
    seen: u64,
    /// The largest epoch under which it was ours.
    owned: u64,
    /// What the present holder has offered, until the grant is there (rule 19).
    parked: Option<Parked>,
    /// The lease service has to be asked who holds it, whatever the view says (rules 11, 20).
    doubted: bool,
}

#[derive(Debug, Default)]
enum State {
    /// Not ours.
    #[default]
    Away,
    /// Somebody else's, who is to be asked.
    Taken(Holder, u64),
    /// The holder has been asked, with that epoch; calls wait for the answer.
    Asked(Holder, u64),
    Ours(Holding),
    /// It goes to another app.
    Leaving(Holding, AppId),
    /// The session ran out; memory is kept (rule 6).
    Suspended(Holding),
}

impl State {
    fn is_asked(&self, holder: &Holder, epoch: u64) -> bool {
        matches!(self, Self::Asked(whom, with) if whom == holder && *with == epoch)
    }
}

/// One holding of ours.
#[derive(Clone, Copy, Debug)]
pub(super) struct Holding {
    pub(super) epoch: u64,
    /// Offers that were made of it (rule 19).
    pub(super) offers: u64,
}

/// What a holder gives along with a slot.
#[derive(Debug)]
pub(super) struct Parked {
    from: Origin,
    payloads: Vec<Payload>,
    /// Parts of it that are here, and how many there are.
    here: u32,
    parts: u32,
}

/// What an actor gives to the next owner beside its rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Payload {
    pub(crate) key: Key,
    /// Of `Actor::move_out`.
    pub(crate) state: Bytes,
    /// Replies that may be asked for again, encoded.
    pub(crate) commands: Bytes,
    /// How long nobody has used it, in all apps that had it.
    pub(crate) unused: Duration,
}

/// What a change of a slot asks of its actors.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Change {
    None,
    /// They may run, with these payloads.
    Serve(Vec<Payload>),
    /// They end, unsaved; another app may have the slot.
    Drop(Option<AppId>),
}

/// Where a call goes that came for a slot which is not served here.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Elsewhere {
    /// It is on its way here, or nobody knows yet who has it.
    Wait,
    /// That app has it, or will have it.
    At(AppId),
}

impl SlotTable {
    pub(crate) fn new(actor: &'static str, slots: u32, pinned: bool, meters: SlotMeters) -> Self {
        let zeros = || (0..slots).map(|_| AtomicU64::new(0)).collect();
        Self {
            actor,
            pinned,
            leases: (0..slots).map(|slot| format!("{actor}/{slot}").into()).collect(),
            served: zeros(),
            fresh_from: zeros(),
            slots: Mutex::new((0..slots).map(|_| Slot::default()).collect()),
            ask_next: AtomicU32::new(0),
            put_off: PutOff::default(),
            meters,
        }
    }

    /// Serves a slot under an epoch from now on; under 0, no more.
    fn serve_under(&self, at: u32, epoch: u64) {
        let before = self.served[at as usize].swap(epoch, Ordering::AcqRel);
        self.meters.served.add(i64::from(epoch > 0) - i64::from(before > 0));
    }

    /// How many are in which state.
    pub(crate) fn counts(&self) -> SlotCounts {
        let mut counts = SlotCounts { all: self.count().into(), ..SlotCounts::default() };
        for slot in self.slots.lock().iter() {
            match slot.state {
                State::Ours(_) => counts.served += 1,
                State::Suspended(_) => counts.suspended += 1,
                State::Asked(..) | State::Leaving(..) => counts.moving += 1,
                State::Away | State::Taken(..) => {}
            }
        }
        counts
    }

    /// How many were served when this was asked last, and how many are now; `None` when it is the same.
    pub(super) fn news(&self) -> Option<(i64, i64)> {
        let now = self.meters.served.get();
        let before = self.meters.said.swap(now, Ordering::Relaxed);
        (before != now).then_some((before, now))
    }

    pub(crate) fn count(&self) -> u32 {
        u32::try_from(self.leases.len()).unwrap_or(u32::MAX)
    }

    /// The slot of a lease.
    pub(super) fn slot_of(&self, lease: &str) -> Option<u32> {
        let slot = lease.strip_prefix(self.actor)?.strip_prefix('/')?.parse().ok()?;
        (slot < self.count()).then_some(slot)
    }

    /// The epoch under which the slot is served; 0 when it is not.
    #[inline]
    pub(crate) fn epoch(&self, slot: u32) -> u64 {
        self.served[slot as usize].load(Ordering::Acquire)
    }

    /// Whether what an activation under `epoch` knows may still be the truth.
    #[inline]
    pub(crate) fn is_fresh(&self, slot: u32, epoch: u64) -> bool {
        epoch >= self.fresh_from[slot as usize].load(Ordering::Acquire)
    }

    /// Where a call goes that came here; `named` is the app that the view names.
    pub(crate) fn elsewhere(&self, slot: u32, me: &AppId, named: Option<&str>) -> Elsewhere {
        let named_elsewhere = || named.filter(|named| *named != me.as_str());
        let at_named = || {
            let app = named_elsewhere().and_then(|named| named.parse().ok());
            app.map_or(Elsewhere::Wait, Elsewhere::At)
        };
        match &self.slots.lock()[slot as usize].state {
            State::Leaving(_, to) => Elsewhere::At(to.clone()),
            // Rule 23: only an app whose own view names it holds early calls. One whose holder serves it still sends them there.
            State::Taken(holder, _) if holder.app != *me && named_elsewhere().is_none() => {
                Elsewhere::At(holder.app.clone())
            }
            State::Suspended(_) => Elsewhere::Wait,
            _ => at_named(),
        }
    }

    /// The slots to acquire, and from which epoch on: those that belong here, and those whose holder is in doubt (rules 16, 22).
    /// Not those of holders that are asked, until it is time to look at all: the lease of one that does not answer may have ended.
    pub(super) fn wanted(
        &self,
        named: impl Fn(u32) -> bool,
        asked: impl Fn(&Holder) -> bool,
    ) -> Vec<(u32, u64)> {
        let slots = self.slots.lock();
        let wants = |slot: &Slot, at| match &slot.state {
            State::Away => slot.doubted || named(at),
            // One that is pinned stays where it was, as long as nobody else has had it.
            State::Suspended(_) => slot.doubted || named(at) || self.pinned,
            State::Taken(holder, _) => slot.doubted || named(at) && !asked(holder),
            State::Asked(holder, _) => named(at) && !asked(holder),
            State::Ours(_) => slot.doubted,
            State::Leaving(..) => false,
        };
        let all = (0..).zip(slots.iter());
        all.filter(|(at, slot)| wants(slot, *at)).map(|(at, slot)| (at, slot.seen)).collect()
    }

    /// The slots that others hold and that belong here, at most `max` of them, each with its holder, the epoch of the holding, and
    /// the largest one of ours: they are being asked for from now on.
    pub(super) fn ask(
        &self,
        max: usize,
        named: impl Fn(u32) -> bool,
        may: impl Fn(&Holder) -> bool,
    ) -> Vec<(u32, Holder, u64, u64)> {
        let mut slots = self.slots.lock();
        let mut asked = Vec::new();
        // From where the last ones were asked for: those that are not given must not keep the others from being asked for.
        let first = self.ask_next.load(Ordering::Relaxed);
        for at in (first..self.count()).chain(0..first) {
            if asked.len() >= max {
                break;
            }
            let slot = &mut slots[at as usize];
            let State::Taken(holder, epoch) = &slot.state else { continue };
            if named(at) && may(holder) {
                // Not what a row has told: that may be the holder's own epoch.
                asked.push((at, holder.clone(), *epoch, slot.owned));
                slot.state = State::Asked(holder.clone(), *epoch);
                self.ask_next.store((at + 1) % self.count(), Ordering::Relaxed);
            }
        }
        asked
    }

    /// The holder did not give the slot; false when it is not asked for it any more: it has come here all the same, or is another's.
    pub(super) fn not_given(&self, slot: u32, holder: &Holder, epoch: u64) -> bool {
        let slot = &mut self.slots.lock()[slot as usize];
        let asked = slot.state.is_asked(holder, epoch);
        if asked {
            slot.state = State::Taken(holder.clone(), epoch);
        }
        asked
    }

    /// Whether that holder is still to answer for the slot.
    pub(super) fn is_asked(&self, at: u32, holder: &Holder, epoch: u64) -> bool {
        self.slots.lock()[at as usize].state.is_asked(holder, epoch)
    }

    /// What the lease service has answered.
    pub(super) fn acquired(&self, at: u32, answer: Acquired) -> Change {
        let mut slots = self.slots.lock();
        let slot = &mut slots[at as usize];
        slot.doubted = false;
        // Answers come in another order than that of the requests, and late: each was asked for with all that was seen then, so one
        // with less than what is known now was overtaken. The lease service is asked again, but after an old grant of what is ours.
        let overtaken = match &answer {
            Acquired::Held { epoch, .. } => *epoch < slot.seen,
            Acquired::Taken { epoch, .. } => match &slot.state {
                State::Ours(held) | State::Leaving(held, _) => *epoch < held.epoch,
                State::Away | State::Taken(..) | State::Asked(..) | State::Suspended(_) => false,
            },
        };
        if overtaken {
            let is_ours = matches!(slot.state, State::Ours(_) | State::Leaving(..));
            slot.doubted = !(is_ours && matches!(answer, Acquired::Held { .. }));
            return Change::None;
        }
        match answer {
            Acquired::Held { epoch, from } => self.held_now(at, slot, epoch, from),
            Acquired::Taken { holder, epoch } => {
                if slot.state.is_asked(&holder, epoch) {
                    return Change::None;
                }
                slot.seen = slot.seen.max(epoch);
                let app = holder.app.clone();
                let before = std::mem::replace(&mut slot.state, State::Taken(holder, epoch));
                self.lose(at);
                match before {
                    State::Ours(_) | State::Suspended(_) | State::Leaving(..) => {
                        Change::Drop(Some(app))
                    }
                    State::Away | State::Taken(..) | State::Asked(..) => Change::None,
                }
            }
        }
    }

    /// The slot is ours by a grant with this epoch.
    fn held_now(&self, at: u32, slot: &mut Slot, epoch: u64, from: Option<Origin>) -> Change {
        slot.seen = slot.seen.max(epoch);
        slot.owned = slot.owned.max(epoch);
        // Rule 21: a payload is used only when the grant comes from exactly its offer, and is thrown away in every other case.
        let parked = slot.parked.take();
        let parked = parked.filter(|it| Some(it.from) == from && it.here == it.parts);
        slot.state = State::Ours(Holding { epoch, offers: 0 });
        // Somebody else may have had it before: what is in memory claims its rows again (rule 6).
        self.fresh_from[at as usize].store(epoch, Ordering::Release);
        self.serve_under(at, epoch);
        Change::Serve(parked.map(|parked| parked.payloads).unwrap_or_default())
    }

    /// Parks a part of what a holder offers; whether it was taken (rule 19). A part may come more than once.
    pub(super) fn park(
        &self,
        at: u32,
        from: Origin,
        (part, parts): (u32, u32),
        payloads: Vec<Payload>,
    ) -> bool {
        let mut slots = self.slots.lock();
        let slot = &mut slots[at as usize];
        let held = match slot.state {
            State::Ours(held) | State::Leaving(held, _) | State::Suspended(held) => held.epoch,
            State::Away | State::Taken(..) | State::Asked(..) => 0,
        };
        let newest = slot.parked.as_ref().is_none_or(|parked| from >= parked.from);
        if from.epoch <= held || !newest {
            return false;
        }
        slot.seen = slot.seen.max(from.epoch);
        match slot.parked.as_mut().filter(|parked| parked.from == from) {
            Some(parked) if part < parked.here => true,
            Some(parked) if part == parked.here => {
                parked.payloads.extend(payloads);
                parked.here += 1;
                true
            }
            None if part == 0 => {
                slot.parked = Some(Parked { from, payloads, here: 1, parts });
                true
            }
            _ => false,
        }
    }

    /// Stops serving a slot that goes to another app; `None` when it is not held under this epoch (rule 17).
    pub(super) fn begin_leaving(&self, at: u32, epoch: u64, to: &AppId) -> Option<Holding> {
        let mut slots = self.slots.lock();
        let slot = &mut slots[at as usize];
        let State::Ours(held) = slot.state else { return None };
        if held.epoch != epoch {
            return None;
        }
        let held = Holding { offers: held.offers + 1, ..held };
        slot.state = State::Leaving(held, to.clone());
        self.serve_under(at, 0);
        Some(held)
    }

    /// The move did not happen. Whether the slot is served again (rule 20): only when `may_serve`, and when its grant has not gone
    /// with a session meanwhile, whatever session there is now.
    pub(super) fn stay(&self, at: u32, may_serve: bool) -> bool {
        let mut slots = self.slots.lock();
        let slot = &mut slots[at as usize];
        let State::Leaving(held, _) = slot.state else { return false };
        let serve = may_serve && self.is_fresh(at, held.epoch);
        if serve {
            slot.state = State::Ours(held);
            self.serve_under(at, held.epoch);
        } else {
            slot.state = State::Suspended(held);
        }
        serve
    }

    /// The slot is not ours any more.
    pub(super) fn gone(&self, at: u32, holder: Option<(Holder, u64)>) {
        let mut slots = self.slots.lock();
        let slot = &mut slots[at as usize];
        self.lose(at);
        slot.state = match holder {
            Some((holder, epoch)) => {
                slot.seen = slot.seen.max(epoch);
                State::Taken(holder, epoch)
            }
            None => State::Away,
        };
    }

    /// Under which epoch it is held here, or may be.
    pub(super) fn held_under(&self, at: u32) -> Option<u64> {
        match &self.slots.lock()[at as usize].state {
            State::Ours(held) | State::Leaving(held, _) | State::Suspended(held) => {
                Some(held.epoch)
            }
            State::Away | State::Taken(..) | State::Asked(..) => None,
        }
    }

    /// Has the lease service asked who holds it.
    pub(crate) fn doubt(&self, at: u32, row_epoch: u64) {
        let slot = &mut self.slots.lock()[at as usize];
        // One that no backend grants is a damaged row's: asked for, it would have the whole batch of slots refused.
        if row_epoch < EPOCH_END {
            slot.seen = slot.seen.max(row_epoch);
        }
        slot.doubted = true;
    }

    /// The session has run out: nothing is served until it is clear who holds the slots (rule 6).
    /// How many are suspended by this.
    pub(super) fn suspend(&self) -> usize {
        let mut slots = self.slots.lock();
        let mut suspended = 0;
        for (at, slot) in (0..).zip(slots.iter_mut()) {
            if let State::Ours(held) = slot.state {
                slot.state = State::Suspended(held);
                self.serve_under(at, 0);
                suspended += 1;
            }
        }
        suspended
    }

    /// The session is over at the backend: others may have the slots. What is in memory is kept until that is known.
    pub(super) fn lose_all(&self) {
        self.suspend();
        (0..self.count()).for_each(|at| self.lose(at));
    }

    /// Nothing that is in memory is the truth any more, whatever becomes of the lease.
    fn lose(&self, at: u32) {
        self.serve_under(at, 0);
        self.fresh_from[at as usize].store(u64::MAX, Ordering::Release);
    }

    /// The session has not run out at the backend: what is held under it goes on as it was. The slots that are served again; not
    /// those of an earlier session, which are acquired anew.
    pub(super) fn resume(&self) -> Vec<u32> {
        let mut slots = self.slots.lock();
        let mut resumed = Vec::new();
        for (at, slot) in (0..).zip(slots.iter_mut()) {
            if let State::Suspended(held) = slot.state
                && self.is_fresh(at, held.epoch)
            {
                slot.state = State::Ours(held);
                self.serve_under(at, held.epoch);
                resumed.push(at);
            }
        }
        resumed
    }

    /// Lets go what is suspended and belongs to others now: they end unsaved. Not what is pinned: that goes when another app has it.
    pub(super) fn give_up(&self, named: impl Fn(u32) -> bool) -> Vec<u32> {
        if self.pinned {
            return Vec::new();
        }
        let mut slots = self.slots.lock();
        let mut lost = Vec::new();
        for (at, slot) in (0..).zip(slots.iter_mut()) {
            if matches!(slot.state, State::Suspended(_)) && !named(at) {
                slot.state = State::Away;
                self.lose(at);
                lost.push(at);
            }
        }
        lost
    }

    /// Whether all that belongs here is here, and nothing is in doubt.
    pub(super) fn is_settled(&self, named: impl Fn(u32) -> bool) -> bool {
        let slots = self.slots.lock();
        (0..).zip(slots.iter()).all(|(at, slot)| match slot.state {
            State::Ours(_) => !slot.doubted,
            State::Away | State::Taken(..) => !slot.doubted && !named(at),
            State::Asked(..) | State::Leaving(..) | State::Suspended(_) => false,
        })
    }

    /// The slots that are not as they are to be when all is at rest, the first few of them.
    pub(super) fn unsettled(&self, named: impl Fn(u32) -> bool) -> Vec<String> {
        let slots = self.slots.lock();
        let rests = |at: u32, slot: &Slot| match slot.state {
            // One that is pinned stays where it is.
            State::Ours(_) => !slot.doubted && (named(at) || self.pinned),
            State::Away | State::Taken(..) => !slot.doubted && (!named(at) || self.pinned),
            State::Asked(..) | State::Leaving(..) | State::Suspended(_) => false,
        };
        let all = (0..).zip(slots.iter());
        let unsettled: Vec<_> = all.filter(|(at, slot)| !rests(*at, slot)).collect();
        let more = unsettled.len().saturating_sub(SHOWN);
        let shown = unsettled.iter().take(SHOWN).map(|(at, slot)| {
            let Slot { state, seen, doubted, .. } = slot;
            let belongs = if named(*at) { "belongs here" } else { "belongs elsewhere" };
            format!("{}/{at} {belongs}: {state:?}, seen {seen}, doubted {doubted}", self.actor)
        });
        let more = (more > 0).then(|| format!("{}: and {more} more", self.actor));
        shown.chain(more).collect()
    }

    /// The slots that are held here and belong to others.
    pub(super) fn strangers(&self, named_elsewhere: impl Fn(u32) -> bool) -> usize {
        let slots = self.slots.lock();
        let held = |slot: &Slot| matches!(slot.state, State::Ours(_) | State::Leaving(..));
        (0..).zip(slots.iter()).filter(|(at, slot)| held(slot) && named_elsewhere(*at)).count()
    }
}
