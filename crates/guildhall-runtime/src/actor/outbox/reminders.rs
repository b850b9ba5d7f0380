//! The reminders of one actor: timers that are in its row.

use std::collections::BTreeMap;

use super::messages::OwnCall;
use super::schedule::Schedule;

/// Reminders by name. Bounded by `reminders_max`.
#[derive(Debug, Default)]
pub(crate) struct Reminders {
    pub(crate) by_name: BTreeMap<String, Reminder>,
    /// The row has to change.
    unsaved: bool,
    /// Those that the present turn has set or ended, as they were before it.
    turn: Vec<(String, Option<Reminder>)>,
    /// Before the turn the row had to change.
    was_unsaved: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Reminder {
    pub(crate) call: OwnCall,
    pub(crate) schedule: Schedule,
    /// When it fires, in ms since the Unix epoch.
    pub(crate) next_ms: u64,
    /// How many of its times have passed.
    pub(crate) fired: u64,
    stage: Stage,
    /// Its next time could not be found: it is not looked at before this, in ms since the Unix epoch.
    again_ms: u64,
}

impl Reminder {
    fn new(call: OwnCall, schedule: Schedule, (next_ms, fired): (u64, u64), stage: Stage) -> Self {
        Self { call, schedule, next_ms, fired, stage, again_ms: 0 }
    }

    fn at(&self) -> u64 {
        self.next_ms.max(self.again_ms)
    }
}

/// How long after the next time of a reminder could not be found it is looked for again, in ms.
const AGAIN_MS: u64 = 60_000;

/// It fires only as the row says, so that what has fired stays so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    New,
    Saving,
    Stored,
}

/// A reminder whose time has come.
#[derive(Clone, Debug)]
pub(crate) struct Firing {
    pub(crate) name: String,
    pub(crate) call: OwnCall,
    /// The number of this firing.
    pub(crate) number: u64,
    /// When it should have been.
    due_ms: u64,
    /// When it fires again.
    next_ms: Option<u64>,
}

impl Reminders {
    /// Sets one. With the schedule that it has it goes on as it was, and with the new request.
    pub(crate) fn set(&mut self, name: String, schedule: Schedule, call: OwnCall, next_ms: u64) {
        self.turns(&name);
        self.unsaved = true;
        match self.by_name.get_mut(&name) {
            Some(known) if known.schedule == schedule => {
                (known.call, known.stage) = (call, Stage::New);
            }
            _ => {
                let reminder = Reminder::new(call, schedule, (next_ms, 0), Stage::New);
                self.by_name.insert(name, reminder);
            }
        }
    }

    /// Puts one back that was in the row.
    pub(crate) fn put(
        &mut self,
        name: String,
        (schedule, call): (Schedule, OwnCall),
        next_ms: u64,
        fired: u64,
    ) {
        let reminder = Reminder::new(call, schedule, (next_ms, fired), Stage::Stored);
        self.by_name.insert(name, reminder);
    }

    pub(crate) fn forget(&mut self, name: &str) {
        self.turns(name);
        self.unsaved |= self.by_name.remove(name).is_some();
    }

    /// The turn changes this one.
    fn turns(&mut self, name: &str) {
        if self.turn.is_empty() {
            self.was_unsaved = self.unsaved;
        }
        if self.turn.iter().all(|(turned, _)| turned != name) {
            self.turn.push((name.to_owned(), self.by_name.get(name).cloned()));
        }
    }

    /// What the turn has set and ended stays so.
    pub(crate) fn keep_turn(&mut self) {
        self.turn.clear();
    }

    /// What the turn has set and ended is as it was before.
    pub(crate) fn undo_turn(&mut self) {
        if self.turn.is_empty() {
            return;
        }
        self.unsaved = self.was_unsaved;
        for (name, before) in self.turn.drain(..) {
            match before {
                Some(reminder) => self.by_name.insert(name, reminder),
                None => self.by_name.remove(&name),
            };
        }
    }

    /// All of them, those too that the present turn may still give back.
    fn each(&mut self) -> impl Iterator<Item = &mut Reminder> {
        let before = self.turn.iter_mut().filter_map(|(_, reminder)| reminder.as_mut());
        self.by_name.values_mut().chain(before)
    }

    pub(crate) fn is_unsaved(&self) -> bool {
        self.unsaved
    }

    /// When the first one fires, of those in the row.
    pub(crate) fn next_ms(&self) -> Option<u64> {
        let stored = self.by_name.values().filter(|reminder| reminder.stage == Stage::Stored);
        stored.map(Reminder::at).min()
    }

    /// When the row is due.
    pub(crate) fn wake_ms(&self) -> Option<u64> {
        self.by_name.values().map(|reminder| reminder.next_ms).min()
    }

