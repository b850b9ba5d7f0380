//! [`Mesh`]: the mesh as ownership uses it, and the two requests about leases that apps send each other.

use guildhall_core::env::Instant;
use guildhall_core::leases::Origin;
use guildhall_core::store::{Holder, LeaseId};
use guildhall_core::{AppId, BoxFuture, Incarnation, Status};

use crate::payload::Payload;

/// The other apps: which of them is the target of a slot, which can be asked, and the requests to them.
///
/// The receiver of a request answers it with `Ownership::answer_move` and `Ownership::take_offer`.
pub trait Mesh: Send + Sync + 'static {
    /// The targets of an actor type's slots by this app's membership; `None` while no app is ready to own them.
    fn targets(&self, actor: &str) -> Option<Box<dyn Targets>>;

    /// Version of the membership, which grows with each change.
    fn revision(&self) -> u64;

    /// Waits until the version of the membership is not `seen`. Cancel safe.
    fn changed(&self, seen: u64) -> BoxFuture<'_, ()>;

    /// Whether this incarnation of an app is reachable: there is a link to it, or it is dialled on demand.
    fn is_linked(&self, peer: &Holder) -> bool;

    /// The lease session of an incarnation of an app is over: it is the target of no slot any more, although its links may be open.
    fn session_ended(&self, peer: &Holder);

    /// An incarnation of an app has a lease session: it may be the target of slots again.
    fn session_began(&self, peer: &Holder);

    /// Asks the holder of a lease to hand it over, and waits for its answer until `deadline`; `None`: not now.
    fn request_move<'a>(
        &'a self,
        holder: &'a Holder,
        request: MoveRequest,
        deadline: Instant,
    ) -> BoxFuture<'a, Result<Option<HandedOver>, Status>>;

    /// Sends an offer to an app, and waits until `deadline` for its answer: whether the app has parked it.
    fn offer<'a>(
        &'a self,
        to: &'a AppId,
        offer: Offer,
        deadline: Instant,
    ) -> BoxFuture<'a, Result<bool, Status>>;

    /// Bytes of payloads in one offer; one payload that is larger goes alone.
    fn offer_bytes_max(&self) -> usize;
}

/// Targets of the slots of one actor type, by one version of the membership.
pub trait Targets: Send + Sync {
    /// Id of the app that is the target of a slot.
    fn target(&self, slot: u32) -> &str;
}

/// A request to hand a lease over (rule 16).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MoveRequest {
    /// The lease: that of a slot, or a game lease.
    pub lease: LeaseId,
    /// Epoch of the holding that is asked for.
    pub epoch: u64,
    /// Largest epoch under which the asker has owned the lease; 0 if it never did.
    pub at_least: u64,
}

/// The answer to a [`MoveRequest`] that was obeyed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HandedOver {
    /// Epoch of the asker's grant.
    pub epoch: u64,
    /// The holding and the offer that the grant comes from.
    pub from: Origin,
}

/// A part of what goes along with a lease, sent before the lease is transferred (rule 19).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The lease.
    pub lease: LeaseId,
    /// Which offer of which holding.
    pub from: Origin,
    /// Incarnation of the app that the offer is for.
    pub to: Incarnation,
    /// Index of this part.
    pub part: u32,
    /// How many parts there are.
    pub parts: u32,
    /// Payloads in this part.
    pub payloads: Vec<Payload>,
}
