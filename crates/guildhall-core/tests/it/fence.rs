//! Every rule of the fence, decided without a store.

use bytes::Bytes;
use guildhall_core::store::fence::{self, Ground, Written};
use guildhall_core::store::{
    Column, Floor, Guard, Holder, Kind, Op, Row, RowId, StoreErrorKind, Table, Token, Value, Write,
};
use guildhall_core::{Incarnation, Key};

static ROLE: Table = Table {
    name: "role",
    key: Column { number: 1, name: "id", kind: Kind::Text, unique: false, index: false },
    columns: &[Column { number: 2, name: "name", kind: Kind::Text, unique: false, index: false }],
};

fn id() -> RowId {
    RowId { table: &ROLE, key: Key::from("7"), sub: None }
}

fn token(epoch: u64, app: u64, life: u64, activation: u64) -> Token {
    Token {
        lease: "role/3".into(),
        epoch,
        holder: Holder {
            app: format!("t.w.f.{app}").parse().unwrap(),
            incarnation: Incarnation(life),
        },
        activation,
    }
}

fn name(text: &str) -> Vec<(u32, Value)> {
    vec![(2, Value::Text(text.into()))]
}

fn op(guard: Guard, write: Write) -> Op {
    Op { row: id(), guard, write, records: None, keep_ms: 0 }
}

fn owned(by: &Token, version: u64, exists: bool) -> Row {
    let fields = if exists { name("a") } else { Vec::new() };
    Row { token: Some(by.clone()), version, exists, fields, records: Bytes::from_static(b"r") }
}

fn free(version: u64, exists: bool) -> Row {
    Row { token: None, ..owned(&token(0, 1, 1, 1), version, exists) }
}

fn kind(row: Option<Row>, guard: Guard, write: Write) -> StoreErrorKind {
    fence::write(row, &Ground::default(), &op(guard, write)).unwrap_err().kind
}

fn changed(row: Option<Row>, op: &Op) -> Row {
    match fence::write(row, &Ground::default(), op).unwrap() {
        Written::Changed(row) => row,
        other => panic!("{other:?}"),
    }
}

fn refused(row_epoch: u64) -> StoreErrorKind {
    StoreErrorKind::Refused { row_epoch }
}

#[test]
fn rule_7_a_claim_of_nothing_makes_a_tombstone() {
    let row = fence::claim(None, &Ground::default(), &id(), &token(4, 1, 1, 1)).unwrap();
    assert_eq!((row.token, row.version, row.exists), (Some(token(4, 1, 1, 1)), 1, false));
    assert!(row.fields.is_empty() && row.records.is_empty());
}

#[test]
fn rule_7_a_write_never_makes_a_row() {
    let guard = || Guard::Owner(token(4, 1, 1, 1), 0);
    assert_eq!(kind(None, guard(), Write::Create(name("a"))), refused(0));
    assert_eq!(kind(None, guard(), Write::Update(name("a"))), refused(0));
    assert_eq!(kind(None, Guard::Version(0), Write::Create(name("a"))), StoreErrorKind::Missing);
}

#[test]
fn rule_8_a_claim_keeps_fields_and_records_and_counts() {
    let row = fence::claim(
        Some(owned(&token(4, 1, 1, 1), 9, true)),
        &Ground::default(),
        &id(),
        &token(5, 2, 1, 1),
    );
    assert_eq!(row.unwrap(), owned(&token(5, 2, 1, 1), 10, true));
}

#[test]
fn rule_8_a_smaller_epoch_is_refused_with_the_rows() {
    let error = fence::claim(
        Some(owned(&token(5, 2, 1, 1), 9, true)),
        &Ground::default(),
        &id(),
        &token(4, 1, 1, 1),
    );
    let error = error.unwrap_err();
    assert_eq!(error.kind, refused(5));
    let text = error.to_string();
    assert!(
        text.contains("role/7") && text.contains("t.w.f.2@1") && text.contains("acquire"),
        "{text}"
    );
}

#[test]
fn rule_8_an_equal_epoch_of_another_app_or_life_is_refused() {
    let row = || Some(owned(&token(5, 2, 1, 1), 9, true));
    assert_eq!(
        fence::claim(row(), &Ground::default(), &id(), &token(5, 1, 1, 1)).unwrap_err().kind,
        refused(5)
    );
    assert_eq!(
        fence::claim(row(), &Ground::default(), &id(), &token(5, 2, 2, 1)).unwrap_err().kind,
        refused(5)
    );
}

