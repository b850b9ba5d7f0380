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

    /// Checks a role that the server has told of, and goes on from there. What was never answered may still run later.
    pub(super) fn check(&mut self, role: &RoleState) -> Result<(), String> {
        let (safe, most) = (self.power, self.power + self.power_maybe);
        let RoleState { name, power, .. } = role;
        let was = std::mem::replace(&mut self.name, name.clone());
        let name_fits = *name == was || Some(name) == self.name_maybe.as_ref();
        if self.name_maybe.as_ref() == Some(name) {
            self.name_maybe = None;
        }
        self.power = *power;
        self.power_maybe = most.saturating_sub(*power).max(0);
        if *power < safe {
            return Err(format!("power is {power}, but {safe} was answered"));
        }
        if *power > most {
            return Err(format!("power is {power}, but at most {most} was ever sent"));
        }
        if !name_fits {
            return Err(format!("the name is `{name}`, where `{was}` is right"));
        }
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

#[cfg(test)]
mod tests {
    use super::{Model, RoleState};

    fn role(name: &str, power: i64) -> RoleState {
        RoleState { name: name.into(), power, ..RoleState::default() }
    }

    /// Ann with 10, and perhaps Bea, and perhaps 5 more.
    fn unsure() -> Model {
        let maybe = Some("Bea".to_owned());
        Model { power_maybe: 5, name_maybe: maybe, ..Model::new(&role("Ann", 10)) }
    }

    #[test]
    fn what_was_never_answered_may_be_there_or_not_and_at_most_once() {
        for fits in [role("Ann", 10), role("Bea", 15), role("Ann", 12)] {
            assert_eq!(unsure().check(&fits), Ok(()));
        }
        let mut later = unsure();
        assert_eq!(later.check(&role("Ann", 10)), Ok(()));
        assert_eq!(later.check(&role("Bea", 15)), Ok(()), "it has run late");
        later.check(&role("Bea", 20)).expect_err("that was never sent");
    }

    #[test]
    fn a_role_that_is_not_what_was_answered_is_wrong() {
        for wrong in [role("Ann", 9), role("Ann", 16), role("Cal", 10)] {
            unsure().check(&wrong).expect_err("nobody has sent that");
        }
        Model::new(&role("Ann", 10)).check(&role("Ann", 11)).expect_err("all was answered");
    }
}
