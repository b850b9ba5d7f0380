//! Settings of an actor type: `[actor.NAME]`, over `[actor]` for all types.

use std::time::Duration;

use guildhall_core::Env;
use guildhall_core::config::{Config, ConfigError};
use guildhall_core::env::Instant;
use serde::{Deserialize, Serialize};

/// `[actor]` and `[actor.NAME]`: actor types. Keys of the first apply to all types; keys of the second override them for one type.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ActorConfig {
    /// Calls that may wait for one actor, held replies included; one more is `OVERLOADED`. Too small: bursts are refused. Too large:
    /// callers wait until their deadline for an overloaded actor.
    pub mailbox: usize,
    /// Actors of the type in memory; a call for one more is `OVERLOADED`. Too large: the process may run out of memory.
    pub actors_max: usize,
    /// Time without calls after which an actor leaves memory, in ms; 0: never. Too small: each call claims and loads its rows. Too
    /// large: memory holds actors that are not used.
    pub idle_ms: u64,
    /// Longest time from a change to its save, in ms; saves are spread over the last quarter of it. A crash loses changes of
    /// non-durable methods that are younger. Too small: many writes. Too large: a crash loses more.
    pub save_ms: u64,
    /// Time between two ticks (`Actor::tick`), in ms, at least 50; 0: no ticks.
    pub tick_ms: u64,
    /// Timers of one actor (`cx.after`, `cx.every`); one more is `OVERLOADED`. Messages of timers always fit into the mailbox.
    pub timers: usize,
    /// Longest turn, in ms. A turn that exceeds it is rolled back, and its activation ends. Too small: slow turns fail. Too large: an
    /// actor that hangs blocks its callers.
    pub turn_limit_ms: u64,
    /// Number of residents: the actors with the keys 1, 2, 3 and so on are always active, each in the app that owns its slot. 1 elects
    /// a leader. The same in all apps.
    pub resident: u32,
    /// Whether every actor of the type that has an entity is always active in the app that owns its slot, from its creation on. After
    /// a move, the new owner finds them by a scan of the table, `wake_page` times `wake_pages_max` rows per `wake_ms`. All of them
    /// have to fit into memory.
    pub resident_rows: bool,
    /// Number of slots, the units in which keys are owned and moved. The same in all apps, and fixed once rows exist; 0: `app.slots`.
    /// 1: one app owns all keys. Too small: load cannot be spread evenly. Too large: starts and rebalancing take longer.
    pub slots: u32,
    /// Whether slots stay at their owner while its app runs: they move when it drains, not to balance load. After their lease has
    /// ended, any app may acquire them.
    pub pinned: bool,
    /// Longest activation, its claim included, in ms.
    pub activate_ms: u64,
    /// Records of one session in one actor: commands whose reply the client has not confirmed, and calls inside them; one more is
    /// `OVERLOADED`. For a client that confirms nothing, the oldest are deleted.
    pub records_max: usize,
    /// Bytes of all records of one actor, of sessions and of outbox messages; one more is `OVERLOADED`. Records are in the row, and
    /// are written with each save. Too small: calls to an actor that many players use are refused.
    pub records_bytes_max: usize,
    /// Bytes of the records of one player, and of those of one sender of outbox messages, in one actor; one more is `OVERLOADED`. Too
    /// large: a few players use up `records_bytes_max` of a shared actor.
    pub peer_bytes_max: usize,
    /// Time that records of a session without calls are kept, that an actor remembers a session that has ended, and that records of
    /// calls inside commands are kept, in ms. At least the time that a client may take to reconnect, and the longest deadline. Too
    /// small: a repeated command fails or runs twice.
    pub records_ms: u64,
    /// Messages in the outbox of one actor, and messages of one sender that a receiver remembers; one more is `OVERLOADED`.
    pub outbox_max: usize,
    /// Time that a receiver remembers the messages of a sender that has not confirmed their end, in ms of the actor's time in memory.
    /// Too small: a message that a sender repeats after a long outage runs twice. Too large: rows keep records of senders that are gone.
    pub dedup_ms: u64,
    /// Reminders of one actor; one more is `OVERLOADED`.
    pub reminders_max: usize,
    /// Time between two queries for due rows, whose actors are then activated, in ms. Too small: load on the store. Too large: outbox
    /// messages and reminders of actors that are not in memory are late.
    pub wake_ms: u64,
    /// Rows per page of these queries.
    pub wake_page: usize,
    /// Pages per query for rows that became due in the last minute, and as many for older ones, where the next query continues. Too
    /// small: when many rows are due, the last ones wait for several queries.
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
            dedup_ms: 7 * 24 * 3_600_000,
            reminders_max: 64,
            wake_ms: 1_000,
            wake_page: 128,
            wake_pages_max: 16,
        }
    }
}

/// Numbers of outbox messages that one version of a row can have, as a power of two: more than any outbox takes. Numbers begin anew
/// above those of a deleted row.
pub(super) const MESSAGES_OF_VERSION: u32 = 20;

const OUTBOX_MOST: usize = 1 << MESSAGES_OF_VERSION;

impl ActorConfig {
    pub(super) fn of(name: &str, all: &Self, config: &Config) -> Result<Self, ConfigError> {
        config.section_over(&format!("actor.{name}"), all)
    }

    /// Whether the actor with this key is always active.
    pub(super) fn is_resident(&self, key: &str) -> bool {
        // The key of a resident has no zero in front, nor a plus.
        self.resident > 0
            && key.starts_with(|first| matches!(first, '1'..='9'))
            && key.parse().is_ok_and(|number: u32| number <= self.resident)
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
