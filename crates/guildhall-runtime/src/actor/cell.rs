//! One actor in memory: its place in the worker's queue, and its timers.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use bytes::Bytes;
use guildhall_core::env::Instant;
use guildhall_core::status::reason;
use guildhall_core::store::Token;
use guildhall_core::{AppId, Code, Key, Status, outside, slot_of};
use guildhall_wire::{Generation, Session, Trace};
use parking_lot::Mutex;

use super::commands::Commands;
use super::held::{Commits, Held};
use super::key::with_key;
use super::later::DoesLater;
use super::leave::Ticket;
use super::mail::{Job, Letter, Mail, SaveResult};
use super::room::{Room, TurnBox};
use super::runner::{Runnable, Runner};
use super::saver::Saved;
use super::services::ActorServices;
use super::timers::Message;
use super::{Actor, Why};
use crate::app::AppInner;
use crate::chain::{Awaits, Callee};
use crate::mutation::Mutation;
use crate::ownership::redirect;
use crate::turn::{Call, watch_slow};

/// One actor, active or about to be.
pub(super) struct Cell<A: Actor, S> {
    pub(super) room: Arc<Room<A, S>>,
    pub(super) app: Arc<AppInner>,
    pub(super) key: Key,
    /// It is never idle, and it is active without an entity too.
    pub(super) resident: bool,
    /// It is never idle.
    stays: bool,
    id: String,
    pub(super) slot: u32,
    pub(super) worker: usize,
    phase: AtomicU8,
    pub(super) mail: Mutex<Mail>,
    awaits: Mutex<Awaits>,
    /// Used by the runner alone.
    task: Mutex<Task<A>>,
    /// The turn takes longer than it may.
    pub(super) over_limit: AtomicBool,
    /// The turn has done something about the outbox or reminders.
    later_turned: AtomicBool,
}

/// An actor in memory, and what it writes under.
pub(super) struct Active<A> {
    pub(super) actor: A,
    pub(super) token: Token,
    pub(super) commits: Commits,
    pub(super) commands: Commands,
    /// The last turn that was traced and is not saved.
    pub(super) trace: Option<Trace>,
    /// What it has given to the next owner: its own again, if there is none.
    pub(super) moved: Option<Bytes>,
    /// Of a claim that was sent after a suspension, and not answered: sent again it counts once.
    pub(super) claiming: Option<Token>,
    /// A turn waits for the save that begins next, before another turn begins.
    pub(super) settles: bool,
    /// A turn waits for the save that is under way.
    pub(super) alone: bool,
}

impl<A> Active<A> {
    pub(super) fn new(actor: A, token: Token, commands: Commands) -> Self {
        Self {
            actor,
            token,
            commits: Commits::new(),
            commands,
            trace: None,
            moved: None,
            claiming: None,
            settles: false,
            alone: false,
        }
    }
}

struct Task<A: Actor> {
    idle: Option<Box<Active<A>>>,
    running: Option<TurnBox<A>>,
}

// The phases of a cell in its worker's queue.
const WAITS: u8 = 0;
const QUEUED: u8 = 1;
const RUNS: u8 = 2;
const RUNS_AGAIN: u8 = 3;

impl<A: Actor, S: ActorServices<A>> Cell<A, S> {
    pub(super) fn new(
        room: &Arc<Room<A, S>>,
        app: &Arc<AppInner>,
        key: Key,
        worker: usize,
    ) -> Arc<Self> {
        Arc::new(Self {
            room: Arc::clone(room),
            app: Arc::clone(app),
            id: format!("{}/{key}", A::NAME),
            resident: room.config.is_resident(key.as_str()),
            stays: room.config.resident_rows || room.config.is_resident(key.as_str()),
            slot: slot_of(key.as_str(), room.slots.count()),
            key,
            worker,
            phase: AtomicU8::new(WAITS),
            mail: Mutex::default(),
            awaits: Mutex::default(),
            task: Mutex::new(Task { idle: None, running: None }),
            over_limit: AtomicBool::new(false),
            later_turned: AtomicBool::new(false),
        })
    }

