//! The steps of the model: which are possible in a state, and what each does.

use super::moves::Asker;
use super::{Actor, App, Held, Leaving, Message, World};
use crate::rules::{Handover, ReadCheck, Resume};
use crate::scenario::Scenario;

#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    ViewChanges,
    ViewArrives { app: u8 },
    Acquire { app: u8, slot: u8 },
    /// A watch shows the app's own grant.
    Learn { app: u8, slot: u8 },
    Ask { app: u8, slot: u8 },
    /// Somebody else holds it: what was suspended is dropped.
    Forget { app: u8, slot: u8 },
    Claim { app: u8, key: u8 },
    Begin { app: u8, key: u8, command: u8 },
    EndTurn { app: u8, key: u8 },
    FailTurn { app: u8, key: u8 },
    Post { message: u8 },
    Change { app: u8, key: u8 },
    BeginRead { app: u8, key: u8 },
    EndRead { app: u8, key: u8 },
    Retry { app: u8, key: u8 },
    Leave { app: u8, slot: u8 },
    Abort { app: u8, slot: u8, fault: bool },
    TakeBack { app: u8, slot: u8, fault: bool },
    /// The app is told that its session is over.
    Notice { app: u8 },
    Reopen { app: u8 },
    Revive { app: u8 },
    Renew { app: u8 },
    Expire { app: u8, life: u8, fault: bool },
    Deliver(Message),
    Restart { app: u8 },
    Resume { app: u8 },
    Heal { app: u8 },
    Duplicate(Message),
    Lose(Message),
    /// `acquire` is done, and its answer is lost.
    LoseGrant { app: u8, slot: u8 },
    Crash { app: u8 },
    Pause { app: u8 },
    Cut { app: u8 },
    Lapse { app: u8 },
    Panic { app: u8, key: u8 },
    Reset,
}

