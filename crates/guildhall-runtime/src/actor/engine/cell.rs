//! One actor: its mailbox, and the states of its life.
//!
//! **Life.** A cell is made by the first call of its key and removed when its actor has left memory and no call waits.
//!
//! | state | in the [`Agenda`](super::agenda::Agenda) | calls |
//! |---|---|---|
//! | inactive | `active` is false | wait; the first one activates the actor |
//! | active | `active` | run in turns |
//! | ending | `close` is set | run first; keep an `Idle` or `Missing` actor in memory |
//! | suspended | `stopped` | go to the slot's owner, or wait for the slot |
//! | leaving | `stopped`, `slot_leaves` | are sent to the new owner |
//! | lost | `stopped`, `slot_lost` | are sent to the new owner |
//!
//! | from | event | to | by |
//! |---|---|---|---|
//! | inactive | a call, a resident's slot, a due row | active | [`Cell::activated`] |
//! | inactive | the activation fails | removed | [`Cell::deactivated`] |
//! | active | idle, asked, no entity, drain | ending | [`Cell::close`] |
//! | ending | saved, last turn run, saved again | removed | [`Cell::deactivated`] |
//! | ending | a call comes, or the store does not answer | active | [`Cell::activated`] |
//! | any | the lease session has run out | suspended | [`Cell::next_job`] |
//! | suspended | the slot is served again | as before; an active actor claims its rows first | [`Cell::go_on`] |
//! | any | the slot moves | leaving | [`Cell::leave`] |
//! | leaving | the move is abandoned | as before, with its payload given back | [`Cell::go_on`] |
//! | leaving, suspended | another app owns the slot | lost | [`Cell::drop_with_slot`] |
//! | lost | unsaved changes are dropped | removed | [`Cell::deactivated`] |
//!

pub(crate) mod host;
pub(crate) mod queue;
mod claimed;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::task::Poll;

use guildhall_core::status::reason;
use guildhall_core::{AppId, Code, Key};
use host::Host;
use parking_lot::Mutex;
use queue::WAITS;

use super::active::Active;
use super::home::Home;
use super::id::Id;
use super::leave::Ticket;
use super::mailbox::{Job, Letter};
use super::mailbox_lock::MailboxLock;
use super::part::ActorPart;
use super::redirect::redirect_letters;
use super::turn_loop::TurnLoop;
use crate::actor::saver::SaveResult;
use crate::actor::services::ActorServices;
use crate::actor::waiting_replies::WaitingReplies;
use crate::actor::{Actor, DeactivateReason};
use crate::call::Core;
use crate::call::Cx;
use crate::call::chain::Awaits;

/// One actor, active or about to be.
pub(crate) struct Cell<A: Actor, S> {
    pub(crate) host: Arc<Host<A, S>>,
    home: Arc<Home>,
    /// `NAME/key`.
    pub(crate) id: Id,
    pub(crate) slot: u32,
    worker: u32,
    /// It is active without an entity too.
    pub(crate) resident: bool,
    never_idle: bool,
    phase: AtomicU8,
    /// The turn takes longer than it may.
    pub(crate) over_limit: AtomicBool,
    /// The present turn has waited.
    suspended: AtomicBool,
    /// The turn has changed the outbox or the reminders.
    pub(crate) later_turned: AtomicBool,
    pub(crate) mailbox: MailboxLock,
    pub(crate) awaits: Mutex<Awaits>,
    /// Used by the runner alone.
    task: Mutex<Task<A, S>>,
}

struct Task<A: Actor, S> {
    idle: Option<Box<Active<A>>>,
    running: Option<Box<TurnLoop<Cell<A, S>, A>>>,
}

impl<A: Actor, S: ActorServices<A>> Cell<A, S> {
    pub(crate) fn new(
        host: &Arc<Host<A, S>>,
        home: Arc<Home>,
        key: &str,
        (slot, worker): (u32, u32),
    ) -> Arc<Self> {
        let resident = host.config.is_resident(key);
        Arc::new(Self {
            host: Arc::clone(host),
            home,
            id: Id::new(A::NAME, key),
            resident,
            never_idle: host.config.resident_rows || resident,
            slot,
            worker,
            phase: AtomicU8::new(WAITS),
            over_limit: AtomicBool::new(false),
            suspended: AtomicBool::new(false),
            later_turned: AtomicBool::new(false),
            mailbox: MailboxLock::default(),
            awaits: Mutex::default(),
            task: Mutex::new(Task { idle: None, running: None }),
        })
    }

    #[inline]
    pub(crate) fn core(&self) -> &Core {
        &self.home.core
    }

    #[inline]
    pub(crate) fn part(&self) -> &ActorPart {
        &self.home.part
    }

    pub(crate) fn key(&self) -> &str {
        &self.id[A::NAME.len() + 1..]
    }

    /// The key, as rows have it.
    pub(crate) fn row_key(&self) -> Key {
        Key::from(self.key())
    }

    pub(crate) fn worker(&self) -> usize {
        self.worker as usize
    }

    /// A context outside of calls.
    pub(crate) fn cx(&self) -> Cx {
        Cx::outside(&self.home.core)
    }

    /// Activates the actor, unless it is active.
    pub(crate) fn activate(self: &Arc<Self>) {
        let mut mailbox = self.mailbox.lock();
        let wanted = !mailbox.agenda.active;
        mailbox.agenda.activation_wanted = wanted;
        drop(mailbox);
        if wanted {
            self.schedule();
        }
    }

