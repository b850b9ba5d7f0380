//! A bot's model of its role and its club, to check every answer, also after a crash.

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
}

impl Model {
    pub(super) fn new(role: &RoleState) -> Self {
        Self { name: role.name.clone(), power: role.power, ..Self::default() }
    }

    /// Checks what the server remembers after a connection was lost, and goes on from there.
    pub(super) fn come_back(&mut self, role: &RoleState) -> Result<(), String> {
        let (safe, most) = (self.power, self.power + self.power_maybe);
        let name = &role.name;
        let name_fits = *name == self.name || Some(name) == self.name_maybe.as_ref();
        let power = role.power;
        *self = Self::new(role);
        if power < safe {
            return Err(format!("power is {power}, but {safe} was answered"));
        }
        if power > most {
            return Err(format!("power is {power}, but at most {most} was ever sent"));
        }
        if !name_fits {
            return Err(format!("the name is `{name}`, which is not the one that was answered"));
        }
        tracing::debug!(power, safe, most, "the server remembers");
        Ok(())
    }
}

/// The club of a bot, as the answers so far say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Club {
    #[default]
    None,
    Member(u64),
    Owner(u64),
    /// A call was not answered: ask, and believe it.
    Unsure,
}

impl Club {
    pub(super) fn id(self) -> u64 {
        match self {
            Self::Member(club) | Self::Owner(club) => club,
            Self::None | Self::Unsure => 0,
        }
    }
}
