//! [`HeldUnder`]: what keys of held ids mean.

use std::sync::Arc;

use guildhall_core::leases::LeaseChange;
use guildhall_core::store::LeaseId;

use crate::mirror::Meaning;
use crate::proto::KeyValue;
use crate::value::{self, Held};

/// What keys of held ids mean.
pub(super) struct HeldUnder;

impl Meaning for HeldUnder {
    type Value = (LeaseId, Held);
    type Change = LeaseChange;

    fn value(name: &str, kept: &KeyValue) -> Option<Self::Value> {
        Some((name.into(), value::decode(&kept.value, kept.mod_revision)?))
    }

    fn put((id, held): &Self::Value) -> LeaseChange {
        LeaseChange::Held(Arc::clone(id), held.holding.clone())
    }

    fn gone((id, _): &Self::Value) -> LeaseChange {
        LeaseChange::Free(Arc::clone(id))
    }

    fn synced() -> LeaseChange {
        LeaseChange::Synced
    }
}
