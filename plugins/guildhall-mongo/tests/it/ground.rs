//! The server and the table of these tests, and short forms of requests.

use std::sync::atomic::{AtomicU64, Ordering};

use guildhall_core::store::{
    Batch, Column, Committed, Guard, Holder, Kind, Migrate, Op, Row, RowId, Store, StoreError,
    Table, Token, Value, Write,
};
use guildhall_core::{Env, Incarnation, Key};
use guildhall_mongo::{MongoStore, Settings};
use servers::MONGO;

/// Whether the test with this name can run.
pub(crate) fn is_there(test: &str) -> bool {
    servers::is_there(&MONGO, test)
}

/// A store on the server that tests share which do not disturb it, with a deadline that no busy machine misses.
pub(crate) async fn store(schema: &str) -> MongoStore {
    let url = format!("{}&schema={schema}&deadline_ms=600000", servers::shared(&MONGO).url());
    MongoStore::new(&Env::real(), Settings::parse(&url).await.unwrap()).unwrap()
}

/// The name of a database that no other test has.
pub(crate) fn fresh_schema() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!("g{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

pub(crate) const COUNT: u32 = 2;

pub(crate) const KEY: Column =
    Column { number: 1, name: "id", kind: Kind::Text, unique: false, index: false };

const fn count(index: bool) -> Column {
    Column { number: COUNT, name: "count", kind: Kind::Uint, unique: false, index }
}

pub(crate) static HERO: Table = Table { name: "hero", key: KEY, columns: &[count(false)] };

/// `HERO` of a later release, which has an index on the count.
pub(crate) static LATER: Table = Table { name: "hero", key: KEY, columns: &[count(true)] };

/// A store with the table, in a database of its own.
pub(crate) async fn prepared() -> MongoStore {
    let store = store(&fresh_schema()).await;
    store.prepare(&[&HERO], Migrate::Auto).await.unwrap();
    store
}

pub(crate) fn row(key: &str) -> RowId {
    RowId { table: &HERO, key: Key::from(key), sub: None }
}

pub(crate) fn token(epoch: u64, inst: u64, activation: u64) -> Token {
    let app = format!("test.w1.hero.{inst}").parse().unwrap();
    let holder = Holder { app, incarnation: Incarnation(1) };
    Token { lease: "hero/1".into(), epoch, holder, activation }
}

pub(crate) fn batch(key: &str, guard: Guard, write: Write) -> Batch {
    Batch { ops: vec![Op { row: row(key), guard, write, records: None, keep_ms: 0 }] }
}

pub(crate) fn counted(count: u64) -> Vec<(u32, Value)> {
    vec![(COUNT, Value::Uint(count))]
}

pub(crate) async fn commit(store: &impl Store, batch: Batch) -> Result<Committed, StoreError> {
    store.commit(vec![batch]).await.remove(0)
}

pub(crate) async fn read(store: &impl Store, key: &str) -> Option<Row> {
    store.read(&[row(key)]).await.unwrap().remove(0)
}