    /// Puts a call into the mailbox, or refuses it; whether to `schedule`.
    pub(super) fn post(&self, call: Call) -> bool {
        let mut mail = self.mail.lock();
        if mail.len() >= self.room.config.mailbox {
            drop(mail);
            let max = self.room.config.mailbox;
            call.overloaded(format!(
                "{max} calls wait for {} (actor.{}.mailbox)",
                self.id,
                A::NAME
            ));
            return false;
        }
        if let Some(cycle) = self.awaits.lock().problem(&call.cx, &self.id) {
            drop(mail);
            call.deadlock(cycle);
            return false;
        }
        mail.letters.push_back(Letter::Call(call));
        true
    }

    /// Tells an actor in memory that a session has ended; records of one that has no room for the word go with time.
    pub(super) fn session_over(self: &Arc<Self>, session: Arc<Session>) {
        let mut mail = self.mail.lock();
        if mail.active && !mail.stopped && mail.len() < self.room.config.mailbox {
            mail.letters.push_back(Letter::SessionOver(session));
            drop(mail);
            self.schedule();
        }
    }

    /// Activates the actor, unless it is active.
    pub(super) fn enter(self: &Arc<Self>) {
        let mut mail = self.mail.lock();
        mail.enter = !mail.active;
        if mail.enter {
            drop(mail);
            self.schedule();
        }
    }

    /// Deactivates the actor when nothing waits for it any more.
    pub(super) fn close(self: &Arc<Self>, why: Why) {
        self.mail.lock().close.get_or_insert(why);
        self.schedule();
    }

    /// Deactivates the actor now: calls that wait are refused, and a turn that runs has had its time.
    pub(super) fn end(self: &Arc<Self>) {
        let mut mail = self.mail.lock();
        mail.close = Some(Why::Drain);
        let letters = std::mem::take(&mut mail.letters);
        if mail.suspended.take().is_some() {
            self.over_limit.store(true, Ordering::Relaxed);
        }
        drop(mail);
        self.schedule();
        for letter in letters {
            if let Letter::Call(call) = letter {
                call.reply.refuse(Code::Unavailable, reason::GOING_AWAY, "this app drains");
            }
        }
    }

    pub(super) fn has_work(&self) -> bool {
        self.mail.lock().has_work()
    }

    /// Whether it can be forgotten, when it is not active.
    pub(super) fn is_empty(&self) -> bool {
        let mail = self.mail.lock();
        mail.letters.is_empty() && !mail.has_work()
    }

    /// Whether its slot is not served here, or about to leave.
    pub(super) fn is_stopped(&self) -> bool {
        self.mail.lock().stopped
    }

    /// Whether somebody calls it. Its timers do not count: they end with it.
    pub(super) fn has_calls(&self) -> bool {
        self.mail.lock().letters.iter().any(|letter| matches!(letter, Letter::Call(_)))
    }

    /// What to do next.
    pub(super) fn next_job(&self) -> Option<Job> {
        let mut mail = self.mail.lock();
        // Under the lock: who serves the slot again starts it again after this.
        mail.stopped |= self.room.slots.epoch(self.slot) == 0;
        let calls = if mail.stopped { mail.take_calls() } else { Vec::new() };
        let job = mail.next(&self.app.env);
        drop(mail);
        // Those that have come before a suspension wait for the slot as those that come after it do: for a bounded time.
        for call in calls {
            Arc::clone(&self.room).post_elsewhere(self.slot, call);
        }
        job
    }

    /// Puts a job back that cannot be done now.
    pub(super) fn put_off(&self, job: Job) {
        self.mail.lock().put_off(job);
    }

    /// Its slot is served.
    pub(super) fn go_on(self: &Arc<Self>) {
        let mut mail = self.mail.lock();
        mail.stopped = false;
        // It stays, if it was about to leave.
        mail.leave = None;
        // What could not be saved meanwhile is not to wait for longer.
        mail.save_due |= mail.save_at.take().is_some();
        drop(mail);
        self.schedule();
        self.send_out();
    }

    /// Its slot goes to another app: calls that wait are sent there, the turn that runs ends, and the actor is saved (rule 18).
    pub(super) fn leave(self: &Arc<Self>, ticket: Ticket, to: &AppId) {
        let mut mail = self.mail.lock();
        mail.stopped = true;
        mail.leave = Some(ticket);
        let letters = std::mem::take(&mut mail.letters);
        drop(mail);
        self.schedule();
        send_letters_on(letters, Some(to));
    }

