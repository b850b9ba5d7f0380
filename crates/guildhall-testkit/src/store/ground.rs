//! The fixture of the rules: a table, rows, tokens, and short forms of requests to a store.

use guildhall_core::store::{
    Batch, Column, Committed, Guard, Holder, Kind, Migrate, Op, Row, RowId, Store, StoreError,
    StoreErrorKind, Table, Token, Value, Write,
};
use guildhall_core::{Incarnation, Key};

pub(super) const fn column(number: u32, name: &'static str, kind: Kind, unique: bool) -> Column {
    Column { number, name, kind, unique, index: false }
}

pub(super) const fn indexed(number: u32, name: &'static str, kind: Kind) -> Column {
    Column { number, name, kind, unique: false, index: true }
}

pub(super) const KEY: Column = column(1, "id", Kind::Text, false);
pub(super) const NAME: u32 = 2;
pub(super) const POWER: u32 = 3;
pub(super) const HANDLE: u32 = 4;

/// The table of the rules.
pub(super) static ROLE: Table = Table {
    name: "contract_role",
    key: KEY,
    columns: &[
        column(NAME, "name", Kind::Text, false),
        indexed(POWER, "power", Kind::Int),
        column(HANDLE, "handle", Kind::Text, true),
    ],
};

pub(super) async fn opened<T: Store>(open: &impl AsyncFn() -> T) -> T {
    let store = open().await;
    store.prepare(&[&ROLE], Migrate::Auto).await.expect("an empty store takes any table");
    store
}

pub(super) fn row(key: &str) -> RowId {
    RowId { table: &ROLE, key: Key::from(key), sub: None }
}

/// What a grant with `epoch` writes under: app 1 in its first life, first activation.
pub(super) fn token(epoch: u64) -> Token {
    token_of(epoch, 1, 1, 1)
}

pub(super) fn token_of(epoch: u64, app: u64, life: u64, activation: u64) -> Token {
    let app = format!("test.w1.role.{app}").parse().expect("four labels");
    let holder = Holder { app, incarnation: Incarnation(life) };
    Token { lease: "contract/1".into(), epoch, holder, activation }
}

pub(super) fn text(number: u32, value: &str) -> (u32, Value) {
    (number, Value::Text(value.to_owned()))
}

pub(super) fn int(number: u32, value: i64) -> (u32, Value) {
    (number, Value::Int(value))
}

pub(super) fn op(key: &str, guard: Guard, write: Write) -> Op {
    Op { row: row(key), guard, write, records: None, keep_ms: 0 }
}

pub(super) async fn claim(store: &dyn Store, key: &str, by: &Token) -> Result<Row, StoreError> {
    let mut rows = store.claim(&[row(key)], by.clone()).await?;
    assert_eq!(rows.len(), 1, "a claim answers one row per row");
    Ok(rows.remove(0))
}

pub(super) async fn commit(store: &dyn Store, op: Op) -> Result<Committed, StoreError> {
    let mut done = store.commit(vec![Batch { ops: vec![op] }]).await;
    assert_eq!(done.len(), 1, "a commit answers one result per batch");
    done.remove(0)
}

pub(super) async fn read(store: &dyn Store, key: &str) -> Option<Row> {
    let mut rows = store.read(&[row(key)]).await.expect("the store is there");
    assert_eq!(rows.len(), 1, "a read answers one row per row");
    rows.remove(0)
}

/// A row that `by` has claimed and created: it has version 2.
pub(super) async fn created(store: &dyn Store, key: &str, by: &Token, fields: Vec<(u32, Value)>) {
    assert_eq!(claim(store, key, by).await.expect("the row is new").version, 1);
    let create = op(key, Guard::Owner(by.clone(), 1), Write::Create(fields));
    assert_eq!(commit(store, create).await, Ok(Committed { versions: vec![2] }));
}

pub(super) fn refused(row_epoch: u64) -> StoreErrorKind {
    StoreErrorKind::Refused { row_epoch }
}

pub(super) fn kind_of<T: std::fmt::Debug>(result: Result<T, StoreError>) -> StoreErrorKind {
    result.expect_err("the store must not do this").kind
}
