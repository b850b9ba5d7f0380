//! Between the core's types and those of the proto, in both directions: for the client and for the server. What does not make
//! sense is `None`.

mod rows;

use std::time::Duration;

use guildhall_core::discovery::{Change, NodeRecord};
use guildhall_core::leases::{Acquired, Holding, LeaseChange, LeaseError, LeaseErrorKind, Origin};
use guildhall_core::store::Holder;
use guildhall_core::{AppId, Incarnation};

use crate::proto::{self, node_change};

pub use rows::*;

/// Whole milliseconds.
pub fn to_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

pub fn holder(holder: &Holder) -> proto::Holder {
    life(&holder.app, holder.incarnation)
}

pub fn life(app: &AppId, incarnation: Incarnation) -> proto::Holder {
    proto::Holder { app: app.to_string(), incarnation: incarnation.0 }
}

pub fn from_holder(holder: Option<proto::Holder>) -> Option<Holder> {
    let proto::Holder { app, incarnation } = holder?;
    Some(Holder { app: app.parse().ok()?, incarnation: Incarnation(incarnation) })
}

/// `None` for what no hub tells: a static list's addresses.
pub fn node_change(change: &Change) -> Option<proto::NodeChange> {
    use node_change::Change as To;
    let change = match change {
        Change::Put(record) => To::Put(record.encode()),
        Change::Remove(id, incarnation) => To::Remove(life(id, *incarnation)),
        Change::Synced => To::Synced(true),
        Change::Probe(_) => return None,
    };
    Some(proto::NodeChange { change: Some(change) })
}

pub fn from_node_change(change: proto::NodeChange) -> Option<Change> {
    use node_change::Change as From;
    Some(match change.change? {
        From::Put(record) => Change::Put(NodeRecord::decode(&record).ok()?),
        From::Remove(who) => {
            let who = from_holder(Some(who))?;
            Change::Remove(who.app, who.incarnation)
        }
        From::Synced(_) => Change::Synced,
    })
}

pub fn lease_refusal(error: LeaseError) -> proto::LeaseFailure {
    use proto::lease_failure::Kind;
    let kind = match error.kind {
        LeaseErrorKind::Expired => Kind::Expired,
        LeaseErrorKind::Unavailable => Kind::Unavailable,
        LeaseErrorKind::Invalid => Kind::Invalid,
    };
    proto::LeaseFailure { kind: kind.into(), message: error.message }
}

pub fn lease_failure(operation: &'static str, failure: proto::LeaseFailure) -> LeaseError {
    use proto::lease_failure::Kind;
    let kind = match failure.kind() {
        Kind::Expired => LeaseErrorKind::Expired,
        Kind::Unavailable => LeaseErrorKind::Unavailable,
        Kind::Invalid => LeaseErrorKind::Invalid,
    };
    LeaseError::new(kind, operation, failure.message)
}

pub fn holding(of: &Holding) -> proto::Holding {
    proto::Holding { holder: Some(holder(&of.holder)), epoch: of.epoch, from: of.from.map(origin) }
}

pub fn from_holding(holding: proto::Holding) -> Option<Holding> {
    let proto::Holding { holder, epoch, from } = holding;
    Some(Holding { holder: from_holder(holder)?, epoch, from: from.map(from_origin) })
}

pub fn acquired(answer: &Acquired) -> proto::Holding {
    match answer {
        Acquired::Held { epoch, from } => {
            proto::Holding { holder: None, epoch: *epoch, from: from.map(origin) }
        }
        Acquired::Taken { holder: by, epoch } => {
            proto::Holding { holder: Some(holder(by)), epoch: *epoch, from: None }
        }
    }
}

pub fn from_acquired(answer: proto::Holding) -> Option<Acquired> {
    let proto::Holding { holder, epoch, from } = answer;
    Some(match holder {
        None => Acquired::Held { epoch, from: from.map(from_origin) },
        Some(_) => Acquired::Taken { holder: from_holder(holder)?, epoch },
    })
}

pub fn lease_change(change: &LeaseChange) -> proto::LeaseChange {
    let (id, held) = match change {
        LeaseChange::Held(id, held) => (id.to_string(), Some(holding(held))),
        LeaseChange::Free(id) => (id.to_string(), None),
        LeaseChange::Synced => (String::new(), None),
    };
    proto::LeaseChange { id, holding: held }
}

pub fn from_lease_change(change: proto::LeaseChange) -> Option<LeaseChange> {
    let proto::LeaseChange { id, holding } = change;
    Some(match holding {
        Some(held) => LeaseChange::Held(id.into(), from_holding(held)?),
        None if id.is_empty() => LeaseChange::Synced,
        None => LeaseChange::Free(id.into()),
    })
}

fn origin(origin: Origin) -> proto::Origin {
    proto::Origin { epoch: origin.epoch, offer: origin.offer }
}

fn from_origin(origin: proto::Origin) -> Origin {
    Origin { epoch: origin.epoch, offer: origin.offer }
}
