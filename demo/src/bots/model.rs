//! What a bot knows of its role, so that every answer can be checked; and what may be gone after a crash.

use std::collections::VecDeque;
use std::time::Duration;

use guildhall::env::Instant;

use crate::proto::role::RoleState;

/// What the answers so far say about the role.
#[derive(Clone, Debug, Default)]
pub(super) struct Model {
    pub(super) name: String,
    pub(super) power: i64,
    /// Power that was sent and never answered: it may be there, or not.
    pub(super) power_maybe: i64,
    /// A name that was asked for and never answered.
    pub(super) name_maybe: Option<String>,
    /// Power at the time of each answer, the oldest first; only what a crash may cost is kept.
    answers: VecDeque<(Instant, i64)>,
}

/// How long a save may take once it is due.
const COMMIT: Duration = Duration::from_secs(1);

impl Model {
    pub(super) fn new(role: &RoleState, now: Instant) -> Self {
        let mut model = Self { name: role.name.clone(), power: role.power, ..Self::default() };
        model.answered(now, Duration::ZERO);
        model
    }

    /// Remembers the power of now; forgets what is older than `save`, but for the last before it.
    pub(super) fn answered(&mut self, now: Instant, save: Duration) {
        self.answers.push_back((now, self.power));
        let kept = save + COMMIT;
        while let Some((second, _)) = self.answers.get(1)
            && now.saturating_duration_since(*second) > kept
        {
            self.answers.pop_front();
        }
    }

    /// Checks what the server remembers after a connection was lost at `lost`, and goes on from there.
    pub(super) fn come_back(
        &mut self,
        role: &RoleState,
        lost: Instant,
        save: Duration,
        now: Instant,
    ) -> Result<(), String> {
        let old = |at: Instant| lost.saturating_duration_since(at) > save + COMMIT;
        let safe =
            self.answers.iter().rev().find(|(at, _)| old(*at)).map_or(0, |(_, power)| *power);
        let most = self.power + self.power_maybe;
        let name = &role.name;
        let name_fits = *name == self.name || Some(name) == self.name_maybe.as_ref();
        let (power, was) = (role.power, self.power);
        *self = Self::new(role, now);
        if power < safe {
            return Err(format!(
                "power is {power}, but {safe} was older than {save:?} at the loss"
            ));
        }
        if power > most {
            return Err(format!("power is {power}, but at most {most} was ever sent"));
        }
        if !name_fits {
            return Err(format!("the name is `{name}`, which is not the one that was answered"));
        }
        tracing::debug!(power, was, safe, most, "the server remembers");
        Ok(())
    }
}
