//! Which write a change becomes, and how changes meet a write in flight.

use bytes::Bytes;
use guildhall_entity::{ActorState, Key, Row, Value, Write};

use crate::role::Role;

fn row(version: u64, fields: Option<Vec<(u32, Value)>>) -> Row {
    let exists = fields.is_some();
    Row { token: None, version, exists, fields: fields.unwrap_or_default(), records: Bytes::new() }
}

fn missing() -> Role {
    ActorState::load(&Key::from("7"), vec![row(1, None)]).expect("it fits")
}

fn stored() -> Role {
    let fields = vec![(1, text("ada")), (2, Value::Uint(7)), (3, Value::Int(5))];
    ActorState::load(&Key::from("7"), vec![row(4, Some(fields))]).expect("it fits")
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

/// The one write of the next save.
fn write(role: &mut Role) -> (u64, Write) {
    let mut changes = role.begin_save();
    let change = changes.pop().expect("something to save");
    assert!(changes.is_empty() && role.saving() == 1);
    assert_eq!(change.row.to_string(), "role/7");
    (change.version, change.write)
}

#[test]
fn a_missing_entity_reads_as_defaults_and_is_clean() {
    let mut role = missing();
    assert!(!role.exists() && !ActorState::exists(&role));
    assert_eq!((role.id, role.name.as_str(), role.level), (7, "", 0));
    assert!(!role.is_dirty() && role.begin_save().is_empty());
}

#[test]
fn the_first_change_of_a_missing_entity_creates_it_with_key_and_non_defaults() {
    let mut role = missing();
    role.set_name("ada");
    assert!(role.exists() && role.is_dirty());
    let expected = Write::Create(vec![(1, text("ada")), (2, Value::Uint(7))]);
    assert_eq!(write(&mut role), (1, expected));
    assert!(!role.is_dirty());
}

#[test]
fn create_alone_writes_the_key() {
    let mut role = missing();
    role.create();
    assert_eq!(write(&mut role), (1, Write::Create(vec![(2, Value::Uint(7))])));
}

#[test]
fn an_update_has_the_unsaved_fields_only() {
    let mut role = stored();
    role.set_level(6);
    assert_eq!(write(&mut role), (4, Write::Update(vec![(3, Value::Int(6))])));
    role.saved(&[5]);
    role.set_name("");
    assert_eq!(write(&mut role), (5, Write::Update(vec![(1, text(""))])));
}

#[test]
fn setting_an_equal_value_is_a_change() {
    let mut role = stored();
    role.set_level(5);
    assert!(role.is_dirty());
}

#[test]
fn fields_changed_during_a_save_stay_dirty() {
    let mut role = stored();
    role.set_level(6);
    write(&mut role);
    assert!(!role.is_dirty());
    role.set_level(7);
    assert!(role.is_dirty());
    role.saved(&[5]);
    assert_eq!(write(&mut role), (5, Write::Update(vec![(3, Value::Int(7))])));
}

#[test]
fn a_failed_save_is_part_of_the_next_one() {
    let mut role = stored();
    role.set_level(6);
    write(&mut role);
    role.set_name("bob");
    role.not_saved();
    let expected = Write::Update(vec![(1, text("bob")), (3, Value::Int(6))]);
    assert_eq!(write(&mut role), (4, expected));
}

#[test]
fn a_failed_create_is_a_create_again() {
    let mut role = missing();
    role.set_name("ada");
    write(&mut role);
    role.not_saved();
    assert!(matches!(write(&mut role), (1, Write::Create(_))));
    role.saved(&[2]);
    assert!(!role.is_dirty());
    role.set_level(2);
    assert_eq!(write(&mut role), (2, Write::Update(vec![(3, Value::Int(2))])));
}

#[test]
fn a_delete_of_a_stored_entity_is_a_delete() {
    let mut role = stored();
    role.set_level(9);
    role.delete();
    assert!(!role.exists() && role.level == 0 && role.id == 7);
    assert_eq!(write(&mut role), (4, Write::Delete));
    role.saved(&[5]);
    assert!(!role.is_dirty());
}

#[test]
fn a_delete_of_a_never_saved_entity_is_nothing() {
    let mut role = missing();
    role.set_name("ada");
    role.delete();
    assert!(!role.is_dirty() && role.begin_save().is_empty());
}

#[test]
fn a_delete_during_the_create_follows_it() {
    let mut role = missing();
    role.create();
    write(&mut role);
    role.delete();
    assert!(role.is_dirty());
    role.saved(&[2]);
    assert_eq!(write(&mut role), (2, Write::Delete));
}

#[test]
fn a_delete_during_a_create_that_fails_is_nothing() {
    let mut role = missing();
    role.create();
    write(&mut role);
    role.delete();
    role.not_saved();
    assert!(!role.is_dirty() && role.begin_save().is_empty());
}

#[test]
fn create_after_an_unsaved_delete_resets_every_column() {
    let mut role = stored();
    role.delete();
    role.set_name("new");
    let columns = vec![(1, text("new")), (3, Value::Int(0)), (4, Value::Bytes(Bytes::new()))];
    assert_eq!(write(&mut role), (4, Write::Update(columns)));
}

#[test]
fn create_during_a_delete_follows_it_or_replaces_it() {
    let mut done = stored();
    done.delete();
    write(&mut done);
    done.set_level(1);
    assert!(done.is_dirty());
    done.saved(&[5]);
    let expected = Write::Create(vec![(2, Value::Uint(7)), (3, Value::Int(1))]);
    assert_eq!(write(&mut done), (5, expected));

    let mut failed = stored();
    failed.delete();
    write(&mut failed);
    failed.set_level(1);
    failed.not_saved();
    let columns = vec![(1, text("")), (3, Value::Int(1)), (4, Value::Bytes(Bytes::new()))];
    assert_eq!(write(&mut failed), (4, Write::Update(columns)));
}

#[test]
fn a_deleted_and_recreated_entity_forgets_a_failed_update() {
    let mut role = stored();
    role.set_level(9);
    write(&mut role);
    role.delete();
    role.not_saved();
    assert_eq!(write(&mut role), (4, Write::Delete));
}

#[test]
fn maps_go_through_a_column_and_come_back() {
    let mut role = stored();
    role.items_mut().insert("potion".to_owned(), 3);
    role.items_mut().insert("sword".to_owned(), 1);
    let (_, Write::Update(columns)) = write(&mut role) else { panic!("not an update") };
    assert_eq!(role.items.len(), 2, "encoding leaves the field in place");
    let back: Role = ActorState::load(&Key::from("7"), vec![row(5, Some(columns))]).unwrap();
    assert_eq!(back.items, role.items);
}
