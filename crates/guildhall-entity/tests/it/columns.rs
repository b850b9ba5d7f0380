//! Foreign bytes beside our own in one column.

#[path = "../../../../fuzz/agreement/columns.rs"]
pub(crate) mod agreement;
#[path = "../../../../fuzz/agreement/bodies.rs"]
#[allow(clippy::cast_possible_truncation, reason = "made for bits")]
mod bodies;

use agreement::{FIELDS, Outcome, compare};
use bodies::Bodies;

#[test]
fn whatever_a_column_holds_what_is_saved_beside_it_is_read_back() {
    let mut bodies = Bodies::new(0x636f_6c75, FIELDS);
    let mut counts = [0; 3];
    for _ in 0..100_000 {
        let (column, change) = (bodies.next(), bodies.next());
        counts[compare(&column, &change) as usize] += 1;
    }
    let [not_loaded, known, kept] = counts;
    assert!(not_loaded > 1000 && known > 1000 && kept > 1000, "{counts:?}: {:?}", Outcome::Kept);
}
