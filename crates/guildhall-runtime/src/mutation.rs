//! Rules of ownership that tests switch off in the real code, to show that they are needed (feature `mutations`).

/// A rule that an app can be made to break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    not(feature = "mutations"),
    allow(dead_code, unreachable_pub, reason = "nobody asks for one")
)]
#[non_exhaustive]
pub enum Mutation {
    /// Rule 6: an actor claims its rows again after a suspension.
    ClaimAfterSuspension,
    /// Rules 6 and 25: nothing is answered from memory after the lease's deadline.
    DeadlineOfAnswers,
    /// Rule 14: a durable reply comes after its commit.
    CommitBeforeReply,
    /// Rule 18: actors are saved before their slot is handed over.
    SaveBeforeHandover,
    /// Rule 22: a slot that another app holds is not served.
    LeaseBeforeServing,
    /// Rule 24: what was not committed is not shown.
    ReadsWaitForCommits,
    /// What a turn has changed is taken back when it fails.
    FailedTurnsChangeNothing,
}

impl std::str::FromStr for Mutation {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        const ALL: [Mutation; 7] = [
            Mutation::ClaimAfterSuspension,
            Mutation::DeadlineOfAnswers,
            Mutation::CommitBeforeReply,
            Mutation::SaveBeforeHandover,
            Mutation::LeaseBeforeServing,
            Mutation::ReadsWaitForCommits,
            Mutation::FailedTurnsChangeNothing,
        ];
        let found = ALL.into_iter().find(|rule| format!("{rule:?}") == name);
        found.ok_or_else(|| format!("`{name}` is no rule to switch off; there are {ALL:?}"))
    }
}
