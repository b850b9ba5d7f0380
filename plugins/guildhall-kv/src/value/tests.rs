//! Values that come back, and those that are not taken.

use bytes::Bytes;
use guildhall_core::Incarnation;
use guildhall_core::leases::Origin;
use guildhall_core::store::Holder;

use super::{Lease, SessionValue, decode};
use crate::keys::Entry;

fn holder() -> Holder {
    Holder { app: "dev.w1.role.10".parse().unwrap(), incarnation: Incarnation(u64::MAX) }
}

#[test]
fn values_that_are_damaged_are_an_error_and_no_lease() {
    let lease =
        Lease { epoch: 7, by: Some((holder(), 3)), from: Some(Origin { epoch: 6, offer: 2 }) };
    let bytes = lease.encode();
    assert_eq!(Lease::decode(bytes.clone()), Ok(lease));
    assert!((1..bytes.len()).any(|cut| Lease::decode(bytes.slice(..cut)).is_err()));
    let wrong_app = Bytes::from_static(&[0x12, 3, 0x0a, 1, b'x']);
    assert!(Lease::decode(wrong_app).is_err());
    let entry = |value: &'static [u8]| Entry {
        key: "s".to_owned(),
        value: Some(value.into()),
        revision: 1,
    };
    assert!(decode::<SessionValue>(Some(&entry(&[0x08]))).is_err());
    assert_eq!(decode::<SessionValue>(None), Ok(None));
}
