//! What is kept about a lease that is held.

use guildhall_core::Incarnation;
use guildhall_core::leases::{Holding, Origin};
use guildhall_core::store::Holder;
use prost::Message;

/// The value of the key of a held id.
#[derive(Clone, PartialEq, Eq, Message)]
pub(crate) struct KeptHolding {
    #[prost(string, tag = "1")]
    pub(crate) app: String,
    #[prost(uint64, tag = "2")]
    pub(crate) incarnation: u64,
    /// With the revision that wrote the key it is the epoch.
    #[prost(uint64, tag = "3")]
    pub(crate) base: u64,
    #[prost(message, optional, tag = "4")]
    pub(crate) from: Option<KeptOrigin>,
}

/// The grant that a transfer has ended.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub(crate) struct KeptOrigin {
    #[prost(uint64, tag = "1")]
    pub(crate) epoch: u64,
    #[prost(uint64, tag = "2")]
    pub(crate) offer: u64,
}

/// The bytes of a holding whose epoch is the revision that writes them, and `base`.
pub(crate) fn encode(holder: &Holder, base: u64, from: Option<Origin>) -> Vec<u8> {
    let from = from.map(|Origin { epoch, offer }| KeptOrigin { epoch, offer });
    let (app, incarnation) = (holder.app.to_string(), holder.incarnation.0);
    KeptHolding { app, incarnation, base, from }.encode_to_vec()
}

/// A holding, and what its epoch is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) holding: Holding,
    pub(crate) base: u64,
    pub(crate) revision: i64,
}

/// Reads what was written at `revision`; `None`: it is damaged.
pub(crate) fn decode(bytes: &[u8], revision: i64) -> Option<Held> {
    let kept = KeptHolding::decode(bytes).ok()?;
    let holder = Holder { app: kept.app.parse().ok()?, incarnation: Incarnation(kept.incarnation) };
    let from = kept.from.map(|KeptOrigin { epoch, offer }| Origin { epoch, offer });
    let (base, epoch) = (kept.base, epoch(kept.base, revision)?);
    Some(Held { holding: Holding { holder, epoch, from }, base, revision })
}

/// The epoch of a grant at `revision`.
pub(crate) fn epoch(base: u64, revision: i64) -> Option<u64> {
    base.checked_add(u64::try_from(revision).ok()?)
}
