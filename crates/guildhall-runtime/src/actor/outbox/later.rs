//! The outbox and reminders of an actor, as stored in its row.

use std::sync::Arc;

use guildhall_core::env::Instant;
use guildhall_core::rpc::find_key;
use guildhall_core::status::reason;
use guildhall_core::{Code, Env, Key, MethodDesc, Status};

use super::OutboxPart;
use super::messages::{Drained, Letter, Outbox, Outgoing, OwnCall, Stage};
use super::reminders::{Firing, Reminders};
use super::schedule::{Schedule, Times};
use crate::actor::records::RECORD_BYTES;
use crate::call::command::Cause;
use crate::call::described::method as method_info;
use crate::proto::{OutboxMessage, Records, ReminderRecord};

/// What an active actor does later.
#[derive(Debug, Default)]
pub(crate) struct Later {
    pub(crate) outbox: Outbox,
    pub(crate) reminders: Reminders,
    /// A reminder may be due.
    pub(crate) due: bool,
}

/// A turn of the actor's own, from its row.
#[derive(Clone, Debug)]
pub(crate) enum LaterTurn {
    /// The receiver of the message with this number has refused.
    Refused(u64, OwnCall),
    Reminder(Firing),
}

impl LaterTurn {
    pub(crate) fn call(&self) -> &OwnCall {
        match self {
            Self::Refused(_, call) | Self::Reminder(Firing { call, .. }) => call,
        }
    }

    /// What `Cx::firing` tells.
    pub(crate) fn cause(&self) -> Option<Arc<Cause>> {
        match self {
            Self::Refused(..) => None,
            Self::Reminder(firing) => Some(Arc::new(Cause::Reminder(firing.number))),
        }
    }
}

/// What a turn of an actor may do later in any case.
pub(crate) trait DoesLater: Send + Sync {
    /// Adds a message to the outbox; its number.
    fn send(&self, message: Outgoing) -> Result<u64, Status>;
    /// What runs if its receiver refuses.
    fn otherwise(&self, number: u64, call: OwnCall) -> Result<(), Status>;
    /// Sets a reminder.
    fn remind(&self, name: &str, schedule: Schedule, call: OwnCall) -> Result<(), Status>;
    /// Ends a reminder.
    fn forget_reminder(&self, name: &str);
}

impl Later {
    /// Whether the row has to change.
    pub(crate) fn is_unsaved(&self) -> bool {
        self.outbox.is_unsaved() || self.reminders.is_unsaved()
    }

    /// Whether the actor has a turn to run.
    pub(crate) fn has_turn(&self) -> bool {
        self.due || self.outbox.refused().is_some()
    }

    /// The next turn, which is the next one until it has been [`Later::ran`].
    pub(crate) fn turn(&mut self, now_ms: u64) -> Option<LaterTurn> {
        if let Some((number, call)) = self.outbox.refused() {
            return Some(LaterTurn::Refused(number, call));
        }
        let firing = self.reminders.due(now_ms);
        self.due = firing.is_some();
        firing.map(LaterTurn::Reminder)
    }

    pub(crate) fn ran(&mut self, turn: &LaterTurn) {
        match turn {
            LaterTurn::Refused(number, _) => self.outbox.done(*number),
            LaterTurn::Reminder(firing) => self.reminders.fired(firing),
        }
    }

    /// Puts messages and reminders into the row's records; returns when the row is due.
    pub(crate) fn save(&mut self, exists: bool, records: &mut Records, now_ms: u64) -> u64 {
        if !exists {
            self.reminders.clear();
        }
        let message = |(number, letter): (u64, &Letter)| OutboxMessage {
            number,
            method: Some(method_info(letter.message.method)),
            body: letter.message.body.clone(),
            otherwise: letter.otherwise.as_ref().map_or(0, |call| call.method.id),
            otherwise_body: letter.otherwise.as_ref().map(|c| c.body.clone()).unwrap_or_default(),
        };
        let messages: Vec<_> = self.outbox.of_row().map(message).collect();
        let wake_ms = match messages.is_empty() {
            true => self.reminders.wake_ms().map_or(0, |at| at.max(1)),
            false => now_ms,
        };
        if self.outbox.next > 0 {
            records.outbox = Some(crate::proto::Outbox { next: self.outbox.next, messages });
        }
        let reminders = self.reminders.by_name.iter();
        records.reminders = reminders
            .map(|(name, reminder)| {
                let record = ReminderRecord {
                    name: name.clone(),
                    method: reminder.call.method.id,
                    body: reminder.call.body.clone(),
                    next_ms: reminder.next_ms,
                    fired: reminder.fired,
                    ..ReminderRecord::default()
                };
                match &reminder.schedule.0 {
                    Times::At(_) => record,
                    Times::Every(every_ms) => ReminderRecord { every_ms: *every_ms, ..record },
                    Times::Cron { pattern, zone } => {
                        ReminderRecord { cron: pattern.clone(), zone: zone.clone(), ..record }
                    }
                }
            })
            .collect();
        self.outbox.begin_save();
        self.reminders.begin_save();
        wake_ms
    }

