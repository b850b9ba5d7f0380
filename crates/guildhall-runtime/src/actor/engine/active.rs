//! [`Active`]: an actor in memory.

use bytes::Bytes;
use guildhall_wire::Trace;

use crate::actor::records::Records;
use crate::actor::waiting_replies::Commits;

/// An actor in memory.
pub(crate) struct Active<A> {
    pub(crate) actor: A,
    /// The epoch of its slot when it claimed its rows.
    pub(crate) epoch: u64,
    /// The number of the activation in this app.
    pub(crate) activation: u64,
    pub(crate) commits: Commits,
    pub(crate) records: Records,
    /// The last turn that was traced and is not saved.
    pub(crate) trace: Option<Box<Trace>>,
    /// Absent unless the slot moves, or was suspended.
    pub(crate) between: Option<Box<Between>>,
    /// A turn waits for the save that begins next, before another turn begins.
    pub(crate) settles: bool,
    /// A turn waits for the save that is under way.
    pub(crate) alone: bool,
}

/// What an actor keeps between the end of its slot's ownership and the next grant.
#[derive(Default)]
pub(crate) struct Between {
    /// The payload for the next owner. Given back to the actor when the move is abandoned.
    pub(crate) moved: Option<Bytes>,
    /// The token of a claim after a suspension whose answer is unknown: sent again, the claim counts once.
    pub(crate) claiming: Option<(u64, u64)>,
}

impl<A> Active<A> {
    pub(crate) fn new(actor: A, (epoch, activation): (u64, u64), records: Records) -> Self {
        let (trace, between) = (None, None);
        let (settles, alone, commits) = (false, false, Commits::default());
        Self { actor, epoch, activation, commits, records, trace, between, settles, alone }
    }

    pub(crate) fn between(&mut self) -> &mut Between {
        self.between.get_or_insert_default()
    }
}