#[test]
fn rule_8_a_second_activation_of_the_same_holder_claims() {
    let row = fence::claim(
        Some(owned(&token(5, 2, 1, 1), 9, true)),
        &Ground::default(),
        &id(),
        &token(5, 2, 1, 2),
    );
    assert_eq!(row.unwrap(), owned(&token(5, 2, 1, 2), 10, true));
}

#[test]
fn rule_8_an_unowned_row_can_be_claimed() {
    let row =
        fence::claim(Some(free(3, true)), &Ground::default(), &id(), &token(1, 1, 1, 1)).unwrap();
    assert_eq!(row, owned(&token(1, 1, 1, 1), 4, true));
}

#[test]
fn rule_9_a_write_needs_the_equal_token() {
    let me = token(5, 2, 1, 1);
    let others = [
        token(4, 2, 1, 1),
        token(6, 2, 1, 1),
        token(5, 1, 1, 1),
        token(5, 2, 2, 1),
        token(5, 2, 1, 2),
    ];
    for other in others {
        let row = Some(owned(&other, 9, true));
        let got = kind(row, Guard::Owner(me.clone(), 9), Write::Update(name("b")));
        assert_eq!(got, refused(other.epoch), "{other:?}");
    }
    let row = Some(free(9, true));
    assert_eq!(kind(row, Guard::Owner(me, 9), Write::Update(name("b"))), refused(0));
}

#[test]
fn rule_9_a_write_needs_the_equal_version() {
    let me = token(5, 2, 1, 1);
    for expected in [0, 7, 10, u64::MAX] {
        let row = Some(owned(&me, 9, true));
        let got = kind(row, Guard::Owner(me.clone(), expected), Write::Update(name("b")));
        assert_eq!(got, refused(5), "{expected}");
    }
}

#[test]
fn rule_9_an_allowed_write_counts_and_keeps_other_fields() {
    let me = token(5, 2, 1, 1);
    let mut row = owned(&me, 9, true);
    row.fields = vec![(1, Value::Text("7".into())), (9, Value::Int(3))];
    let row = changed(Some(row), &op(Guard::Owner(me, 9), Write::Update(name("b"))));
    let fields =
        vec![(1, Value::Text("7".into())), (2, Value::Text("b".into())), (9, Value::Int(3))];
    assert_eq!((row.version, row.fields, row.records), (10, fields, Bytes::from_static(b"r")));
}

#[test]
fn rule_10_the_next_version_under_the_same_token_is_the_write_itself() {
    let me = token(5, 2, 1, 1);
    for write in [Write::Create(name("b")), Write::Update(name("b")), Write::Delete] {
        let row = Some(owned(&me, 10, true));
        let again =
            fence::write(row, &Ground::default(), &op(Guard::Owner(me.clone(), 9), write)).unwrap();
        assert_eq!(again, Written::Repeated(10));
    }
    let other = Some(owned(&token(5, 2, 1, 2), 10, true));
    assert_eq!(kind(other, Guard::Owner(me, 9), Write::Delete), refused(5));
}

#[test]
fn rule_10_stateless_writes_are_never_taken_for_repeated() {
    let got = kind(Some(free(10, true)), Guard::Version(9), Write::Update(name("b")));
    assert_eq!(got, refused(0));
}

#[test]
fn rule_15_another_lease_is_refused_however_large_the_epoch() {
    let mut by = token(99, 2, 1, 1);
    by.lease = "role/4".into();
    let error =
        fence::claim(Some(owned(&token(5, 2, 1, 1), 9, true)), &Ground::default(), &id(), &by)
            .unwrap_err();
    assert_eq!(error.kind, refused(5));
    assert!(error.to_string().contains("offline migration"), "{error}");
}

#[test]
fn rule_15_a_stateless_writer_is_refused_by_an_owned_row() {
    let row = |exists| Some(owned(&token(5, 2, 1, 1), 9, exists));
    assert_eq!(kind(row(true), Guard::Version(9), Write::Update(name("b"))), refused(5));
    assert_eq!(kind(row(true), Guard::Version(9), Write::Delete), refused(5));
    assert_eq!(kind(row(false), Guard::Absent, Write::Create(name("b"))), refused(5));
}

#[test]
fn a_creator_makes_a_row_where_there_is_none_or_an_unowned_tombstone() {
    let create = op(Guard::Absent, Write::Create(name("a")));
    let row = changed(None, &create);
    assert_eq!((row.token, row.version, row.exists), (None, 1, true));
    assert_eq!(changed(Some(free(3, false)), &create), free(4, true));
    assert_eq!(
        kind(Some(free(3, true)), Guard::Absent, Write::Create(name("a"))),
        StoreErrorKind::Exists
    );
}

