//! Misuse of error enums.

use crate::{accept, check};

fn error(name: &str, base: &str, values: &str) -> String {
    format!("enum {name} {{ option (guildhall.errors) = {{ {base} }}; {values} }}\n")
}

#[test]
fn an_error_enum_has_a_base_of_1000_or_more() {
    check(
        &error("E", "", "E_A = 0;"),
        "2:1: error: error enum `E` has no base; add one of 1000 or more",
    );
    check(
        &error("E", "base: 999", "E_A = 0;"),
        "2:1: error: error enum `E` has base 999; add one of 1000 or more",
    );
    accept(&error("E", "base: 1000", "E_A = 0;"));
}

#[test]
fn reasons_of_two_enums_do_not_overlap() {
    check(
        &(error("E", "base: 1000", "E_A = 0; E_B = 5;") + &error("F", "base: 1005", "F_A = 0;")),
        "3:1: error: error enum `F` has reasons 1005 to 1005, and `E` has 1000 to 1005; \
         choose a base beyond",
    );
    accept(
        &(error("E", "base: 1000", "E_A = 0; E_B = 5;") + &error("F", "base: 1006", "F_A = 0;")),
    );
}

#[test]
fn reasons_fit_32_bits() {
    check(
        &error("E", "base: 1000", "E_A = 0; E_B = -1;"),
        "2:1: error: error enum `E` has a negative value; use 0 and up",
    );
    check(
        &error("E", "base: 4294967295", "E_A = 0; E_B = 1;"),
        "2:1: error: error enum `E` with base 4294967295 exceeds 32 bits",
    );
}
