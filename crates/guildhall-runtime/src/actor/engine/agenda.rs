//! What an actor does next, and when the clock wakes it: plain data in, a decision out. No lock, no await, no call.
//!
//! [`Agenda::next`] takes the first line of this table whose condition holds:
//!
//! | step | condition |
//! |---|---|
//! | `ApplySave` | the store has answered a save |
//! | `LoseSlot` | another app owns the slot |
//! | `Leave` | the slot is about to move |
//! | none | the slot is not served here |
//! | `Save` | the save interval is over |
//! | `Tick` | the tick interval is over |
//! | `OwnTurn` | a reminder is due, or a receiver has refused a message, and the actor is active |
//! | `Letter` | a call or the message of a timer waits: letters go before the end, so that every accepted call runs |
//! | `Activate` | the actor is a resident, or its row is due |
//! | `Deactivate` | the actor was asked to end |

use std::time::Duration;

use guildhall_core::env::Instant;

use crate::actor::DeactivateReason;
use crate::actor::config::ActorConfig;

/// What an actor does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    ApplySave,
    LoseSlot,
    Leave,
    Save,
    Tick,
    OwnTurn,
    Letter,
    Activate,
    Deactivate(DeactivateReason),
}

/// What waits beside the agenda.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Waiting {
    /// A call, or the message of a timer.
    pub(crate) letters: bool,
    /// A reminder may be due, or a receiver has refused a message.
    pub(crate) own_turn: bool,
}

/// The times at which work beside the agenda is due.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LaterTimes {
    /// The next timer.
    pub(crate) timer: Option<Instant>,
    /// The next message of the outbox, or the next reminder.
    pub(crate) own: Option<Instant>,
    /// Nothing waits and no timer or message is left: only the idle time counts.
    pub(crate) quiet: bool,
}

/// What the clock has made due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Due {
    /// The turn takes longer than it may.
    pub(crate) over_limit: bool,
    /// There is work for the actor.
    pub(crate) work: bool,
    /// Timers, messages and reminders may be due as well: the actor is not about to end.
    pub(crate) later: bool,
}

/// The state of one actor, as far as the order of its work depends on it.
#[derive(Debug, Default)]
pub(crate) struct Agenda {
    /// The actor is in memory, and not only its mailbox.
    pub(crate) active: bool,
    /// The slot is not served here: no turn begins.
    pub(crate) stopped: bool,
    pub(crate) slot_lost: bool,
    pub(crate) slot_leaves: bool,
    pub(crate) save_answered: bool,
    pub(crate) save_due: bool,
    pub(crate) tick_due: bool,
    pub(crate) activation_wanted: bool,
    /// The actor deactivates when no letter waits any more.
    pub(crate) close: Option<DeactivateReason>,
    /// A letter was opened since `last_used`.
    called: bool,
    last_used: Option<Instant>,
    /// Since when the present turn waits.
    pub(crate) suspended_since: Option<Instant>,
    pub(crate) save_at: Option<Instant>,
    tick_at: Option<Instant>,
    /// When the runner looks at the actor.
    armed: Option<Instant>,
}

impl Agenda {
    /// The next step, if there is work.
    pub(crate) fn next(&self, waiting: Waiting) -> Option<Step> {
        let step = match self {
            Self { save_answered: true, .. } => Step::ApplySave,
            Self { slot_lost: true, .. } => Step::LoseSlot,
            Self { slot_leaves: true, .. } => Step::Leave,
            Self { stopped: true, .. } => return None,
            Self { save_due: true, .. } => Step::Save,
            Self { tick_due: true, .. } => Step::Tick,
            Self { active: true, .. } if waiting.own_turn => Step::OwnTurn,
            _ if waiting.letters => Step::Letter,
            Self { activation_wanted: true, .. } => Step::Activate,
            Self { close, .. } => return close.map(Step::Deactivate),
        };
        Some(step)
    }