#[test]
fn creating_what_exists_and_changing_what_does_not_are_errors_for_owners_too() {
    let me = token(5, 2, 1, 1);
    let guard = || Guard::Owner(me.clone(), 9);
    assert_eq!(
        kind(Some(owned(&me, 9, true)), guard(), Write::Create(name("b"))),
        StoreErrorKind::Exists
    );
    assert_eq!(
        kind(Some(owned(&me, 9, false)), guard(), Write::Update(name("b"))),
        StoreErrorKind::Missing
    );
    assert_eq!(kind(Some(owned(&me, 9, false)), guard(), Write::Delete), StoreErrorKind::Missing);
}

#[test]
fn a_delete_keeps_the_head_and_the_records() {
    let me = token(5, 2, 1, 1);
    let row = changed(Some(owned(&me, 9, true)), &op(Guard::Owner(me.clone(), 9), Write::Delete));
    assert_eq!(row, owned(&me, 10, false));
}

#[test]
fn records_are_replaced_when_the_write_names_them() {
    let me = token(5, 2, 1, 1);
    let mut write = op(Guard::Owner(me.clone(), 9), Write::Delete);
    write.records = Some(Bytes::from_static(b"new"));
    assert_eq!(changed(Some(owned(&me, 9, true)), &write).records, Bytes::from_static(b"new"));
}

#[test]
fn rule_32_the_floor_refuses_who_owned_before() {
    let floor = Some(Floor { epoch: 5, holder: token(5, 2, 1, 1).holder });
    let ground = Ground { floor, version: 9 };
    let claim = |by: &Token| fence::claim(None, &ground, &id(), by).map_err(|error| error.kind);
    assert_eq!(claim(&token(4, 1, 1, 1)), Err(refused(5)), "below it");
    assert_eq!(claim(&token(5, 1, 1, 1)), Err(refused(5)), "another app at its epoch");
    assert_eq!(claim(&token(5, 2, 2, 1)), Err(refused(5)), "another life at its epoch");
    for by in [token(5, 2, 1, 7), token(6, 1, 1, 1)] {
        let row = claim(&by).unwrap();
        assert_eq!((row.token, row.version, row.exists), (Some(by), 10, false));
    }
    // A row that is there has its own head.
    let there = Some(owned(&token(3, 1, 1, 1), 2, true));
    assert!(fence::claim(there, &ground, &id(), &token(4, 1, 1, 1)).is_ok());
}

#[test]
fn rule_32_a_tombstone_goes_as_it_was_seen_and_a_row_does_not() {
    let me = token(5, 2, 1, 1);
    let forget = |row, guard| fence::write(row, &Ground::default(), &op(guard, Write::Forget));
    let guard = |version| Guard::Owner(me.clone(), version);
    let floor = Floor { epoch: 5, holder: me.holder.clone() };
    let gone = forget(Some(owned(&me, 9, false)), guard(9));
    assert_eq!(gone.unwrap(), Written::Removed(Some((me.lease.clone(), floor)), 9));
    assert_eq!(forget(None, guard(9)).unwrap(), Written::Repeated(9), "a copy");
    let free_one = forget(Some(free(3, false)), Guard::Version(3)).unwrap();
    assert_eq!(free_one, Written::Removed(None, 3), "of stateless writers");

    let kind = |row, guard| forget(Some(row), guard).unwrap_err().kind;
    assert_eq!(kind(owned(&me, 9, true), guard(9)), StoreErrorKind::Exists);
    assert_eq!(kind(owned(&me, 10, false), guard(9)), refused(5), "it was claimed again");
    assert_eq!(kind(owned(&token(6, 1, 1, 1), 9, false), guard(9)), refused(6));
    assert_eq!(kind(owned(&me, 9, false), Guard::Version(9)), refused(5), "it is owned");
    assert_eq!(kind(free(9, false), guard(9)), refused(0), "nobody owns it");
    assert_eq!(kind(free(9, false), Guard::Absent), StoreErrorKind::Invalid);
}

#[test]
fn rule_32_a_floor_never_goes_down() {
    let floor = |epoch, app| Floor { epoch, holder: token(epoch, app, 1, 1).holder };
    assert_eq!(Floor::raised(None, floor(5, 1)), floor(5, 1));
    assert_eq!(Floor::raised(Some(floor(5, 1)), floor(6, 2)), floor(6, 2));
    assert_eq!(Floor::raised(Some(floor(6, 2)), floor(5, 1)), floor(6, 2));
}
