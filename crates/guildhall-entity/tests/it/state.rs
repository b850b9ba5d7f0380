//! Rows in and out: unknown columns, rows that do not fit, and actors with several entities.

use bytes::Bytes;
use guildhall_entity::{ActorState, Key, Row, Value, Write};

use crate::role::Role;

fn row(version: u64, fields: Vec<(u32, Value)>) -> Row {
    let exists = !fields.is_empty();
    Row { token: None, version, exists, fields, records: Bytes::new() }
}

fn load(key: &str, fields: Vec<(u32, Value)>) -> Result<Role, String> {
    ActorState::load(&Key::from(key), vec![row(1, fields)]).map_err(|err| err.to_string())
}

#[test]
fn columns_that_the_proto_does_not_know_are_skipped() {
    let role = load("7", vec![(3, Value::Int(5)), (99, Value::Bool(true))]).unwrap();
    assert_eq!(role.level, 5);
}

#[test]
fn a_column_of_another_type_is_an_error_that_names_it() {
    let error = load("7", vec![(3, Value::Bool(true))]).unwrap_err();
    assert_eq!(error, "table role, row 7: column 3 `level` holds Bool(true), which does not fit");
    let error = load("7", vec![(3, Value::Int(1 << 40))]).unwrap_err();
    assert!(error.ends_with("holds Int(1099511627776), which does not fit"), "{error}");
    let error = load("7", vec![(4, Value::Bytes(Bytes::from_static(&[0x22, 9])))]).unwrap_err();
    assert!(error.starts_with("table role, row 7: column 4 `items` "), "{error}");
}

#[test]
fn a_key_of_another_type_is_an_error() {
    let error = load("seven", vec![]).unwrap_err();
    assert!(error.starts_with("table role, row seven: the key does not fit field `id`"), "{error}");
}

#[test]
fn a_wrong_number_of_rows_is_an_error() {
    assert!(<Role as ActorState>::load(&Key::from("7"), vec![]).is_err());
    assert!(<(Role, Role) as ActorState>::load(&Key::from("7"), vec![row(1, vec![])]).is_err());
}

#[test]
fn unit_has_no_rows_and_always_exists() {
    <() as ActorState>::load(&Key::from("7"), vec![]).unwrap();
    assert!(ActorState::exists(&()) && !().is_dirty() && <()>::rows(&Key::from("7")).is_empty());
}

#[test]
fn a_tuple_saves_the_entities_that_changed_and_exists_when_the_first_does() {
    type Three = (Role, Role, Role);
    let rows = vec![row(1, vec![]), row(2, vec![(3, Value::Int(2))]), row(3, vec![])];
    let mut state: Three = ActorState::load(&Key::from("7"), rows).unwrap();
    assert_eq!((Three::tables().len(), Three::rows(&Key::from("7")).len()), (3, 3));
    assert!(!ActorState::exists(&state) && !state.is_dirty());

    state.1.set_level(3);
    state.2.create();
    let changes = state.begin_save();
    assert_eq!(changes.iter().map(|change| change.version).collect::<Vec<_>>(), [2, 3]);
    assert!(matches!(changes[0].write, Write::Update(_)));
    assert!(matches!(changes[1].write, Write::Create(_)));
    assert_eq!(state.saving(), 2);

    state.saved(&[12, 13]);
    assert!(!state.is_dirty());
    state.0.create();
    state.2.set_level(1);
    assert!(ActorState::exists(&state));
    let versions: Vec<_> = state.begin_save().iter().map(|change| change.version).collect();
    assert_eq!(versions, [1, 13]);
    state.not_saved();
    assert!(state.is_dirty());
}

#[test]
fn the_first_row_can_be_saved_with_the_others_though_it_has_not_changed() {
    let named = vec![(2, Value::Text("ann".into()))];
    let rows = vec![row(1, named), row(2, vec![(3, Value::Int(5))])];
    let mut state = <(Role, Role) as ActorState>::load(&Key::from("7"), rows).unwrap();
    state.1.set_level(6);
    let changes = state.take_save(true);
    assert_eq!(changes.iter().map(|change| change.version).collect::<Vec<_>>(), [1, 2]);
    assert!(matches!(&changes[0].write, Write::Update(columns) if columns.is_empty()));
    state.saved(&[11, 12]);
    state.0.set_level(1);
    assert_eq!(state.begin_save()[0].version, 11);
    state.not_saved();

    let mut missing =
        <(Role, Role) as ActorState>::load(&Key::from("7"), vec![row(1, vec![]), row(2, vec![])])
            .unwrap();
    missing.1.set_level(6);
    assert_eq!(missing.take_save(true).len(), 1, "what is not there cannot be written");
}
