//! Tests of metadata.

use super::{Meta, VALUE_MAX, decode, encode};

#[test]
fn a_registration_that_is_too_large_for_consul_is_an_error_that_says_so() {
    let meta = encode(&[7; 20_000]).unwrap();
    assert!(meta.len() <= 64 && meta.values().all(|value| value.len() <= VALUE_MAX));
    assert!(encode(&[7; 30_000]).unwrap_err().contains("fewer services"));
}

#[test]
fn metadata_of_others_is_no_registration() {
    let meta = |pairs: &[(&str, &str)]| -> Meta {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    };
    for pairs in [
        &[][..],
        &[("guildhall-parts", "1")],
        &[("guildhall-parts", "-1")],
        &[("guildhall-parts", "99999999999999999999")],
        &[("guildhall-parts", "1"), ("guildhall-record-00", "%%%")],
        &[("guildhall-parts", "1"), ("guildhall-record-00", "/////w==")],
        &[("guildhall-parts", "0")],
    ] {
        assert_eq!(decode(&meta(pairs)), None, "{pairs:?}");
    }
}
