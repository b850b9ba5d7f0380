//! Each rule fails on a bad file and passes on a good one.

use super::check;

#[test]
fn a_file_without_a_first_line_that_says_what_for_is_wrong() {
    assert_eq!(check("crates/a/src/lib.rs", "fn main() {}\n").len(), 1);
    assert!(check("crates/a/src/lib.rs", "//! Says it.\n").is_empty());
}

#[test]
fn a_way_around_env_is_wrong_in_libraries_only() {
    let text = format!("//! Asks.\nlet now = {}now();\n", "Instant::");
    assert_eq!(check("crates/a/src/lib.rs", &text).len(), 1);
    assert!(check("xtask/src/main.rs", &text).is_empty());
    assert!(check("crates/guildhall-core/src/env.rs", &text).is_empty());
}

#[test]
fn a_comment_may_name_a_way_around_env() {
    let text = format!("//! Says it.\n// not {}now()\n", "Instant::");
    assert!(check("crates/a/src/lib.rs", &text).is_empty());
}

#[test]
fn mod_rs_is_wrong() {
    assert_eq!(check("crates/a/src/x/mod.rs", "//! Says it.\n").len(), 1);
}
