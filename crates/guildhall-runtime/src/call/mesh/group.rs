//! A routing group: a service, or all services of an actor type, because the owner of a key is the same for all of them.

use guildhall_core::discovery::{NodeRecord, actor_label, slots_label};

use super::links::Links;

/// A service, or an actor type.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Group {
    Service(String),
    Actor(String),
}

impl Group {
    /// What a service is a part of, as the app that serves it says.
    pub(super) fn of(record: &NodeRecord, service: &str) -> Self {
        match record.labels.get(&actor_label(service)) {
            Some(actor) => Self::Actor(actor.clone()),
            None => Self::Service(service.to_owned()),
        }
    }

    /// The name of the actor type.
    pub(super) fn actor(&self) -> Option<&str> {
        match self {
            Self::Service(_) => None,
            Self::Actor(name) => Some(name),
        }
    }

    /// How many slots an actor type has, as its apps say. They agree, or have not started.
    pub(super) fn slots(&self, members: &[(&NodeRecord, Links)]) -> Option<u32> {
        let label = slots_label(self.actor()?);
        let counts = members.iter().filter_map(|(record, _)| record.labels.get(&label));
        counts.filter_map(|count| count.parse().ok()).find(|count| *count > 0)
    }
}
