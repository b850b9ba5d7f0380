//! What players asked for, when, and what came of it: all that the checker judges by.

use std::time::Duration;

/// Time since the run began.
pub(crate) type At = Duration;

/// What a player asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// To append this operation to its ledger; each is asked for once, but for repeats of what did not run.
    Append(u64),
    /// To pay another player.
    Transfer,
    /// To see its ledger.
    Read,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is in the ledger, at this place, from 1.
    Appended(u64),
    /// It is paid, as the player's transfer with this number, from 1.
    Paid(u64),
    /// The ledger is as long as this, and as [`History::seen`] says.
    Listed(usize),
    /// The ledger is another one than what was seen before.
    Contradicted(Vec<u64>),
    /// The game said no.
    Refused,
    /// It was said each time that it did not run, until nobody wanted it any more.
    NotRun,
    /// Nobody can say.
    Unknown(String),
}

impl Outcome {
    /// Whether the game has done, or told, what was asked for.
    pub(crate) fn is_acked(&self) -> bool {
        match self {
            Self::Appended(_) | Self::Paid(_) | Self::Listed(_) | Self::Contradicted(_) => true,
            Self::Refused | Self::NotRun | Self::Unknown(_) => false,
        }
    }

    /// Whether the game has answered.
    pub(crate) fn is_answer(&self) -> bool {
        self.is_acked() || *self == Self::Refused
    }
}

/// One thing that was asked for, with all its repeats.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) asked: Asked,
    pub(crate) begun: At,
    pub(crate) ended: At,
    pub(crate) outcome: Outcome,
    /// The process that has answered, by its id, where it said so.
    pub(crate) by: Option<u64>,
}

/// Of one player.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    pub(crate) player: String,
    /// In the order in which they ended.
    pub(crate) records: Vec<Record>,
    /// The longest ledger that was shown, as far as answers did not contradict each other.
    pub(crate) seen: Vec<u64>,
    /// How often something was asked for again because it did not run.
    pub(crate) repeats: u64,
}

impl History {
    /// The outcome of a read. A list is long, and mostly the one before with more at its end: only that is kept.
    pub(crate) fn listed(&mut self, list: Vec<u64>) -> Outcome {
        let common = self.seen.len().min(list.len());
        if self.seen[..common] != list[..common] {
            return Outcome::Contradicted(list);
        }
        let length = list.len();
        if length > self.seen.len() {
            self.seen = list;
        }
        Outcome::Listed(length)
    }
}

/// What is in the store at the end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Final {
    pub(crate) ledger: Vec<u64>,
    /// Of the player's last transfer.
    pub(crate) number: u64,
}
