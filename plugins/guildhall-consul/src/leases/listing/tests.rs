//! What has changed between two lists.

use guildhall_kv::Entry;

use super::Known;

fn list(keys: &[(&str, u64)]) -> Vec<Entry> {
    let entry = |(key, revision): &(&str, u64)| Entry {
        key: (*key).to_owned(),
        value: Some("v".into()),
        revision: *revision,
    };
    keys.iter().map(entry).collect()
}

#[test]
fn what_has_changed_comes_in_the_order_of_the_writes_after_what_is_gone() {
    let mut known = Known::of(&list(&[("a", 3), ("b", 5), ("c", 4)]));
    let changes = known.changes(list(&[("a", 9), ("c", 4), ("d", 7)]), 12);
    let changes: Vec<_> =
        changes.iter().map(|e| (&*e.key, e.value.is_some(), e.revision)).collect();
    assert_eq!(changes, [("b", false, 12), ("d", true, 7), ("a", true, 9)]);
    assert!(known.changes(list(&[("a", 9), ("c", 4), ("d", 7)]), 13).is_empty());
}
