//! A turn that is taken back leaves nothing, and a turn without changes costs nothing.

use bytes::Bytes;
use guildhall_entity::{ActorState, Key, Row, RowChange, Turned, Value, Write};

use crate::role::Role;

fn stored() -> Role {
    let fields = vec![(1, text("ada")), (2, Value::Uint(7)), (3, Value::Int(5))];
    loaded(Some(fields))
}

fn loaded(fields: Option<Vec<(u32, Value)>>) -> Role {
    let exists = fields.is_some();
    let fields = fields.unwrap_or_default();
    let row = Row { token: None, version: 4, exists, fields, records: Bytes::new() };
    let mut role: Role = ActorState::load(&Key::from("7"), vec![row]).expect("it fits");
    role.begin_turns();
    role
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn next_write(role: &mut Role) -> Option<Write> {
    role.begin_save().pop().map(|RowChange { write, .. }| write)
}

#[test]
fn what_a_turn_changes_is_taken_back_column_by_column() {
    let mut role = stored();
    role.items_mut().insert("sword".into(), 1);
    role.keep_turn();
    role.set_level(6);
    role.set_level(7);
    role.items_mut().insert("shield".into(), 2);
    role.items_mut().clear();
    assert!(role.has_turned());
    role.undo_turn();
    assert!(!role.has_turned());
    assert_eq!((role.level, role.items.len(), role.items["sword"]), (5, 1, 1));
    let Some(Write::Update(columns)) = next_write(&mut role) else { panic!("an update") };
    let numbers: Vec<_> = columns.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, [4], "what an earlier turn has changed is still to be saved, and no more");
}

#[test]
fn a_delete_that_is_taken_back_leaves_all_columns_as_they_were() {
    let mut role = stored();
    role.set_level(6);
    role.delete();
    role.set_name("bob");
    role.delete();
    role.undo_turn();
    assert!(role.exists());
    assert_eq!((role.name.as_str(), role.level, role.id), ("ada", 5, 7));
    assert!(!role.is_dirty());
}

#[test]
fn an_entity_that_a_turn_has_created_is_missing_again() {
    let mut role = loaded(None);
    role.create();
    role.set_name("bob");
    role.undo_turn();
    assert!(!role.exists() && role.name.is_empty() && !role.is_dirty());
}

#[test]
fn a_turn_whose_save_was_refused_is_taken_back_and_what_was_unsaved_before_it_is_saved() {
    let mut role = stored();
    role.set_level(6);
    role.keep_turn();
    role.set_name("taken");
    assert!(role.turned().unique);
    let refused = next_write(&mut role);
    assert_eq!(refused, Some(Write::Update(vec![(1, text("taken")), (3, Value::Int(6))])));
    role.not_saved();
    role.undo_turn();
    assert_eq!((role.name.as_str(), role.level), ("ada", 6));
    let Some(Write::Update(columns)) = next_write(&mut role) else { panic!("an update") };
    assert!(columns.contains(&(3, Value::Int(6))), "{columns:?}");
    assert!(!columns.contains(&(1, text("taken"))), "{columns:?}");
}

#[test]
fn the_size_of_a_row_follows_its_turns() {
    let mut role = stored();
    let before = role.turned().size;
    role.keep_turn();
    role.set_name("a".repeat(1_003));
    assert_eq!(role.turned(), Turned { size: before + 1_000, unique: true, too_deep: None });
    role.undo_turn();
    assert_eq!(role.turned().size, before);
    role.keep_turn();
    role.set_name("ada");
    assert_eq!(
        role.turned(),
        Turned { size: before, unique: false, too_deep: None },
        "it is equal"
    );
}

#[test]
fn an_entity_without_turns_keeps_no_old_values() {
    let row = Row { token: None, version: 1, exists: true, fields: vec![], records: Bytes::new() };
    let mut role: Role = ActorState::load(&Key::from("7"), vec![row]).expect("it fits");
    role.set_name("bob");
    assert!(!role.has_turned());
    role.undo_turn();
    assert_eq!(role.name, "bob");
}
