//! A column that a newer release has written, loaded and saved by an older one: our own bytes stand beside foreign ones, and neither
//! swallows the other. Shared by a fuzz target and a test.

use std::collections::BTreeMap;

use guildhall_entity::{Known, Tags};
use prost::Message;

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Item {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(message, optional, boxed, tag = "3")]
    pub(crate) inside: Option<Box<Item>>,
}

/// What the older release knows of the column.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Bag {
    #[prost(message, repeated, tag = "1")]
    pub(crate) list: Vec<Item>,
    #[prost(btree_map = "string, message", tag = "2")]
    pub(crate) map: BTreeMap<String, Item>,
    #[prost(message, optional, tag = "3")]
    pub(crate) one: Option<Item>,
    #[prost(int64, repeated, tag = "5")]
    pub(crate) marks: Vec<i64>,
}

static ITEM: Tags = Tags(&[(1, Known::Plain), (3, Known::One(&ITEM))]);
pub(crate) static BAG: Tags = Tags(&[
    (1, Known::List(&ITEM)),
    (2, Known::Map(&ITEM)),
    (3, Known::One(&ITEM)),
    (5, Known::Plain),
]);

/// The fields of [`Bag`] and others, each with its usual wire type.
#[allow(dead_code, reason = "a fuzzer makes its bytes itself")]
pub(super) const FIELDS: &[(u64, u64)] =
    &[(1, 2), (2, 2), (3, 2), (5, 2), (4, 1), (6, 5), (9, 2), (99, 0)];

/// What became of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It does not decode, so its entity is not loaded.
    NotLoaded,
    /// There is nothing in it that the older release does not know.
    Known,
    /// Saved again with what is unknown.
    Kept,
}

/// Loads `column`, changes the state to what `change` holds, and saves.
///
/// # Panics
/// What is read back is not what was saved.
pub(super) fn compare(column: &[u8], change: &[u8]) -> Outcome {
    if Bag::decode(column).is_err() {
        return Outcome::NotLoaded;
    }
    if !BAG.unknown_in(column) {
        return Outcome::Known;
    }
    let state = Bag::decode(change).unwrap_or_default();
    let saved = BAG.merge(&state.encode_to_vec(), column);
    let loaded = Bag::decode(&*saved).expect("what was saved is whole");
    assert_eq!(loaded, state, "saved as {saved:x?} over {column:x?}");
    // And again: what is unknown is neither lost nor doubled. Only an entry of a map without a value gets an empty one.
    let again = BAG.merge(&state.encode_to_vec(), &saved);
    assert_eq!(Bag::decode(&*again).expect("what was saved is whole"), state);
    assert_eq!(BAG.merge(&state.encode_to_vec(), &again), again, "over {column:x?}");
    Outcome::Kept
}
