//! Tests of this module: names and texts of the outside stay within their quotes.

use super::*;

#[test]
fn a_quote_or_backslash_does_not_end_a_literal() {
    assert_eq!(literal(r"a'b\'c"), r"E'a''b\\''c'");
    assert_eq!(quoted("a\"b"), "\"a\"\"b\"");
}

#[test]
fn a_body_does_not_contain_its_own_end() {
    assert_eq!(body("x"), "$guildhall$\nx\n$guildhall$");
    assert_eq!(body("$guildhall$"), "$_guildhall$\n$guildhall$\n$_guildhall$");
}

#[test]
fn a_value_that_looks_like_a_place_stays() {
    assert_eq!(fill("@a@ @b@ @a@", &[("@a@", "@b@"), ("@b@", "@a@")]), "@b@ @a@ @b@");
}
