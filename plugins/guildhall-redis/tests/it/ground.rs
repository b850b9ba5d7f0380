//! The table of these tests, and short forms of requests.

use guildhall_core::store::{
    Batch, Column, Committed, Guard, Holder, Kind, Op, Row, RowId, Store, StoreError, Table, Token,
    Value, Write,
};
use guildhall_core::{Incarnation, Key};

pub(crate) const NAME: u32 = 2;
pub(crate) const COUNT: u32 = 3;

pub(crate) static HERO: Table = Table {
    name: "hero",
    key: Column { number: 1, name: "id", kind: Kind::Text, unique: false, index: false },
    columns: &[
        Column { number: NAME, name: "name", kind: Kind::Text, unique: true, index: false },
        Column { number: COUNT, name: "count", kind: Kind::Uint, unique: false, index: true },
    ],
};

pub(crate) fn row(key: &str) -> RowId {
    RowId { table: &HERO, key: Key::from(key), sub: None }
}

pub(crate) fn holder(inst: u64, life: u64) -> Holder {
    let app = format!("test.w1.hero.{inst}").parse().unwrap();
    Holder { app, incarnation: Incarnation(life) }
}

/// The largest numbers that there are: none of them fits into a number of Lua.
pub(crate) fn token() -> Token {
    let holder = holder(1, u64::MAX);
    Token { lease: "hero/1".into(), epoch: u64::MAX, holder, activation: u64::MAX }
}

pub(crate) fn batch(key: &str, guard: Guard, write: Write) -> Batch {
    Batch { ops: vec![Op { row: row(key), guard, write, records: None, keep_ms: 0 }] }
}

pub(crate) fn named(name: &str) -> Vec<(u32, Value)> {
    vec![(NAME, Value::Text(name.to_owned()))]
}

pub(crate) async fn commit(store: &impl Store, batch: Batch) -> Result<Committed, StoreError> {
    store.commit(vec![batch]).await.remove(0)
}

pub(crate) async fn read(store: &impl Store, key: &str) -> Option<Row> {
    store.read(&[row(key)]).await.unwrap().remove(0)
}
