//! What an older release does to messages of a newer one: it changes what it knows, and keeps the rest.

use std::collections::BTreeMap;

use prost::Message;

use crate::columns::agreement::{BAG, Bag as OldBag, Item as OldItem};

#[derive(Clone, PartialEq, Message)]
struct NewItem {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(uint32, tag = "2")]
    gems: u32,
    #[prost(message, optional, boxed, tag = "3")]
    inside: Option<Box<NewItem>>,
}

#[derive(Clone, PartialEq, Message)]
struct NewBag {
    #[prost(message, repeated, tag = "1")]
    list: Vec<NewItem>,
    #[prost(btree_map = "string, message", tag = "2")]
    map: BTreeMap<String, NewItem>,
    #[prost(message, optional, tag = "3")]
    one: Option<NewItem>,
    #[prost(double, tag = "4")]
    weight: f64,
    #[prost(int64, repeated, tag = "5")]
    marks: Vec<i64>,
    #[prost(fixed32, tag = "6")]
    colour: u32,
}

fn item(name: &str, gems: u32) -> NewItem {
    let inside = (gems > 5).then(|| Box::new(item("inner", gems - 5)));
    NewItem { name: name.into(), gems, inside }
}

fn bag() -> NewBag {
    NewBag {
        list: vec![item("a", 1), item("a", 2), item("b", 9), item("", 3)],
        map: [("x", 4), ("", 5), ("y", 0)].map(|(key, gems)| (key.into(), item(key, gems))).into(),
        one: Some(item("c", 12)),
        weight: 1.5,
        marks: vec![1, -1, 300],
        colour: 7,
    }
}

/// The bag after an older release has loaded it, changed it and saved it.
fn changed(change: impl FnOnce(&mut OldBag)) -> NewBag {
    let before = bag().encode_to_vec();
    assert!(BAG.unknown_in(&before));
    let mut old = OldBag::decode(&before[..]).expect("unknown fields are no error");
    change(&mut old);
    let saved = BAG.merge(&old.encode_to_vec(), &before);
    NewBag::decode(&saved[..]).expect("it is a bag")
}

#[test]
fn what_an_older_release_saves_unchanged_is_what_it_was() {
    assert_eq!(changed(|_| {}), bag());
}

#[test]
fn a_message_of_known_fields_holds_nothing_unknown() {
    let old = OldBag { marks: vec![1], one: Some(OldItem::default()), ..OldBag::default() };
    assert!(!BAG.unknown_in(&old.encode_to_vec()) && !BAG.unknown_in(&[]));
    for part in [
        NewBag { one: Some(item("c", 12)), ..NewBag::default() },
        NewBag { list: vec![item("a", 1)], ..NewBag::default() },
        NewBag { map: [("k".to_owned(), item("a", 1))].into(), ..NewBag::default() },
        NewBag { colour: 1, ..NewBag::default() },
    ] {
        assert!(BAG.unknown_in(&part.encode_to_vec()), "{part:?}");
    }
}

#[test]
fn a_change_keeps_the_unknown_fields_of_messages_and_of_values_of_maps() {
    let found = changed(|old| {
        let one = old.one.as_mut().unwrap();
        one.name = "changed".into();
        one.inside.as_mut().unwrap().name = String::new();
        old.map.get_mut("x").unwrap().name = "changed".into();
        old.marks.clear();
    });
    let mut expected = bag();
    let one = expected.one.as_mut().unwrap();
    one.name = "changed".into();
    one.inside.as_mut().unwrap().name = String::new();
    expected.map.get_mut("x").unwrap().name = "changed".into();
    expected.marks.clear();
    assert_eq!(found, expected);
}

#[test]
fn what_is_removed_does_not_come_back() {
    let found = changed(|old| {
        old.one = None;
        old.map.remove("x");
        old.list.remove(1);
    });
    let mut expected = bag();
    expected.one = None;
    expected.map.remove("x");
    // The first of two that were alike has stayed.
    expected.list.remove(1);
    assert_eq!(found, expected);
    let emptied = changed(|old| *old = OldBag::default());
    assert_eq!(emptied, NewBag { weight: 1.5, colour: 7, ..NewBag::default() });
}

#[test]
fn an_element_of_a_list_keeps_them_as_long_as_it_is_the_same() {
    let found = changed(|old| {
        old.list.reverse();
        old.list[1].name = "changed".into();
        old.list.insert(0, OldItem { name: "new".into(), inside: None });
    });
    let names: Vec<_> = found.list.iter().map(|it| (it.name.as_str(), it.gems)).collect();
    assert_eq!(names, [("new", 0), ("", 3), ("changed", 0), ("a", 1), ("a", 2)]);
}

/// Bytes that are no message are read up to where they end to be one.
#[test]
fn damaged_bytes_are_no_panic() {
    let before = bag().encode_to_vec();
    let old = OldBag::decode(&before[..]).unwrap().encode_to_vec();
    for end in 0..before.len() {
        let _any = BAG.unknown_in(&before[..end]);
        let _any = BAG.merge(&old, &before[..end]);
    }
    for at in 0..before.len() {
        let mut damaged = before.clone();
        damaged[at] ^= 0xff;
        let _any = BAG.unknown_in(&damaged);
        let _any = BAG.merge(&old, &damaged);
    }
}