    /// The step begins.
    pub(crate) fn begin(&mut self, step: Step) {
        match step {
            Step::ApplySave => self.save_answered = false,
            Step::LoseSlot => self.slot_lost = false,
            Step::Leave => self.slot_leaves = false,
            Step::Save => self.save_due = false,
            Step::Tick => self.tick_due = false,
            Step::OwnTurn => self.called = true,
            Step::Letter => {
                self.called = true;
                // A call keeps an idle actor in memory, and may create a missing entity.
                let stays = |reason: &DeactivateReason| {
                    !matches!(reason, DeactivateReason::Idle | DeactivateReason::Missing)
                };
                self.close = self.close.filter(stays);
            }
            Step::Activate => self.activation_wanted = false,
            Step::Deactivate(_) => self.close = None,
        }
    }

    /// The step cannot run now and comes again. Ticks come again by themselves.
    pub(crate) fn put_off(&mut self, step: Step) {
        match step {
            Step::Save => self.save_due = true,
            Step::Activate => self.activation_wanted = true,
            Step::Deactivate(reason) => self.close = Some(reason),
            Step::Leave => self.slot_leaves = true,
            Step::LoseSlot | Step::ApplySave | Step::Tick | Step::OwnTurn | Step::Letter => {}
        }
    }

    /// The actor has become active, or stays active after its end was abandoned.
    pub(crate) fn activated(&mut self, now: impl Fn() -> Instant, tick: Option<Duration>) {
        if !self.active {
            self.tick_at = tick.map(|tick| now() + tick);
        }
        self.active = true;
        // The end of the call that activates it says the time.
        if !self.called {
            self.last_used = Some(now());
        }
    }

    /// The activation is over.
    pub(crate) fn deactivated(&mut self, now: Instant) {
        (self.save_at, self.tick_at) = (None, None);
        (self.save_due, self.tick_due) = (false, false);
        // A draining app waits for actors that are activated once more, too.
        self.close = self.close.filter(|reason| *reason == DeactivateReason::Drain);
        self.active = false;
        self.last_used = Some(now);
    }

    /// The worker has run the actor until now.
    pub(crate) fn ran(&mut self, now: Instant, suspended: bool) {
        self.suspended_since = suspended.then(|| self.suspended_since.unwrap_or(now));
        if !suspended && std::mem::take(&mut self.called) {
            self.last_used = Some(now);
        }
    }

    /// Calls were run until then, of which nothing else is known here.
    pub(crate) fn was_used(&mut self, until: Instant) {
        self.last_used = self.last_used.max(Some(until));
    }

    /// A call was run until now and has changed nothing else here. Whether the runner looks at the actor early enough.
    pub(crate) fn used(&mut self, now: Instant) -> bool {
        self.last_used = Some(now);
        let Self { armed, save_at, .. } = self;
        armed.is_some_and(|armed| save_at.is_none_or(|at| armed <= at))
    }

    /// Whether a call may run at once where no letter waits.
    pub(crate) fn is_idle_for_calls(&self) -> bool {
        self.active && !self.stopped && self.close.is_none()
    }

    /// When the runner is to look at the actor, unless it looks earlier in any case.
    pub(crate) fn arm(
        &mut self,
        config: &ActorConfig,
        never_idle: bool,
        later: LaterTimes,
    ) -> Option<Instant> {
        // An actor that ends has nothing left to wait for.
        let stays = self.close.is_none();
        let idle =
            (stays && !never_idle && self.is_idle(later.quiet)).then(|| self.idle_at(config));
        let own = later.own.filter(|_| stays && self.active && !self.stopped);
        let due = earliest(self.save_at, self.tick_at);
        let due = earliest(due, self.limit_at(config));
        let due = earliest(due, idle.flatten());
        let due = earliest(due, later.timer.filter(|_| stays));
        let due = earliest(due, own)?;
        if self.armed.is_some_and(|armed| armed <= due) {
            return None;
        }
        self.armed = Some(due);
        Some(due)
    }

