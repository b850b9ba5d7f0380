//! The steps of the model: all that can happen next.

mod keys;
mod slots;

use super::{App, Message, World};
use crate::scenario::Scenario;

#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    ViewChanges,
    ViewArrives {
        app: u8,
    },
    Acquire {
        app: u8,
        slot: u8,
    },
    /// A watch shows the app's own grant.
    Learn {
        app: u8,
        slot: u8,
    },
    Ask {
        app: u8,
        slot: u8,
    },
    /// Somebody else holds it: what was suspended is dropped.
    Forget {
        app: u8,
        slot: u8,
    },
    Claim {
        app: u8,
        key: u8,
    },
    Begin {
        app: u8,
        key: u8,
        command: u8,
    },
    EndTurn {
        app: u8,
        key: u8,
    },
    FailTurn {
        app: u8,
        key: u8,
    },
    Post {
        message: u8,
    },
    Change {
        app: u8,
        key: u8,
    },
    BeginRead {
        app: u8,
        key: u8,
    },
    EndRead {
        app: u8,
        key: u8,
    },
    Retry {
        app: u8,
        key: u8,
    },
    Leave {
        app: u8,
        slot: u8,
    },
    Abort {
        app: u8,
        slot: u8,
        fault: bool,
    },
    TakeBack {
        app: u8,
        slot: u8,
        fault: bool,
    },
    /// The app is told that its session is over.
    Notice {
        app: u8,
    },
    Reopen {
        app: u8,
    },
    Revive {
        app: u8,
    },
    Renew {
        app: u8,
    },
    Expire {
        app: u8,
        life: u8,
        fault: bool,
    },
    Deliver(Message),
    Restart {
        app: u8,
    },
    Resume {
        app: u8,
    },
    Heal {
        app: u8,
    },
    Duplicate(Message),
    Lose(Message),
    /// `acquire` is done, and its answer is lost.
    LoseGrant {
        app: u8,
        slot: u8,
    },
    Crash {
        app: u8,
    },
    Pause {
        app: u8,
    },
    Cut {
        app: u8,
    },
    Lapse {
        app: u8,
    },
    Panic {
        app: u8,
        key: u8,
    },
    /// A claim is late, and is not waited for.
    ClaimAgain {
        app: u8,
        key: u8,
    },
    Reset,
    Sweep {
        key: u8,
    },
    ForgetHolders,
    /// Time passes: all that the service had promised before it forgot is over.
    PromisesEnd,
    /// A copy of what a holder has asked for earlier arrives at the service.
    LateAcquire {
        app: u8,
        slot: u8,
    },
}

impl Step {
    /// Whether it makes things worse: the good end must be in reach without it.
    pub fn is_fault(&self) -> bool {
        match self {
            Self::Abort { fault, .. }
            | Self::TakeBack { fault, .. }
            | Self::Expire { fault, .. } => *fault,
            Self::Duplicate(_)
            | Self::Lose(_)
            | Self::LoseGrant { .. }
            | Self::Crash { .. }
            | Self::Pause { .. }
            | Self::Cut { .. }
            | Self::Lapse { .. }
            | Self::Panic { .. }
            | Self::ClaimAgain { .. }
            | Self::Reset
            | Self::Sweep { .. }
            | Self::ForgetHolders
            | Self::LateAcquire { .. } => true,
            _ => false,
        }
    }
}

impl Scenario {
    /// All that can happen next.
    pub(super) fn steps(&self, w: &World, out: &mut Vec<Step>) {
        if w.view < self.last_view() {
            out.push(Step::ViewChanges);
        }
        for app in 0..self.apps {
            self.steps_of_app(w, app, out);
        }
        for message in &w.net {
            self.steps_of_message(w, *message, out);
        }
        for (app, life, fault) in self.expiring(w) {
            out.push(Step::Expire { app, life, fault });
        }
        if w.faults.reset > 0 {
            out.push(Step::Reset);
        }
        let sweeps = |key: &u8| w.faults.sweep > 0 && self.may_sweep(w, *key);
        out.extend((0..self.keys).filter(sweeps).map(|key| Step::Sweep { key }));
        if w.faults.restart > 0 {
            out.push(Step::ForgetHolders);
        }
        if w.is_any_promised() {
            out.push(Step::PromisesEnd);
        }
    }

    fn steps_of_app(&self, w: &World, app: u8, out: &mut Vec<Step>) {
        let me = w.app(app);
        if !me.up {
            return out.push(Step::Restart { app });
        }
        if me.paused {
            out.push(Step::Resume { app });
            let expired = me.session && !w.has_session(app, me.life);
            if !self.rules.expired_for_good && expired {
                out.push(Step::Renew { app });
            }
            return;
        }
        if w.faults.crash > 0 {
            out.push(Step::Crash { app });
        }
        let serves = me.slots.iter().any(Option::is_some);
        if w.faults.pause > 0 && serves {
            out.push(Step::Pause { app });
        }
        if w.faults.cut > 0 && serves {
            out.push(Step::Cut { app });
        }
        if w.faults.lapse > 0 && me.session && serves {
            out.push(Step::Lapse { app });
        }
        if me.cut {
            out.push(Step::Heal { app });
        }
        if me.view != w.view {
            out.push(Step::ViewArrives { app });
        }
        self.steps_of_session(w, app, me, out);
        for slot in 0..self.slots {
            self.steps_of_slot(w, app, slot, out);
        }
        for key in 0..self.keys {
            self.steps_of_key(w, app, key, out);
        }
    }

    fn steps_of_session(&self, w: &World, app: u8, me: &App, out: &mut Vec<Step>) {
        let kept = w.has_session(app, me.life);
        match (me.session, kept) {
            _ if !self.rules.lease => {}
            (true, true) => {}
            (true, false) if !self.rules.expired_for_good => out.push(Step::Renew { app }),
            (true, false) => out.push(Step::Notice { app }),
            _ if me.cut => {}
            (false, true) => out.push(Step::Revive { app }),
            (false, false) => out.push(Step::Reopen { app }),
        }
    }

    fn steps_of_message(&self, w: &World, message: Message, out: &mut Vec<Step>) {
        if self.arrives(w, &message) {
            out.push(Step::Deliver(message));
            let answer = matches!(message, Message::Claimed { .. } | Message::Written { .. });
            if w.faults.duplicate > 0 && !answer {
                out.push(Step::Duplicate(message));
            }
        }
        if w.faults.loss > 0 {
            out.push(Step::Lose(message));
        }
    }

    /// Whether the message gets through now. A paused app hears nothing; an app that is cut off hears only the store.
    fn arrives(&self, w: &World, message: &Message) -> bool {
        let (from, to) = match *message {
            Message::Claim { .. } | Message::Write(_) => (None, None),
            Message::Claimed { token, .. } | Message::Written { token, .. } => {
                (None, Some(token.app))
            }
            Message::Move { from, to, .. } | Message::Offer { from, to, .. } => {
                (Some(from), Some(to))
            }
            Message::Acknowledged { to, .. } | Message::Transferred { to, .. } => {
                (Some(to), Some(to))
            }
            Message::Transfer { from, .. } | Message::Release { app: from, .. } => {
                (Some(from), None)
            }
        };
        let cut = |app: u8| w.app(app).cut;
        let store = matches!(message, Message::Claimed { .. } | Message::Written { .. });
        to.is_none_or(|to| !w.app(to).paused)
            && (store || ![from, to].into_iter().flatten().any(cut))
    }
}
