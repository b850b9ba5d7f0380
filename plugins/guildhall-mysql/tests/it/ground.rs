//! The server and the table of these tests, and short forms of requests.

use std::sync::atomic::{AtomicU64, Ordering};

use guildhall_core::store::{
    Batch, Column, Committed, Guard, Holder, Kind, Op, Row, RowId, Store, StoreError, Table, Token,
    Value, Write,
};
use guildhall_core::{Env, Incarnation, Key};
use guildhall_mysql::{MySqlStore, Settings};
use servers::{MYSQL, Server};

/// A deadline that no busy machine misses.
pub(crate) const PATIENT: &str = "&deadline_ms=60000";

/// Whether the test with this name can run.
pub(crate) fn is_there(test: &str) -> bool {
    servers::is_there(&MYSQL, test)
}

/// The server that tests share which do not disturb it.
pub(crate) fn shared() -> &'static Server {
    servers::shared(&MYSQL)
}

/// A store there, in a database which it makes.
pub(crate) fn store(schema: &str) -> MySqlStore {
    store_on(shared(), schema, PATIENT)
}

/// A store on a server.
pub(crate) fn store_on(server: &Server, schema: &str, options: &str) -> MySqlStore {
    let url = format!("{}?schema={schema}{options}", server.url());
    MySqlStore::new(&Env::real(), Settings::parse(&url).unwrap())
}

/// The name of a database that no other test has.
pub(crate) fn fresh_schema() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!("g{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

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

pub(crate) fn token() -> Token {
    let app = "test.w1.hero.1".parse().unwrap();
    let holder = Holder { app, incarnation: Incarnation(u64::MAX) };
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
