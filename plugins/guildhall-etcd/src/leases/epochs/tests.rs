//! Tests of the base of epochs.

use super::{Base, Epochs};
use crate::proto::KeyValue;

#[test]
fn a_base_is_raised_no_more_than_is_needed() {
    let mut epochs = Epochs::default();
    epochs.note(100);
    epochs.note(40);
    assert_eq!(epochs.raised(0, 100), None, "revision 101 is above it");
    assert_eq!(epochs.raised(0, 101), Some(1), "revision 101 and 1 is above it");
    assert_eq!(epochs.raised(7 << 48, 7 << 48), None);
    assert_eq!(epochs.raised(0, 7 << 48), Some((7 << 48) - 100));
    assert_eq!(epochs.raised(u64::MAX, u64::MAX), None);
}

#[test]
fn a_base_that_this_program_has_not_written_is_damaged() {
    let kept = |value: &'static [u8]| KeyValue {
        value: value.into(),
        mod_revision: 3,
        ..KeyValue::default()
    };
    assert_eq!(Base::of(None), Some(Base::default()));
    assert_eq!(Base::of(Some(&kept(b"12"))), Some(Base { base: 12, revision: 3 }));
    for damaged in [&b""[..], b"-1", b"\xff", b"18446744073709551616", b"1 "] {
        assert_eq!(Base::of(Some(&kept(damaged))), None, "{damaged:?}");
    }
}