    /// Deactivates the actor after the calls that wait.
    pub(crate) fn close(self: &Arc<Self>, reason: DeactivateReason) {
        self.mailbox.lock().agenda.close.get_or_insert(reason);
        self.schedule();
    }

    /// Deactivates the actor now: refuses the calls that wait, and ends a turn that runs.
    pub(crate) fn end(self: &Arc<Self>) {
        let mut mailbox = self.mailbox.lock();
        mailbox.agenda.close = Some(DeactivateReason::Drain);
        let letters = mailbox.take_letters();
        if mailbox.agenda.suspended_since.take().is_some() {
            self.over_limit.store(true, Ordering::Relaxed);
        }
        drop(mailbox);
        self.schedule();
        for letter in letters {
            if let Letter::Call(call) = letter {
                call.reply.refuse(Code::Unavailable, reason::GOING_AWAY, "this app drains");
            }
        }
    }

    fn has_work(&self) -> bool {
        let mut mailbox = self.mailbox.lock();
        mailbox.agenda.stopped |= self.host.slots.epoch(self.slot) == 0;
        // The calls of a slot that is not served here go elsewhere, which is work too.
        mailbox.has_work() || mailbox.agenda.stopped && mailbox.has_calls()
    }

    /// What to do next.
    pub(crate) fn next_job(&self) -> Option<Job> {
        let mut mailbox = self.mailbox.lock();
        // Under the lock: whatever serves the slot again calls `go_on` after this.
        mailbox.agenda.stopped |= self.host.slots.epoch(self.slot) == 0;
        let calls = if mailbox.agenda.stopped { mailbox.take_calls() } else { Vec::new() };
        let job = mailbox.next(&self.core().env);
        drop(mailbox);
        // Calls that came before a suspension wait for the slot like those that come after it: for a bounded time.
        for call in calls {
            self.host.post_elsewhere(self.slot, call);
        }
        job
    }

    /// The slot is served here.
    pub(crate) fn go_on(self: &Arc<Self>) {
        let mut mailbox = self.mailbox.lock();
        mailbox.agenda.stopped = false;
        mailbox.stay();
        // Changes that could not be saved meanwhile do not wait for longer.
        mailbox.agenda.save_due |= mailbox.agenda.save_at.take().is_some();
        drop(mailbox);
        self.schedule();
        self.send_out();
    }

    /// The slot goes to another app: calls that wait are sent there, the turn that runs ends, and the actor is saved (rule 18).
    pub(crate) fn leave(self: &Arc<Self>, ticket: Ticket, to: &AppId) {
        let mut mailbox = self.mailbox.lock();
        mailbox.agenda.stopped = true;
        mailbox.leave(ticket);
        let letters = mailbox.take_letters();
        drop(mailbox);
        self.schedule();
        redirect_letters(letters, Some(to));
    }

    /// Another app owns the slot: unsaved changes are lost, as the store would refuse them (rule 6).
    pub(crate) fn drop_with_slot(self: &Arc<Self>, to: Option<&AppId>) {
        let mut mailbox = self.mailbox.lock();
        mailbox.agenda.stopped = true;
        mailbox.agenda.slot_lost = true;
        let letters = mailbox.take_letters();
        drop(mailbox);
        self.schedule();
        redirect_letters(letters, to);
    }

    /// A turn begins: its limit does not include earlier waits.
    #[inline]
    pub(crate) fn begin_turn(&self) {
        if self.suspended.load(Ordering::Relaxed) {
            self.suspended.store(false, Ordering::Relaxed);
            self.mailbox.lock().agenda.suspended_since = None;
        }
        self.over_limit.store(false, Ordering::Relaxed);
    }

    /// The actor has become active, or stays active after its end was abandoned.
    pub(crate) fn activated(&self) {
        let now = || self.core().env.now();
        self.mailbox.lock().agenda.activated(now, self.host.config.tick());
    }

    /// The activation is over, or has failed.
    pub(crate) fn deactivated(&self) {
        let now = self.core().env.now();
        self.mailbox.lock().deactivated(now);
    }

    /// Counts these replies as calls that wait.
    pub(crate) fn count_replies(&self, replies: &Arc<WaitingReplies>) {
        self.mailbox.lock().replies = Some(Arc::clone(replies));
    }

    /// There is something to save: not later than the save interval from now.
    pub(crate) fn save_later(&self) {
        let mut mailbox = self.mailbox.lock();
        let agenda = &mut mailbox.agenda;
        if agenda.save_at.is_none() && !agenda.save_due {
            agenda.save_at =
                Some(self.host.config.save_at(&self.core().env, self.core().env.now()));
        }
    }

    /// Inside a turn: the result of the save in flight, when it is there.
    pub(crate) fn poll_saved(&self) -> Poll<(u64, SaveResult)> {
        self.mailbox.lock().take_saved().map_or(Poll::Pending, Poll::Ready)
    }

    /// Drops the actor as it is.
    pub(crate) fn abandon(&self) {
        let (idle, running) = {
            let mut task = self.task.lock();
            (task.idle.take(), task.running.take())
        };
        drop((idle, running));
        let letters = self.mailbox.lock().take_letters();
        drop(letters);
    }
}