    /// Its slot is another app's: what it has not saved is lost, and the store would refuse it (rule 6).
    pub(super) fn drop_with_slot(self: &Arc<Self>, to: Option<&AppId>) {
        let mut mail = self.mail.lock();
        mail.stopped = true;
        mail.gone = true;
        let letters = std::mem::take(&mut mail.letters);
        drop(mail);
        self.schedule();
        send_letters_on(letters, to);
    }

    /// Whether the app may still write and answer for what an activation under `epoch` knows (rules 6 and 25). Asked after the
    /// state was read.
    #[inline]
    pub(super) fn holds(&self, epoch: u64) -> bool {
        self.room.slots.is_fresh(self.slot, epoch) && self.app.ownership.is_valid()
            || self.app.lacks(Mutation::DeadlineOfAnswers)
    }

    /// A turn of the game's begins: its limit does not count what was waited for before.
    pub(super) fn begin_turn(&self) {
        self.mail.lock().suspended = None;
        self.over_limit.store(false, Ordering::Relaxed);
    }

    /// Notes that the turn does something about the outbox or reminders.
    pub(super) fn turn_later(&self) {
        self.later_turned.store(true, Ordering::Relaxed);
    }

    /// Whether the turn has done something about the outbox or reminders.
    #[inline]
    pub(super) fn later_turned(&self) -> bool {
        self.later_turned.load(Ordering::Relaxed)
    }

    /// As [`Cell::later_turned`], of a turn that has ended.
    pub(super) fn end_later_turn(&self) -> bool {
        self.later_turned.swap(false, Ordering::Relaxed)
    }

    /// It has become active, or not active, or it stays though it was about to leave.
    pub(super) fn used(&self, active: bool) {
        let now = self.app.env.now();
        let mut mail = self.mail.lock();
        if active && !mail.active {
            mail.tick_at = self.room.config.tick().map(|tick| now + tick);
        }
        if !active {
            (mail.save_at, mail.tick_at) = (None, None);
            (mail.save_due, mail.tick_due) = (false, false);
            mail.timers.clear();
            mail.later = None;
            // The app that drains waits for those too that are activated once more.
            mail.close = mail.close.filter(|why| *why == Why::Drain);
        }
        mail.active = active;
        mail.last_used = Some(now);
    }

    /// An activation begins, with the replies that it will hold.
    pub(super) fn hold(&self, held: &Arc<Held>) {
        self.mail.lock().held = Some(Arc::clone(held));
    }

    /// There is something to save: not later than the save interval from now.
    pub(super) fn save_later(&self) {
        let mut mail = self.mail.lock();
        if mail.save_at.is_none() && !mail.save_due {
            mail.save_at = Some(self.room.config.save_at(&self.app.env, self.app.env.now()));
        }
    }

    /// Inside a turn: the result of the save in flight, when it is there.
    pub(super) fn poll_saved(&self) -> Poll<(u64, SaveResult)> {
        self.mail.lock().saved.take().map_or(Poll::Pending, Poll::Ready)
    }

    /// Queues the cell at its worker, unless it is there already.
    pub(super) fn schedule(self: &Arc<Self>) {
        let next = |phase| match phase {
            WAITS => Some(QUEUED),
            RUNS => Some(RUNS_AGAIN),
            _ => None,
        };
        let queued = self.phase.fetch_update(Ordering::AcqRel, Ordering::Acquire, next);
        if queued == Ok(WAITS) {
            self.runner().push(Arc::clone(self) as Arc<dyn Runnable>);
        }
    }

    fn runner(&self) -> &Runner {
        &self.app.runners[self.worker]
    }

