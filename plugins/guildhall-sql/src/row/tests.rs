//! Sub keys as they are kept.

use super::{sub_key, sub_text};
use guildhall_core::Key;

#[test]
fn an_empty_sub_key_is_not_the_absence_of_one() {
    for sub in [None, Some(Key::from("")), Some(Key::from("a\0"))] {
        assert_eq!(sub_key(&sub_text(sub.as_ref())), Ok(sub));
    }
    assert!(sub_key("a").is_err());
}
