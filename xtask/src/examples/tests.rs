//! What counts as the expected output of an example.

use super::expected_output;

#[test]
fn the_indented_lines_behind_output_are_expected() {
    let source = "//! Shows it.\n//!\n//! Output:\n//!\n//!     one\n//!\n//!       two\n//!\n\
                  //! More text.\n//!     not this\n\nfn main() {}\n";
    assert_eq!(expected_output(source).as_deref(), Some("one\n\n  two\n"));
}

#[test]
fn a_header_that_ends_with_its_output_needs_no_empty_line() {
    assert_eq!(expected_output("//! Output:\n//!     one\nfn main() {}").as_deref(), Some("one\n"));
}

#[test]
fn a_header_without_an_output_block_expects_nothing() {
    assert_eq!(expected_output("//! Shows it.\n\n// Output:\n//     one\n"), None);
    assert_eq!(expected_output("//! Output:\n//!\nfn main() {}\n"), None);
}
