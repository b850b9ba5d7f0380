//! What each step does.

use super::moves::Asker;
use super::{Message, Step, World};
use crate::scenario::Scenario;

impl Scenario {
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
            Step::Change { app, key } => self.change(w, app, key),
            Step::BeginRead { app, key } => self.begin_read(w, app, key),
            Step::EndRead { app, key } => self.end_read(w, app, key),
            Step::Retry { app, key } => self.retry(w, app, key),
            Step::Leave { app, slot } => {
                self.leave(w, app, slot);
            }
            Step::Notice { app } => self.lapse(w, app),
            Step::PromisesEnd => w.promised = [0; super::APPS],
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
                self.let_expire(w, app, life);
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
            Step::ClaimAgain { app, key } => {
                w.faults.abort -= 1;
                self.claim(w, app, key);
            }
            Step::Reset => {
                w.faults.reset -= 1;
                Self::reset(w);
            }
            Step::Sweep { key } => {
                w.faults.sweep -= 1;
                self.sweep(w, key);
            }
            Step::ForgetHolders => {
                w.faults.restart -= 1;
                Self::forget_holders(w);
            }
            Step::LateAcquire { app, slot } => {
                w.faults.late -= 1;
                let _nobody_hears_it = self.service_acquire(w, app, slot);
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