    /// The runner looks at the actor, which was armed for `armed`; `None` when it is armed for another time meanwhile.
    pub(crate) fn on_time(
        &mut self,
        (now, armed): (Instant, Instant),
        config: &ActorConfig,
        never_idle: bool,
        quiet: bool,
    ) -> Option<Due> {
        if self.armed != Some(armed) {
            return None;
        }
        self.armed = None;
        let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        let mut due = Due { over_limit: is_due(self.limit_at(config)), ..Due::default() };
        if due.over_limit {
            // The turn ends at its next poll; until then there is nothing to look at.
            self.suspended_since = None;
        }
        if is_due(self.save_at) {
            (self.save_at, self.save_due) = (None, true);
        }
        if is_due(self.tick_at) {
            self.tick_at = config.tick().map(|tick| now + tick);
            self.tick_due = true;
        }
        let idle = !never_idle && self.is_idle(quiet) && is_due(self.idle_at(config));
        if idle {
            self.close.get_or_insert(DeactivateReason::Idle);
        }
        due.work = due.over_limit || self.save_due || self.tick_due || idle;
        due.later = self.close.is_none();
        Some(due)
    }

    fn is_idle(&self, quiet: bool) -> bool {
        quiet && self.active && !self.stopped && self.suspended_since.is_none()
    }

    fn idle_at(&self, config: &ActorConfig) -> Option<Instant> {
        Some(self.last_used? + config.idle()?)
    }

    fn limit_at(&self, config: &ActorConfig) -> Option<Instant> {
        let limit = Duration::from_millis(config.turn_limit_ms);
        self.suspended_since.map(|since| since + limit)
    }
}

