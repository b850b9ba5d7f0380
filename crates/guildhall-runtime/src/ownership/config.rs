//! `[ownership]`: how slots are leased and moved.

use std::time::Duration;

use guildhall_core::StartError;
use guildhall_core::leases::LeaseTimes;
use serde::{Deserialize, Serialize};

/// `[ownership]`: leases of slots, and moves between apps.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct OwnershipConfig {
    /// How long the lease backend keeps what an app holds after the app's last renewal, in ms. Other apps serve the actors of an app
    /// that crashed, hangs or is cut off within this time plus 1.5 s. With actors, at most `app.discovery_ttl_ms` and twice
    /// `link.ping_ms`. Too small: pauses move slots; too large: a crashed app's actors are away for longer.
    pub ttl_ms: u64,
    /// How much earlier the app itself stops serving, in ms: at least what two clocks may drift apart in one `ttl_ms`.
    pub margin_ms: u64,
    /// How often slots that belong here and are not here yet are asked for, in ms.
    pub poll_ms: u64,
    /// Slots that an app asks others for at a time, and gives to others at a time.
    pub moves_max: usize,
    /// How long one slot may take to stop, save and hand over, in ms; after that it stays, and is asked for again.
    pub move_ms: u64,
    /// Longest pause after a move that was abandoned, before the slot is given again, in ms; the first is `poll_ms`, and each is twice
    /// the one before. Too small: a store that is away makes actors stop again and again.
    pub move_pause_max_ms: u64,
    /// How long a call may wait for a slot that is on its way here, in ms; then it fails, has not run, and is sent again.
    pub hold_ms: u64,
    /// Calls of one actor type that may wait for slots; one more is `OVERLOADED`.
    pub hold_max: usize,
    /// Leases that the game itself may hold in one app (`cx.lease`).
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
    pub(crate) fn check(self) -> Result<Self, StartError> {
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

    /// Whether an app with actors that pauses for less than the TTL keeps its slots: nothing else may declare it dead earlier.
    pub(crate) fn check_against(
        &self,
        discovery_ttl_ms: u64,
        ping_ms: u64,
    ) -> Result<(), StartError> {
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

    pub(super) fn times(&self) -> LeaseTimes {
        LeaseTimes {
            ttl: Duration::from_millis(self.ttl_ms),
            margin: Duration::from_millis(self.margin_ms),
        }
    }

    pub(super) fn poll(&self) -> Duration {
        Duration::from_millis(self.poll_ms)
    }

    pub(super) fn move_time(&self) -> Duration {
        Duration::from_millis(self.move_ms)
    }

    pub(super) fn move_pause_max(&self) -> Duration {
        Duration::from_millis(self.move_pause_max_ms)
    }

    pub(crate) fn hold(&self) -> Duration {
        Duration::from_millis(self.hold_ms)
    }
}
