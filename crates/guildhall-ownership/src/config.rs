//! `[ownership]`: how slots are leased and moved.

use std::time::Duration;

use guildhall_core::StartError;
use guildhall_core::leases::LeaseTimes;
use serde::{Deserialize, Serialize};

/// `[ownership]`: leases of slots, and moves between apps.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OwnershipConfig {
    /// Time that the lease backend keeps an app's leases after their last renewal, in ms. Other apps serve the actors of an app that
    /// crashed, hangs or is partitioned within this time plus 1.5 s. With actors, at most `app.discovery_ttl_ms` and twice
    /// `link.ping_ms`. Too small: a stall moves slots. Too large: a crashed app's actors are unavailable for longer.
    pub ttl_ms: u64,
    /// Time before the end of its lease at which an app stops serving, in ms: at least the drift of two clocks in one `ttl_ms`. Too
    /// small: reads at a suspended app may be stale. Too large: short outages of the lease backend suspend actors.
    pub margin_ms: u64,
    /// Time between two requests for slots whose target is this app, in ms. Too small: load on the lease backend. Too large: slots are
    /// taken over late.
    pub poll_ms: u64,
    /// Slots that an app requests at a time, and slots that it gives away at a time. Too small: rebalancing takes long. Too large:
    /// many actors stop at once.
    pub moves_max: usize,
    /// Longest move of one slot, from stop over save to transfer, in ms; then the owner keeps it, and it is requested again. Too
    /// small: slots with long turns do not move. Too large: when the store or the target hangs, the slot's actors are not served for as
    /// long.
    pub move_ms: u64,
    /// Longest pause after an abandoned move until the slot is given again, in ms; the first pause is `poll_ms`, and each is twice the
    /// one before. Too small: while the store is unavailable, actors stop again and again. Too large: slots stay at the wrong app long
    /// after the store is back.
    pub move_pause_max_ms: u64,
    /// Time that a call waits in the target for a slot on its way there, in ms; then it fails with `NotRun`, and its caller retries.
    /// Too small: calls fail during moves. Too large: when the owner crashes during a move, calls wait for as long before they are
    /// retried.
    pub hold_ms: u64,
    /// Calls of one actor type that wait for slots; one more is `OVERLOADED`. Too small: calls fail while many slots move at once. Too
    /// large: waiting calls take much memory, and arrive at the actors all at once.
    pub hold_max: usize,
    /// Game leases (`cx.lease`) that one app holds; one more is `OVERLOADED`. Too small: players are refused. Too large: one
    /// app fills the lease backend.
    pub user_leases_max: usize,
    /// Era of epochs, 0 to 65534, the same in all apps: grants are asked for with epochs above all of earlier eras. Raise it by one
    /// when the lease backend is replaced by another one, emptied, or restored from a backup, while all apps are stopped. Never lower it:
    /// rows that have seen a later era are not served. Too small: sessions of players that log in after the change are taken for older
    /// ones than those before, and their commands are refused.
    pub era: u16,
}

impl Default for OwnershipConfig {
    fn default() -> Self {
        Self {
            ttl_ms: 5_000,
            margin_ms: 1_000,
            poll_ms: 250,
            moves_max: 64,
            move_ms: 2_000,
            move_pause_max_ms: 30_000,
            hold_ms: 3_000,
            hold_max: 4_096,
            user_leases_max: 1_024,
            era: 0,
        }
    }
}

impl OwnershipConfig {
    /// Checks each setting by itself.
    ///
    /// # Errors
    /// A setting is out of its range; the message names it, its value and the range.
    pub fn check(self) -> Result<Self, StartError> {
        let wrong = |knob, value: u64, want: &str| {
            let key = format!("ownership.{knob}");
            let why = format!("{key} is {value}; it must be {want}");
            Err(StartError::setting(key, why))
        };
        match &self {
            Self { poll_ms: 0, .. } => wrong("poll_ms", 0, "at least 1"),
            Self { moves_max: 0, .. } => wrong("moves_max", 0, "at least 1"),
            Self { move_ms: 0, .. } => wrong("move_ms", 0, "at least 1"),
            Self { era: u16::MAX, .. } => wrong("era", u64::from(u16::MAX), "at most 65534"),
            Self { ttl_ms, margin_ms, .. } if margin_ms >= ttl_ms => {
                wrong("margin_ms", *margin_ms, "less than ownership.ttl_ms")
            }
            _ => Ok(self),
        }
    }

    /// Checks that nothing else declares an app dead before its lease ends: an app with actors that stalls for less than the TTL keeps
    /// its slots.
    ///
    /// # Errors
    /// Discovery or the links give an app up earlier; the message says which setting to raise.
    pub fn check_against(&self, discovery_ttl_ms: u64, ping_ms: u64) -> Result<(), StartError> {
        let earlier = |knob, value: u64, least: u64, does| {
            Err(StartError::setting(
                knob,
                format!(
                    "{knob} is {value}, and ownership.ttl_ms is {}: a pause that its lease survives {does}, and its slots would move for \
                 nothing; set {knob} to at least {least}",
                    self.ttl_ms
                ),
            ))
        };
        if discovery_ttl_ms < self.ttl_ms {
            let does = "makes discovery forget the app";
            return earlier("app.discovery_ttl_ms", discovery_ttl_ms, self.ttl_ms, does);
        }
        if ping_ms.saturating_mul(2) < self.ttl_ms {
            let does = "ends its links";
            return earlier("link.ping_ms", ping_ms, self.ttl_ms.div_ceil(2), does);
        }
        Ok(())
    }

    pub(crate) fn times(&self) -> LeaseTimes {
        LeaseTimes {
            ttl: Duration::from_millis(self.ttl_ms),
            margin: Duration::from_millis(self.margin_ms),
        }
    }

    pub(crate) fn poll(&self) -> Duration {
        Duration::from_millis(self.poll_ms)
    }

    pub(crate) fn move_time(&self) -> Duration {
        Duration::from_millis(self.move_ms)
    }

    pub(crate) fn move_pause_max(&self) -> Duration {
        Duration::from_millis(self.move_pause_max_ms)
    }

    pub(crate) fn hold(&self) -> Duration {
        Duration::from_millis(self.hold_ms)
    }
}
