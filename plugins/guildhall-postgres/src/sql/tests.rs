//! Texts as they are kept.

use super::{escaped, unescaped};

#[test]
fn escaped_texts_have_no_nul_and_compare_as_the_texts_do() {
    let mut texts = ["", "a", "a\0", "a\0\0", "a\0b", "a\u{1}", "a\u{1}\0", "a\u{2}", "ab", "\0"];
    texts.sort_unstable();
    let kept: Vec<_> = texts.iter().map(|text| escaped(text)).collect();
    assert!(kept.is_sorted(), "{kept:?}");
    for (text, kept) in texts.iter().zip(&kept) {
        assert!(!kept.contains('\0'));
        assert_eq!(unescaped(kept).as_deref(), Ok(*text));
    }
    assert!(unescaped("a\u{1}").is_err());
}