#[inline]
fn earliest(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use guildhall_core::Env;

    use super::*;

    const LETTERS: Waiting = Waiting { letters: true, own_turn: false };
    const BOTH: Waiting = Waiting { letters: true, own_turn: true };

    fn active() -> Agenda {
        Agenda { active: true, ..Agenda::default() }
    }

    #[test]
    fn the_order_of_steps_is_that_of_the_table() {
        let mut agenda = Agenda {
            save_answered: true,
            slot_lost: true,
            slot_leaves: true,
            save_due: true,
            tick_due: true,
            activation_wanted: true,
            close: Some(DeactivateReason::Asked),
            ..active()
        };
        let mut waiting = BOTH;
        let mut steps = Vec::new();
        while let Some(step) = agenda.next(waiting) {
            agenda.begin(step);
            match step {
                Step::OwnTurn => waiting.own_turn = false,
                Step::Letter => waiting.letters = false,
                _ => {}
            }
            steps.push(step);
        }
        let asked = Step::Deactivate(DeactivateReason::Asked);
        let table = [Step::ApplySave, Step::LoseSlot, Step::Leave, Step::Save, Step::Tick];
        let rest = [Step::OwnTurn, Step::Letter, Step::Activate, asked];
        assert_eq!(steps, [&table[..], &rest[..]].concat());
    }

    #[test]
    fn nothing_begins_while_the_slot_is_not_served_but_what_ends_it() {
        let mut agenda = Agenda { stopped: true, save_due: true, tick_due: true, ..active() };
        assert_eq!(agenda.next(BOTH), None);
        agenda.slot_leaves = true;
        assert_eq!(agenda.next(BOTH), Some(Step::Leave));
        agenda.save_answered = true;
        assert_eq!(agenda.next(BOTH), Some(Step::ApplySave));
    }

    #[test]
    fn an_actor_that_is_not_active_has_no_turns_of_its_own() {
        let waiting = Waiting { own_turn: true, letters: false };
        assert_eq!(Agenda::default().next(waiting), None);
        assert_eq!(active().next(waiting), Some(Step::OwnTurn));
    }

    #[test]
    fn a_call_keeps_an_idle_actor_and_not_one_that_was_asked_to_end() {
        for (reason, stays) in [
            (DeactivateReason::Idle, true),
            (DeactivateReason::Missing, true),
            (DeactivateReason::Asked, false),
            (DeactivateReason::Drain, false),
        ] {
            let mut agenda = Agenda { close: Some(reason), ..active() };
            assert_eq!(agenda.next(LETTERS), Some(Step::Letter));
            agenda.begin(Step::Letter);
            assert_eq!(agenda.next(Waiting::default()).is_none(), stays, "{reason:?}");
        }
    }

    #[test]
    fn a_step_that_is_put_off_comes_again() {
        let asked = Step::Deactivate(DeactivateReason::Asked);
        for step in [Step::Save, Step::Activate, Step::Leave, asked] {
            let mut agenda = active();
            agenda.put_off(step);
            assert_eq!(agenda.next(Waiting::default()), Some(step));
            agenda.begin(step);
            assert_eq!(agenda.next(Waiting::default()), None);
        }
    }

    #[test]
    fn an_idle_actor_ends_when_its_time_is_over_and_not_before() {
        let config = ActorConfig { idle_ms: 1_000, ..ActorConfig::default() };
        let start = Env::real().now();
        let later = LaterTimes { quiet: true, ..LaterTimes::default() };
        let mut agenda = Agenda::default();
        agenda.activated(|| start, None);
        let at = agenda.arm(&config, false, later).unwrap();
        assert_eq!(at, start + Duration::from_secs(1));
        assert_eq!(
            agenda.arm(&config, false, later),
            None,
            "the runner looks at that time already"
        );
        // A call in between: the runner looks, finds it used, and looks again later.
        agenda.begin(Step::Letter);
        agenda.ran(start + Duration::from_millis(600), false);
        assert!(!agenda.on_time((at, at), &config, false, true).unwrap().work);
        let at = agenda.arm(&config, false, later).unwrap();
        assert_eq!(at, start + Duration::from_millis(1_600));
        let due = agenda.on_time((at, at), &config, false, true).unwrap();
        assert!(due.work && !due.later);
        let idle = Step::Deactivate(DeactivateReason::Idle);
        assert_eq!(agenda.next(Waiting::default()), Some(idle));
    }

    #[test]
    fn residents_and_actors_with_timers_are_never_idle() {
        let config = ActorConfig { idle_ms: 1, ..ActorConfig::default() };
        let mut agenda = Agenda::default();
        agenda.activated(|| Env::real().now(), None);
        let quiet = LaterTimes { quiet: true, ..LaterTimes::default() };
        assert_eq!(agenda.arm(&config, true, quiet), None);
        assert_eq!(agenda.arm(&config, false, LaterTimes::default()), None);
        assert!(agenda.arm(&config, false, quiet).is_some());
    }

    #[test]
    fn a_turn_that_waits_for_longer_than_its_limit_is_over() {
        let config = ActorConfig { turn_limit_ms: 100, ..ActorConfig::default() };
        let start = Env::real().now();
        let mut agenda = active();
        agenda.ran(start, true);
        agenda.ran(start + Duration::from_millis(50), true);
        let at = agenda.arm(&config, false, LaterTimes::default()).unwrap();
        assert_eq!(at, start + Duration::from_millis(100), "counted from the first wait");
        let due = agenda.on_time((at, at), &config, false, false).unwrap();
        assert!(due.over_limit && due.work);
    }

    #[test]
    fn a_look_that_was_overtaken_by_an_earlier_one_does_nothing() {
        let config = ActorConfig::default();
        let start = Env::real().now();
        let mut agenda = active();
        agenda.save_at = Some(start + Duration::from_secs(2));
        let late = agenda.arm(&config, true, LaterTimes::default()).unwrap();
        agenda.save_at = Some(start + Duration::from_secs(1));
        let early = agenda.arm(&config, true, LaterTimes::default()).unwrap();
        assert!(early < late);
        assert!(agenda.on_time((early, early), &config, true, false).unwrap().work);
        assert_eq!(agenda.on_time((late, late), &config, true, false), None);
    }
}