impl Step {
    /// Whether it makes things worse: the good end must be in reach without it.
    pub fn is_fault(&self) -> bool {
        match self {
            Self::Abort { fault, .. } | Self::TakeBack { fault, .. } | Self::Expire { fault, .. } => {
                *fault
            }
            Self::Duplicate(_)
            | Self::Lose(_)
            | Self::LoseGrant { .. }
            | Self::Crash { .. }
            | Self::Pause { .. }
            | Self::Cut { .. }
            | Self::Lapse { .. }
            | Self::Panic { .. }
            | Self::Reset => true,
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

    fn steps_of_slot(&self, w: &World, app: u8, slot: u8, out: &mut Vec<Step>) {
        let me = w.app(app);
        let named = self.target(me.view, slot) == app;
        match w.held(app, slot) {
            Some(_) if !self.rules.lease && !named => out.push(Step::Forget { app, slot }),
            // Rule 6: the service names another, and not by a transfer of ours.
            Some(held) if self.is_overtaken(w, app, slot, held) => {
                if self.rules.expired_for_good || w.leases[slot as usize].holding.is_some() {
                    out.push(Step::Forget { app, slot });
                }
            }
            Some(held) => {
                if let Some(leaving) = held.leaving {
                    self.steps_of_leaving(w, (app, slot), held, leaving, out);
                }
            }
            // Who has no session is told so when it asks, and opens one first.
            None if me.session && !me.cut && w.has_session(app, me.life) => {
                self.steps_of_seeker(w, app, slot, out);
            }
            None => {}
        }
    }

    /// The service has told that this grant is not the present one.
    fn is_overtaken(&self, w: &World, app: u8, slot: u8, held: &Held) -> bool {
        let me = w.app(app);
        let told = self.rules.lease && me.session && !me.cut && held.leaving.is_none_or(|l| !l.sent);
        told && w.has_session(app, me.life) && !self.is_lawful(w, app, slot)
    }

    fn steps_of_leaving(
        &self,
        w: &World,
        (app, slot): (u8, u8),
        held: &Held,
        leaving: Leaving,
        out: &mut Vec<Step>,
    ) {
        let me = w.app(app);
        if !me.session || me.cut {
            return;
        }
        if leaving.sent {
            let of = (held.epoch, leaving.number);
            let open = w.net.iter().any(|message| match message {
                Message::Transfer { slot: s, of: o, .. } | Message::Transferred { slot: s, of: o, .. } => {
                    (*s, *o) == (slot, of)
                }
                _ => false,
            });
            if w.leases[slot as usize].counter < self.last_epoch {
                if !open {
                    out.push(Step::TakeBack { app, slot, fault: false });
                } else if w.faults.abort > 0 {
                    out.push(Step::TakeBack { app, slot, fault: true });
                }
            }
            return;
        }
        if self.leave(&mut w.clone(), app, slot) {
            out.push(Step::Leave { app, slot });
        }
        let target = w.app(leaving.to);
        if self.rules.handover == Handover::Offer {
            if !target.up || target.life != leaving.life {
                out.push(Step::Abort { app, slot, fault: false });
            } else if w.faults.abort > 0 {
                out.push(Step::Abort { app, slot, fault: true });
            }
        }
    }

    /// Rules 16 and 22: the app that its view names acquires, or asks the holder.
    fn steps_of_seeker(&self, w: &World, app: u8, slot: u8, out: &mut Vec<Step>) {
        let named = self.target(w.app(app).view, slot) == app;
        let lease = w.leases[slot as usize];
        let more = lease.counter < self.last_epoch;
        match lease.holding {
            _ if !self.rules.lease => {
                if named {
                    out.push(Step::Acquire { app, slot });
                }
            }
            None if named && more => {
                out.push(Step::Acquire { app, slot });
                if w.faults.loss > 0 {
                    out.push(Step::LoseGrant { app, slot });
                }
            }
            None => {}
            Some(holding) if self.is_holder(w, app, slot) => {
                // Rule 21: it learns of a transfer by asking, or by a watch.
                if named || holding.from.is_some() || self.rules.unknown_is_asked_for {
                    let learns = if more { Step::Acquire { app, slot } } else { Step::Learn { app, slot } };
                    out.push(learns);
                }
            }
            Some(holding) => {
                let asked = w.net.iter().any(|message| {
                    matches!(message, Message::Move { slot: s, from, to, .. }
                        if (*s, *from, *to) == (slot, app, holding.app))
                });
                if named && holding.app != app && !asked {
                    out.push(Step::Ask { app, slot });
                }
                let suspended = self.keys_of(slot).any(|key| w.actor(app, key).is_some());
                if suspended {
                    out.push(Step::Forget { app, slot });
                }
            }
        }
    }

    fn steps_of_key(&self, w: &World, app: u8, key: u8, out: &mut Vec<Step>) {
        let slot = self.slot_of[key as usize];
        let me = w.app(app);
        let Some(held) = w.held(app, slot).filter(|_| me.session) else { return };
        if Self::is_unanswered(w, app, key) {
            out.push(Step::Retry { app, key });
        }
        let suspended = self.is_suspended(w, app, key);
        let actor = w.actor(app, key);
        let may_claim = match actor {
            None => held.leaving.is_none(),
            // Rule 6: the own write in flight is answered first.
            Some(actor) => {
                suspended && (actor.pending.is_none() || self.rules.resume == Resume::Guess)
            }
        };
        if may_claim && me.activations < 8 && self.is_unclaimed(w, app, key) {
            out.push(Step::Claim { app, key });
        }
        let Some(actor) = actor.filter(|_| !suspended) else { return };
        if w.faults.panic > 0 {
            out.push(Step::Panic { app, key });
        }
        if let Some(command) = actor.turn {
            if self.is_answered(w, command) {
                out.push(Step::EndTurn { app, key });
            } else if self.rules.calls_end {
                out.push(Step::FailTurn { app, key });
            }
        }
        if self.may_end_read(w, app, key) {
            out.push(Step::EndRead { app, key });
        }
        for message in self.indices().filter(|message| self.may_post(w, actor, *message)) {
            out.push(Step::Post { message });
        }
        if held.leaving.is_none() {
            self.steps_of_intake(w, app, key, actor, out);
        }
    }

    /// Whether no claim of the key is on its way.
    fn is_unclaimed(&self, w: &World, app: u8, key: u8) -> bool {
        let Some(activation) = w.app(app).claims[key as usize] else { return true };
        !w.net.iter().any(|message| {
            matches!(message, Message::Claim { key: of, token } | Message::Claimed { key: of, token, .. }
                if (*of, token.app, token.activation) == (key, app, activation))
        })
    }

    fn steps_of_intake(&self, w: &World, app: u8, key: u8, actor: &Actor, out: &mut Vec<Step>) {
        if actor.turn.is_none() {
            for command in self.indices() {
                let here = self.commands[command as usize].key == key;
                if here && self.is_sent(w, command) && !self.is_idle(w, actor, command) {
                    out.push(Step::Begin { app, key, command });
                }
            }
            if w.witness.soft[key as usize].count_ones() < self.soft.into() {
                out.push(Step::Change { app, key });
            }
        }
        let valid = self.rules.read_check != ReadCheck::BeforeReading || self.says_valid(w, app);
        if self.reads && actor.read.is_none() && valid {
            out.push(Step::BeginRead { app, key });
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
            Message::Claimed { token, .. } | Message::Written { token, .. } => (None, Some(token.app)),
            Message::Move { from, to, .. } | Message::Offer { from, to, .. } => (Some(from), Some(to)),
            Message::Acknowledged { to, .. } | Message::Transferred { to, .. } => (Some(to), Some(to)),
            Message::Transfer { from, .. } | Message::Release { app: from, .. } => (Some(from), None),
        };
        let cut = |app: u8| w.app(app).cut;
        let store = matches!(message, Message::Claimed { .. } | Message::Written { .. });
        to.is_none_or(|to| !w.app(to).paused) && (store || ![from, to].into_iter().flatten().any(cut))
    }

    /// What a step does.
    pub(super) fn take(&self, w: &mut World, step: &Step) {
        match *step {
            Step::ViewChanges => w.view += 1,
            Step::ViewArrives { app } => w.app_mut(app).view = w.view,
            Step::Acquire { app, slot } => self.acquire(w, app, slot, true),
            Step::Learn { app, slot } => {
                if let Some(holding) = w.leases[slot as usize].holding {
                    self.granted(w, app, slot, holding);
                }
            }
            Step::Ask { app, slot } => self.ask(w, app, slot),
            Step::Forget { app, slot } => self.drop_slot(w, app, slot),
            Step::Claim { app, key } => self.claim(w, app, key),
            Step::Begin { app, key, command } => self.begin(w, app, key, command),
            Step::EndTurn { app, key } => {
                if let Some(command) = w.actor(app, key).and_then(|actor| actor.turn) {
                    self.finish(w, app, key, command);
                }
            }
            Step::FailTurn { app, key } => Self::fail_turn(w, app, key),
            Step::Post { message } => w.witness.called |= super::bit(message),
            Step::Change { app, key } => Self::change(w, app, key),
            Step::BeginRead { app, key } => self.begin_read(w, app, key),
            Step::EndRead { app, key } => self.end_read(w, app, key),
            Step::Retry { app, key } => self.retry(w, app, key),
            Step::Leave { app, slot } => {
                self.leave(w, app, slot);
            }
            Step::Notice { app } => self.lapse(w, app),
            Step::Reopen { app } => Self::reopen(w, app),
            Step::Revive { app } => self.revive(w, app),
            Step::Renew { app } => self.renew(w, app),
            Step::Restart { app } => self.restart(w, app),
            Step::Resume { app } => w.app_mut(app).paused = false,
            Step::Heal { app } => w.app_mut(app).cut = false,
            Step::Deliver(message) => {
                w.take(&message);
                self.deliver(w, message);
            }
            Step::Abort { app, slot, fault } => {
                w.faults.abort -= u8::from(fault);
                self.abort(w, app, slot);
            }
            Step::TakeBack { app, slot, fault } => {
                w.faults.abort -= u8::from(fault);
                self.take_back(w, app, slot);
            }
            Step::Expire { app, life, fault } => {
                w.faults.lapse -= u8::from(fault);
                Self::let_expire(w, app, life);
            }
            _ => self.strike(w, step),
        }
        self.look(w);
    }

    fn strike(&self, w: &mut World, fault: &Step) {
        match *fault {
            Step::Duplicate(message) => {
                w.faults.duplicate -= 1;
                self.deliver(w, message);
            }
            Step::Lose(message) => {
                w.faults.loss -= 1;
                w.take(&message);
            }
            Step::LoseGrant { app, slot } => {
                w.faults.loss -= 1;
                self.acquire(w, app, slot, false);
            }
            Step::Crash { app } => {
                w.faults.crash -= 1;
                Self::crash(w, app);
            }
            Step::Pause { app } => {
                w.faults.pause -= 1;
                w.app_mut(app).paused = true;
            }
            Step::Cut { app } => {
                w.faults.cut -= 1;
                w.app_mut(app).cut = true;
            }
            Step::Lapse { app } => {
                w.faults.lapse -= 1;
                self.lapse(w, app);
            }
            Step::Panic { app, key } => {
                w.faults.panic -= 1;
                Self::panic(w, app, key);
            }
            Step::Reset => {
                w.faults.reset -= 1;
                Self::reset(w);
            }
            _ => {}
        }
    }

    /// A message arrives. An app that is not up, or not in the life that it is meant for, does not hear it.
    fn deliver(&self, w: &mut World, message: Message) {
        match message {
            Message::Claim { key, token } => {
                let row = self.store_claim(w, key, token);
                w.send(Message::Claimed { key, token, row });
            }
            Message::Claimed { key, token, row } => self.claimed(w, key, token, row),
            Message::Write(write) => self.store_write(w, write),
            Message::Written { key, token, base, commands, done } => {
                self.written(w, key, token, base, (commands, done));
            }
            Message::Move { slot, from, life, to, epoch, largest } => {
                self.asked(w, to, slot, Asker { app: from, life, largest }, epoch);
            }
            Message::Offer { slot, from, to, life, payload } => {
                if w.app(to).up && w.app(to).life == life {
                    self.offered(w, to, slot, from, payload);
                }
            }
            Message::Acknowledged { slot, to, of } => Self::acknowledged(w, to, slot, of),
            Message::Transfer { slot, from, life, of, to, to_life } => {
                let done = self.service_transfer(w, slot, (from, life), of, (to, to_life));
                w.send(Message::Transferred { slot, to: from, of, done });
            }
            Message::Transferred { slot, to, of, done } => self.transferred(w, to, slot, of, done),
            Message::Release { slot, app, life, epoch } => {
                self.service_release(w, slot, (app, life), epoch);
            }
        }
    }
}