    /// Works off what waits; whether the actor is still in memory afterwards.
    fn poll_turns(self: &Arc<Self>, task: &mut Task<A>) -> bool {
        let waker = Waker::from(Arc::clone(self));
        let mut cx = Context::from_waker(&waker);
        loop {
            let mut turn = match task.running.take() {
                Some(turn) => turn,
                None if self.has_work() => self.room.begin(self, task.idle.take()),
                None => return task.idle.is_some(),
            };
            match catch_unwind(AssertUnwindSafe(|| turn.poll(&mut cx))) {
                Ok(Poll::Ready(active)) => {
                    self.room.recycle(turn);
                    task.idle = active;
                }
                Ok(Poll::Pending) => {
                    task.running = Some(turn);
                    return true;
                }
                Err(_) => {
                    // Handlers' panics are caught around them: this one came from a destructor of the game's.
                    tracing::error!(actor = %outside(&self.id), "an actor panicked outside of its turn");
                    self.app.counters.dropped.add(1);
                    self.used(false);
                }
            }
        }
    }

    /// Asks the runner to look at this cell when something is due.
    fn arm(self: &Arc<Self>) {
        let mut mail = self.mail.lock();
        let config = &self.room.config;
        let limit = Duration::from_millis(config.turn_limit_ms);
        let idle = || Some(mail.last_used? + config.idle()?);
        // One that is to be closed has nothing left to wait for.
        let stays = mail.close.is_none();
        let idle = if stays && mail.idles() && !self.stays { idle() } else { None };
        let timer = if stays { mail.timers.earliest() } else { None };
        let limit = mail.suspended.map(|since| since + limit);
        let later = mail.later.as_ref().filter(|_| stays && mail.active && !mail.stopped);
        let later = later.and_then(|later| later.next_at(&self.app.env));
        let due =
            [mail.save_at, mail.tick_at, timer, later, limit, idle].into_iter().flatten().min();
        let Some(due) = due.filter(|due| mail.armed.is_none_or(|armed| *due < armed)) else {
            return;
        };
        mail.armed = Some(due);
        drop(mail);
        let weak: Weak<Self> = Arc::downgrade(self);
        self.runner().arm(due, weak);
    }

    /// Drops the actor as it is.
    pub(super) fn abandon(&self) {
        let (idle, running) = {
            let mut task = self.task.lock();
            (task.idle.take(), task.running.take())
        };
        drop((idle, running));
        let letters = std::mem::take(&mut self.mail.lock().letters);
        drop(letters);
    }
}

fn send_letters_on(letters: VecDeque<Letter>, to: Option<&AppId>) {
    for letter in letters {
        match (letter, to) {
            (Letter::Call(call), Some(to)) => redirect(call, to),
            (Letter::Call(call), None) => {
                let why = format!("{}: nobody owns it just now", call.method.path);
                call.reply.refuse(Code::Unavailable, reason::NOT_READY, why);
            }
            // Timers end with the activation, and records with time.
            (Letter::Timer(_) | Letter::SessionOver(_), _) => {}
        }
    }
}

impl<A: Actor, S: ActorServices<A>> Runnable for Cell<A, S> {
    fn run(self: Arc<Self>) {
        self.phase.store(RUNS, Ordering::Release);
        let began = self.app.env.now();
        let mut task = self.task.lock();
        let in_memory = self.poll_turns(&mut task);
        let suspended = task.running.is_some();
        drop(task);
        let now = self.app.env.now();
        let mut mail = self.mail.lock();
        mail.suspended = suspended.then(|| mail.suspended.unwrap_or(now));
        if !suspended && std::mem::take(&mut mail.called) {
            mail.last_used = Some(now);
        }
        let method = mail.method;
        drop(mail);
        watch_slow(&self.app.counters, &self.id, method, began, now);
        if !in_memory && self.room.forget(&self) {
            return;
        }
        self.arm();
        let again = |phase| Some(if phase == RUNS_AGAIN { QUEUED } else { WAITS });
        let before = self.phase.fetch_update(Ordering::AcqRel, Ordering::Acquire, again);
        if before == Ok(RUNS_AGAIN) {
            self.runner().push(Arc::clone(&self) as Arc<dyn Runnable>);
        } else if !suspended && self.has_work() {
            self.schedule();
        }
    }

