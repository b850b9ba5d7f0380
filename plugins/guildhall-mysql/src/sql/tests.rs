//! Values that try to leave their literals.

use guildhall_sql::Params as _;

use super::{Literals, quoted};

#[test]
fn no_text_ends_its_literal() {
    let mut literals = Literals::default();
    for odd in ["'", "\\'", "'; DROP TABLE hero; -- ", "\0", "\u{bf}'", "*/ x"] {
        let text = literals.text(odd);
        let inside = text.strip_prefix("_utf8mb4 x'").and_then(|it| it.strip_suffix('\'')).unwrap();
        assert!(inside.bytes().all(|b| b.is_ascii_hexdigit()), "{text}");
        assert_eq!(inside.len(), odd.len() * 2);
    }
    assert_eq!(quoted("a`b"), "`a``b`");
}

#[test]
fn numbers_that_no_column_can_hold_are_refused() {
    for odd in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let mut literals = Literals::default();
        assert_eq!(literals.float(odd), "NULL");
        assert!(literals.refused.is_some());
    }
    let mut literals = Literals::default();
    assert_eq!(literals.float(-1.5e-300), "-1.5e-300");
    assert!(literals.refused.is_none());
}
