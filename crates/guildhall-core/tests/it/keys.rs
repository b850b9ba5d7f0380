//! Keys of requests as text.

use guildhall_core::KeyText;

#[test]
fn numbers_are_keys_in_decimal_and_zero_is_none() {
    let text = |key: KeyText<'_>| key.with_text(|text| text.map(str::to_owned));
    for number in [1, 9, 10, 1_000_000_007, u64::MAX] {
        assert_eq!(text(KeyText::Uint(number)), Ok(number.to_string()));
    }
    for number in [1, -1, -10, i64::MAX, i64::MIN] {
        assert_eq!(text(KeyText::Int(number)), Ok(number.to_string()));
    }
    assert!(text(KeyText::Uint(0)).is_err() && text(KeyText::Int(0)).is_err());
}
