//! The knobs of an actor type: `[actor.NAME]`, and `[actor]` for all that say nothing else.

use std::time::Duration;

use guildhall_core::Env;
use guildhall_core::config::{Config, ConfigError};
use guildhall_core::env::Instant;
use serde::{Deserialize, Serialize};

/// `[actor]` and `[actor.NAME]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ActorConfig {
    /// Calls that may wait for one actor; one more is `OVERLOADED`.
    pub mailbox: usize,
    /// Actors of the type in memory; the call of one more is `OVERLOADED`.
    pub actors_max: usize,
    /// How long an actor that nobody calls stays in memory, in ms; 0 is for ever.
    pub idle_ms: u64,
    /// Changes are saved after at most this time, and at least three quarters of it, in ms.
    pub save_ms: u64,
    /// Time between ticks, in ms, at least 50; 0 is never.
    pub tick_ms: u64,
    /// Timers that one actor may have; one more is `OVERLOADED`. Their messages fit into the mailbox in any case.
    pub timers: usize,
    /// A turn that takes longer is ended and its activation dropped, in ms.
    pub turn_limit_ms: u64,
    /// Actors of the type that are always active, whoever calls them: those with the keys 1, 2, 3 and so on, each in the app
    /// that owns its slot. 1 is a leader: the one with the key 1. The same in all apps.
    pub resident: u32,
    /// Whether every actor of the type that has an entity is always active, in the app that owns its slot: from when it is made, and
    /// after its slot has moved within a walk over the table, `wake_page` times `wake_pages_max` rows in each `wake_ms`. For types of
    /// which there are few enough to be in memory all at a time.
    pub resident_rows: bool,
    /// Slots of the type: shares of its keys, which are owned and moved each as one. The same in all apps, and for good; 0 is
    /// `app.slots`, 1 makes one app the owner of all.
    pub slots: u32,
    /// Whether its slots stay where they are while their app runs: they move when it drains, and not to balance the apps. When
    /// their lease has ended, any app may have them.
    pub pinned: bool,
    /// How long an activation may take with its claim, in ms.
    pub activate_ms: u64,
    /// Commands of one session whose reply the client has not confirmed, and calls inside them, that an actor keeps records of; one
    /// more is `OVERLOADED`. Of a client that confirms nothing the oldest ones go.
    pub records_max: usize,
    /// Bytes of all records that an actor keeps, of sessions and of messages of outboxes; one more is `OVERLOADED`. They are in its row,
    /// with each save. Too small: calls are refused where many play.
    pub records_bytes_max: usize,
    /// Bytes of the records of one player, and of those of one sender of messages; one more is `OVERLOADED`. Too large: a few fill an
    /// actor that all use.
    pub peer_bytes_max: usize,
    /// How long records of a session are kept after its last call, that it was there after its end, and records of calls inside
    /// commands, in ms. At least as long as a client may come back after a lost connection, and the longest deadline.
    pub records_ms: u64,
    /// Messages in the outbox of one actor; one more is `OVERLOADED`. Also of one sender those that an actor remembers.
    pub outbox_max: usize,
    /// How long the messages of a silent sender are remembered that has not said that they are done with, in ms of the time that the
    /// actor is in memory. Long: a sender whose app was away sends again what it sent before, and this is how long it may have been.
    pub seen_ms: u64,
    /// Reminders of one actor; one more is `OVERLOADED`.
    pub reminders_max: usize,
    /// How often it is looked for actors that have to be woken, in ms.
    pub wake_ms: u64,
    /// Rows of one page of that look.
    pub wake_page: usize,
    /// Pages of one look of rows that have become due in the last minute, and as many of those that have been due for longer, where the
    /// next look goes on. Too small: where many are due at a time, the last ones wait for several looks.
    pub wake_pages_max: usize,
}

impl Default for ActorConfig {
    fn default() -> Self {
        Self {
            mailbox: 256,
            actors_max: 100_000,
            idle_ms: 300_000,
            save_ms: 5_000,
            tick_ms: 0,
            timers: 64,
            resident: 0,
            resident_rows: false,
            slots: 0,
            pinned: false,
            turn_limit_ms: 30_000,
            activate_ms: 10_000,
            records_max: 64,
            records_bytes_max: 1 << 20,
            peer_bytes_max: 32 << 10,
            records_ms: 120_000,
            outbox_max: 256,
            seen_ms: 7 * 24 * 3_600_000,
            reminders_max: 64,
            wake_ms: 1_000,
            wake_page: 128,
            wake_pages_max: 16,
        }
    }
}

/// Numbers of messages begin anew above those of a deleted row, which is counted by this.
const OUTBOX_MOST: usize = 1 << super::outbox::OF_VERSION;

impl ActorConfig {
    pub(super) fn of(name: &str, all: &Self, config: &Config) -> Result<Self, ConfigError> {
        config.section_over(&format!("actor.{name}"), all)
    }

    /// Whether the actor with this key is always active.
    pub(super) fn is_resident(&self, key: &str) -> bool {
        // No key has a zero in front, nor a plus.
        let number = key.parse().ok().filter(|number: &u32| number.to_string() == key);
        number.is_some_and(|number| (1..=self.resident).contains(&number))
    }

    /// What is wrong with the values, if anything.
    pub(super) fn check(&self, name: &str) -> Result<(), String> {
        let wrong = |knob, value: u64, want| {
            Err(format!("actor.{name}.{knob} is {value}; it must be {want}"))
        };
        match self {
            Self { mailbox: 0, .. } => wrong("mailbox", 0, "at least 1"),
            Self { records_max: 0, .. } => wrong("records_max", 0, "at least 1"),
            Self { records_bytes_max: 0, .. } => wrong("records_bytes_max", 0, "at least 1"),
            Self { peer_bytes_max: 0, .. } => wrong("peer_bytes_max", 0, "at least 1"),
            Self { wake_ms: 0, .. } => wrong("wake_ms", 0, "at least 1"),
            Self { wake_page: 0, .. } => wrong("wake_page", 0, "at least 1"),
            Self { wake_pages_max: 0, .. } => wrong("wake_pages_max", 0, "at least 1"),
            Self { save_ms: 0, .. } => wrong("save_ms", 0, "at least 1"),
            Self { outbox_max: max, .. } if *max > OUTBOX_MOST => {
                wrong("outbox_max", *max as u64, "at most 1048576")
            }
            Self { turn_limit_ms: 0, .. } => wrong("turn_limit_ms", 0, "at least 1"),
            Self { tick_ms: ms @ 1..50, .. } => wrong("tick_ms", *ms, "0 (never) or at least 50"),
            _ => Ok(()),
        }
    }

    /// When changes that were made now are saved: spread, so that actors which began together do not save together.
    pub(super) fn save_at(&self, env: &Env, now: Instant) -> Instant {
        now + Duration::from_millis(self.save_ms - env.random_below(self.save_ms / 4 + 1))
    }

    /// How many slots the type has, where types that say nothing have `all`.
    pub(super) fn slots(&self, all: u32) -> u32 {
        if self.slots == 0 { all } else { self.slots }
    }

    pub(super) fn idle(&self) -> Option<Duration> {
        (self.idle_ms > 0).then(|| Duration::from_millis(self.idle_ms))
    }

    pub(super) fn records(&self) -> Duration {
        Duration::from_millis(self.records_ms)
    }

    pub(super) fn tick(&self) -> Option<Duration> {
        (self.tick_ms > 0).then(|| Duration::from_millis(self.tick_ms))
    }
}