    fn on_time(self: Arc<Self>, now: Instant, armed: Instant) {
        let mut mail = self.mail.lock();
        if mail.armed != Some(armed) {
            return;
        }
        mail.armed = None;
        let config = &self.room.config;
        let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        let limit = Duration::from_millis(config.turn_limit_ms);
        let mut work = false;
        if is_due(mail.suspended.map(|since| since + limit)) {
            self.over_limit.store(true, Ordering::Relaxed);
            // It ends at the next poll; until then it is not looked at again.
            mail.suspended = None;
            work = true;
        }
        if is_due(mail.save_at) {
            (mail.save_at, mail.save_due, work) = (None, true, true);
        }
        if is_due(mail.tick_at) {
            mail.tick_at = config.tick().map(|tick| now + tick);
            (mail.tick_due, work) = (true, true);
        }
        let idle_at = mail.last_used.zip(config.idle()).map(|(used, idle)| used + idle);
        if mail.idles() && !self.stays && is_due(idle_at) {
            mail.close.get_or_insert(Why::Idle);
            work = true;
        }
        // One that is to be closed must come to its end.
        while mail.close.is_none()
            && let Some(timer) = mail.timers.pop_due(now)
        {
            mail.letters.push_back(Letter::Timer(timer));
            work = true;
        }
        let close = mail.close.is_some();
        if let Some(later) = mail.later.as_deref_mut().filter(|_| !close) {
            later.due = true;
            work |= later.reminders.next_ms().is_some();
        }
        drop(mail);
        if work {
            self.schedule();
        }
        self.send_out();
        self.arm();
    }
}

impl<A: Actor, S: ActorServices<A>> Wake for Cell<A, S> {
    fn wake(self: Arc<Self>) {
        self.schedule();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.schedule();
    }
}

impl<A: Actor, S: ActorServices<A>> Callee for Cell<A, S> {
    fn id(&self) -> &str {
        &self.id
    }

    fn key(&self) -> Option<&str> {
        Some(self.key.as_str())
    }

    fn deactivate(&self) {
        // Its turn runs, so it is looked at again when that ends.
        self.mail.lock().close.get_or_insert(Why::Asked);
    }

    fn awaits(&self) -> &Mutex<Awaits> {
        &self.awaits
    }

    fn set_timer(self: Arc<Self>, mut message: Message) -> Result<u64, Status> {
        let service = self.room.service(message.method)?;
        if let Some(field) = message.method.key {
            message.body = with_key(&message.body, field, &self.key);
        }
        let max = self.room.config.timers;
        let mut mail = self.mail.lock();
        if mail.timers.len() >= max {
            drop(mail);
            self.app.counters.overloaded.add(1);
            let why = format!("{} has {max} timers (actor.{}.timers)", self.id, A::NAME);
            return Err(Status::not_run(Code::ResourceExhausted, reason::OVERLOADED, why));
        }
        let number = mail.timers.add(self.app.env.now(), service, message);
        drop(mail);
        self.arm();
        Ok(number)
    }

    fn next_generation(&self) -> Result<Generation, Status> {
        // Read together: a slot that was lost and granted again meanwhile has a larger epoch, and the number stays unique.
        match self.room.slots.epoch(self.slot) {
            0 => {
                let why = format!("{} is not owned here just now", self.id);
                Err(Status::not_run(Code::Unavailable, reason::NOT_READY, why))
            }
            epoch => Ok(Generation { epoch, number: self.room.next_number() }),
        }
    }

    fn later(&self) -> Result<&dyn DoesLater, Status> {
        if self.room.wakes {
            return Ok(self);
        }
        let why = format!(
            "{}: the outbox and reminders need `wakes: true` in the option (guildhall.entity) of the actor's first entity",
            self.id
        );
        Err(Status::not_run(Code::FailedPrecondition, reason::STORE, why))
    }

    fn cancel_timer(&self, number: u64) {
        self.mail.lock().timers.cancel(number);
    }
}

impl<A: Actor, S: ActorServices<A>> Saved for Cell<A, S> {
    fn on_saved(self: Arc<Self>, activation: u64, result: SaveResult) {
        let mut mail = self.mail.lock();
        // A late answer to an earlier activation is of no use to anybody.
        if mail.saved.as_ref().is_none_or(|(present, _)| *present <= activation) {
            mail.saved = Some((activation, result));
        }
        drop(mail);
        self.schedule();
    }
}
