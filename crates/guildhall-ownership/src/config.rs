//! `[ownership]`: how slots are leased and moved.

use std::time::Duration;

use guildhall_core::StartError;
use guildhall_core::leases::LeaseTimes;
use serde::{Deserialize, Serialize};

/// `[ownership]`: leases of slots, and moves between apps.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OwnershipConfig {
    /// Time for which the lease backend keeps the leases of an app after the app's last renewal, in ms. Other apps serve the actors of
    /// an app that crashed, hangs or is cut off within this time plus 1.5 s. With actors, at most `app.discovery_ttl_ms` and twice
    /// `link.ping_ms`. Too small: a stall is mistaken for a crash, and slots move for nothing; too large: the actors of a crashed app
    /// are away for longer.
    pub ttl_ms: u64,
    /// Safety margin by which an app stops serving before its lease ends at the backend, in ms: at least the drift of two clocks in one
    /// `ttl_ms`, and less than `ttl_ms`. Too small: an owner whose clock is slow answers reads after another app has its slots; too
    /// large: short outages of the lease backend suspend actors.
    pub margin_ms: u64,
    /// Pause between two requests for slots that belong to this app and are held elsewhere, in ms. Too small: the lease backend is busy
    /// with repeated requests; too large: slots arrive late.
    pub poll_ms: u64,
    /// Slots that one app requests at a time, and slots that it hands over at a time. Too small: an app that drains is slow to hand
    /// over; too large: the actors of many slots stop and are saved at the same time.
    pub moves_max: usize,
    /// Time in which a slot must stop, be saved and be handed over, in ms; after that the move is abandoned, and is requested again.
    /// Too small: slots with slow turns or a slow store never move; too large: calls to the actors of a stuck move wait long.
    pub move_ms: u64,
    /// Longest pause after an abandoned move before the slot is handed over again, in ms. The first pause is `poll_ms`, and each is
    /// twice as long as the one before. Too small: while the store is down, actors stop again and again; too large: a slot stays for
    /// long after the store is back.
    pub move_pause_max_ms: u64,
    /// Time for which a call waits for a slot that is about to arrive here, in ms; then the call fails with `NotRun`, and the caller
    /// sends it again. Too small: moves cost retries; too large: callers learn late that a slot does not arrive.
    pub hold_ms: u64,
    /// Calls of one actor type that may wait for slots; one more is `OVERLOADED`. Too small: moves refuse calls; too large: waiting
    /// calls use memory.
    pub hold_max: usize,
    /// Leases that the game itself may hold in one app (`cx.lease`). Too small: `acquire` fails with `OVERLOADED`; too large: a leak of
    /// leases is found late.
    pub user_leases_max: usize,
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
            Err(StartError::new(format!("ownership.{knob} is {value}; it must be {want}")))
        };
        match &self {
            Self { poll_ms: 0, .. } => wrong("poll_ms", 0, "at least 1"),
            Self { moves_max: 0, .. } => wrong("moves_max", 0, "at least 1"),
            Self { move_ms: 0, .. } => wrong("move_ms", 0, "at least 1"),
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
            Err(StartError::new(format!(
                "{knob} is {value}, and ownership.ttl_ms is {}: a pause that its lease survives {does}, and its slots would move for \
                 nothing; set {knob} to at least {least}",
                self.ttl_ms
            )))
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