    /// What the turn has done stays.
    pub(crate) fn keep_turn(&mut self) {
        self.outbox.keep_turn();
        self.reminders.keep_turn();
    }

    /// What the turn has done is taken back.
    pub(crate) fn undo_turn(&mut self) {
        self.outbox.undo_turn();
        self.reminders.undo_turn();
    }

    /// Bytes that it needs in the row, about.
    pub(crate) fn bytes(&self) -> usize {
        let own = |call: &OwnCall| RECORD_BYTES + call.body.len();
        let message = |(_, letter): (u64, &Letter)| {
            let sent = RECORD_BYTES + letter.message.method.path.len() + letter.message.body.len();
            sent + letter.otherwise.as_ref().map_or(0, own)
        };
        let reminders = self.reminders.by_name.iter();
        let reminders = reminders.map(|(name, reminder)| name.len() + own(&reminder.call));
        self.outbox.of_row().map(message).sum::<usize>() + reminders.sum::<usize>()
    }

    /// The commit is in the store, or not; the receivers that have no messages under way any more.
    pub(crate) fn saved(&mut self, saved: bool) -> Vec<Drained> {
        self.reminders.saved(saved);
        self.due = true;
        self.outbox.saved(saved)
    }

    /// What a row has. `own` finds the actor's own methods by their ids.
    ///
    /// # Errors
    /// It names a method that nobody here knows, and so what it has would be lost.
    pub(crate) fn load(
        outbox: &OutboxPart,
        env: &Env,
        records: Records,
        exists: bool,
        own: impl Fn(u32) -> Option<&'static MethodDesc>,
    ) -> Result<Self, String> {
        let own = |id: u32, body| {
            let method = own(id).ok_or_else(|| {
                format!("its row names a method of its own, {id:#x}, which this app does not serve")
            })?;
            Ok::<_, String>(OwnCall { method, body })
        };
        let mut later = Self { due: true, ..Self::default() };
        let now = env.now();
        let uncertain = now + outbox.config.timeout();
        let in_row = records.outbox.unwrap_or_default();
        later.outbox.next = in_row.next;
        for message in in_row.messages {
            let method = known(outbox, &message.method.unwrap_or_default())?;
            let key = receiver(method, &message.body).map_err(|status| status.to_string())?;
            let otherwise = match message.otherwise {
                0 => None,
                id => Some(own(id, message.otherwise_body)?),
            };
            // What a deleted row has is written again with the row.
            let stage = if exists { Stage::Stored } else { Stage::New };
            let outgoing = Outgoing { method, body: message.body, key };
            later.outbox.put(message.number, outgoing, otherwise, stage, (now, uncertain));
        }
        later.outbox.keep_turn();
        for record in records.reminders.into_iter().filter(|_| exists) {
            let ReminderRecord { name, method, body, next_ms, fired, every_ms, cron, zone } =
                record;
            let schedule = Schedule(match every_ms {
                0 if cron.is_empty() => Times::At(next_ms),
                0 => Times::Cron { pattern: cron, zone },
                every_ms => Times::Every(every_ms),
            });
            later.reminders.put(name, (schedule, own(method, body)?), next_ms, fired);
        }
        Ok(later)
    }

    /// When there is something to do, but for what the row does not have yet.
    pub(crate) fn next_at(&self, env: &Env) -> Option<Instant> {
        let now = env.now();
        // Those that are due are looked at in any case.
        let reminder = self.reminders.next_ms().filter(|_| !self.due).map(|at| {
            let wait = std::time::Duration::from_millis(at.saturating_sub(wall_ms(env)));
            // The wall clock may be set meanwhile.
            now + wait.min(LOOK)
        });
        [self.outbox.next_at(), reminder].into_iter().flatten().min()
    }
}

/// How often an actor in memory looks at the wall clock for its reminders.
const LOOK: std::time::Duration = std::time::Duration::from_secs(60);

/// Ms since the Unix epoch.
pub(crate) fn wall_ms(env: &Env) -> u64 {
    u64::try_from(env.wall().as_millis()).unwrap_or(u64::MAX)
}

/// The description of a method that a row names.
fn known(
    outbox: &OutboxPart,
    info: &crate::proto::MethodInfo,
) -> Result<&'static MethodDesc, String> {
    outbox.interned.lock().get(info)
}

/// The key in a message for an actor.
pub(crate) fn receiver(method: &'static MethodDesc, body: &[u8]) -> Result<Key, Status> {
    let bad = |why: String| {
        let why = format!("{}: {why}", method.path);
        Status::not_run(Code::InvalidArgument, reason::BAD_KEY, why)
    };
    let field = method.key.ok_or_else(|| bad("it has no key".into()))?;
    let key = find_key(body, field).map_err(|why| bad(why.into_owned()))?;
    key.with_text(|key| key.map(Key::from)).map_err(|why| bad(why.to_string()))
}
