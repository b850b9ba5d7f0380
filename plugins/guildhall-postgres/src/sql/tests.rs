//! Texts and sub keys as they are kept.

use super::{escaped, sub_key, sub_text, unescaped};
use guildhall_core::Key;

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

#[test]
fn an_empty_sub_key_is_not_the_absence_of_one() {
    for sub in [None, Some(Key::from("")), Some(Key::from("a\0"))] {
        assert_eq!(sub_key(&sub_text(sub.as_ref())), Ok(sub));
    }
    assert!(sub_key("a").is_err());
}