    /// The one that is due the longest. One whose next time cannot be found does not fire, as it could not go on: it stays, and is
    /// looked at again.
    pub(crate) fn due(&mut self, now_ms: u64) -> Option<Firing> {
        let due = |(_, reminder): &(&String, &mut Reminder)| {
            reminder.stage == Stage::Stored && reminder.at() <= now_ms
        };
        let due = self.by_name.iter_mut().filter(due);
        let (name, reminder) = due.min_by_key(|(_, reminder)| reminder.next_ms)?;
        let after = reminder.schedule.after(reminder.next_ms, now_ms);
        let (passed, next_ms) = match after {
            Ok(after) => after,
            Err(why) => {
                reminder.again_ms = now_ms + AGAIN_MS;
                tracing::error!(
                    reminder = name,
                    why,
                    "reminder waits: its schedule gives no next time"
                );
                return self.due(now_ms);
            }
        };
        Some(Firing {
            name: name.clone(),
            call: reminder.call.clone(),
            number: reminder.fired + passed,
            due_ms: reminder.next_ms,
            next_ms,
        })
    }

    /// Its turn has run. One that this turn has set anew, or forgotten, is not it any more.
    pub(crate) fn fired(&mut self, firing: &Firing) {
        let Some(reminder) = self.by_name.get_mut(&firing.name) else { return };
        if reminder.next_ms != firing.due_ms || reminder.fired >= firing.number {
            return;
        }
        self.unsaved = true;
        match firing.next_ms {
            Some(next_ms) => {
                (reminder.next_ms, reminder.fired) = (next_ms, firing.number);
                reminder.stage = Stage::New;
            }
            None => {
                self.by_name.remove(&firing.name);
            }
        }
    }

    /// A commit begins that has all of them.
    pub(crate) fn begin_save(&mut self) {
        self.unsaved = false;
        let new = self.each().filter(|reminder| reminder.stage == Stage::New);
        new.for_each(|reminder| reminder.stage = Stage::Saving);
    }

    /// It is in the store, or not.
    pub(crate) fn saved(&mut self, saved: bool) {
        self.unsaved |= !saved;
        self.was_unsaved |= !saved;
        let saving = self.each().filter(|reminder| reminder.stage == Stage::Saving);
        let stage = if saved { Stage::Stored } else { Stage::New };
        saving.for_each(|reminder| reminder.stage = stage);
    }

    /// The actor does not exist any more.
    pub(crate) fn clear(&mut self) {
        self.by_name.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Result, Write};
    use std::sync::Arc;

    use parking_lot::Mutex;

    use super::*;

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> Result<usize> {
            self.0.lock().write(bytes)
        }

        fn flush(&mut self) -> Result<()> {
            Ok(())
        }
    }

    /// What it says while a row's reminders are looked at.
    fn logged(look: impl FnOnce()) -> String {
        let log = Log::default();
        let lines = log.clone();
        let subscriber = tracing_subscriber::fmt().with_ansi(false);
        let subscriber = subscriber.with_writer(move || lines.clone()).finish();
        tracing::subscriber::with_default(subscriber, look);
        let bytes = log.0.lock().clone();
        String::from_utf8(bytes).unwrap()
    }

    /// As a row has it that was written where the zone was known.
    #[test]
    fn a_reminder_whose_next_time_cannot_be_found_waits_and_is_not_silent() {
        let call = || OwnCall { method: &crate::proto::NODE.methods[0], body: bytes::Bytes::new() };
        let mut reminders = Reminders::default();
        let lost = Schedule::cron("0 5 * * *", "Europe/Atlantis");
        reminders.put("lost".into(), (lost, call()), 1_000, 3);
        reminders.put(
            "other".into(),
            (Schedule::every(std::time::Duration::from_secs(1)), call()),
            2_000,
            0,
        );
        let said = logged(|| {
            let due = reminders.due(5_000).map(|firing| firing.name);
            assert_eq!(due.as_deref(), Some("other"), "the others fire");
        });
        assert!(
            said.contains("ERROR") && said.contains("lost") && said.contains("Europe/Atlantis"),
            "{said}"
        );
        reminders.forget("other");
        assert!(reminders.due(5_000 + AGAIN_MS - 1).is_none(), "it is not looked at in each turn");
        assert_eq!(reminders.next_ms(), Some(5_000 + AGAIN_MS));
        let again = logged(|| assert!(reminders.due(5_000 + AGAIN_MS).is_none()));
        assert!(again.contains("lost"), "it is said again: {again}");
        let known = reminders.by_name.get_mut("lost").map(|it| (it.next_ms, it.fired));
        assert_eq!(known, Some((1_000, 3)), "nothing of it is gone");
        // On a machine that knows the zone it goes on.
        if let Some(lost) = reminders.by_name.get_mut("lost") {
            lost.schedule = Schedule::cron("0 5 * * *", "UTC");
        }
        let fires = reminders.due(5_000 + 2 * AGAIN_MS).map(|firing| (firing.name, firing.number));
        assert_eq!(fires, Some(("lost".to_owned(), 4)));
    }
}
