//! Faults of a store's server.

use std::sync::Arc;

use guildhall_core::Env;
use guildhall_core::store::{
    Batch, Column, Committed, Guard, Kind, Migrate, Op, Row, RowId, Store, StoreError,
    StoreErrorKind, Table, Token, Value, Write,
};

use super::ground::{SLOW, STILL, Still, Vendor, answer, holder, until_it_works};

const NAME: u32 = 2;

pub(super) static HERO: Table = Table {
    name: "hero",
    key: Column { number: 1, name: "id", kind: Kind::Text, unique: false, index: false },
    columns: &[Column {
        number: NAME,
        name: "name",
        kind: Kind::Text,
        unique: false,
        index: false,
    }],
};

fn a_row() -> RowId {
    RowId { table: &HERO, key: "1".into(), sub: None }
}

fn token() -> Token {
    Token { lease: "hero/1".into(), epoch: 1, holder: holder(1), activation: 1 }
}

/// The owner's write on that version.
fn save(version: u64, name: &str) -> Batch {
    let write = if version == 1 { Write::Create } else { Write::Update };
    let write = write(vec![(NAME, Value::Text(name.to_owned()))]);
    let guard = Guard::Owner(token(), version);
    Batch { ops: vec![Op { row: a_row(), guard, write, records: None, keep_ms: 0 }] }
}

async fn commit(store: &dyn Store, batch: &Batch) -> Result<Committed, StoreError> {
    let done = answer(store.commit(vec![batch.clone()])).await.remove(0);
    if let Err(error) = &done {
        let says = matches!(error.kind, StoreErrorKind::Unavailable | StoreErrorKind::Unknown);
        assert!(says, "{:?}: {error}", error.kind);
    }
    done
}

async fn claim(store: &dyn Store) -> Row {
    let claim = async || store.claim(&[a_row()], token()).await;
    until_it_works(claim).await.remove(0)
}

/// Writes until it is acknowledged; its version is the next one, however often that took.
async fn write(store: &dyn Store, version: u64, name: &str) {
    let batch = save(version, name);
    let done = until_it_works(async || commit(store, &batch).await).await;
    assert_eq!(done.versions, [version + 1]);
}

/// It is not there at the start, killed and started again, and stands still for ten seconds.
pub async fn a_store_outlives_its_server(vendor: Vendor) {
    let (mut server, place) = (vendor.server(), vendor.place());
    let store = place.open(&server.address()).await.store.unwrap();
    let error = answer(store.read(&[a_row()])).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Unavailable, "{error}");

    server.start();
    until_it_works(async || store.prepare(&[&HERO], Migrate::Auto).await).await;
    claim(&*store).await;
    write(&*store, 1, "ann").await;

    server.kill();
    let error = commit(&*store, &save(2, "bob")).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Unavailable, "nobody was there: {error}");
    server.start();
    let kept = until_it_works(async || store.read(&[a_row()]).await).await.remove(0).unwrap();
    assert_eq!((kept.version, kept.token), (2, Some(token())), "what was acknowledged is there");
    write(&*store, 2, "bob").await;

    let still = Still::stand(&server);
    let env = Env::real();
    let end = env.now() + STILL;
    while env.now() < end {
        commit(&*store, &save(3, "cat")).await.expect_err("a server that stands still answered");
    }
    drop(still);
    write(&*store, 3, "cat").await;
    assert_eq!(store.read(&[a_row()]).await.unwrap()[0].as_ref().unwrap().version, 4);
}

/// Each answer in turn ends in its middle, and what is written again is written once.
pub async fn a_store_survives_cut_answers(vendor: Vendor) {
    let (proxy, place) = (vendor.proxy(), vendor.place());
    let direct = place.open(&crate::shared(vendor.recipe).address()).await.store.unwrap();
    let store: Arc<dyn Store> = place.open(&proxy.address()).await.store.unwrap();
    until_it_works(async || store.prepare(&[&HERO], Migrate::Auto).await).await;
    claim(&*store).await;
    for version in 1..=12 {
        proxy.cut_next_answer(usize::try_from(version).unwrap() % 4);
        write(&*store, version, "ann").await;
        let seen = direct.read(&[a_row()]).await.unwrap().remove(0).unwrap();
        assert_eq!(seen.version, version + 1, "it was written once");
    }
}

/// 200 ms each way.
pub async fn a_store_works_slowly(vendor: Vendor) {
    let (proxy, place) = (vendor.proxy(), vendor.place());
    let store = place.open(&proxy.address()).await.store.unwrap();
    until_it_works(async || store.prepare(&[&HERO], Migrate::Auto).await).await;
    claim(&*store).await;
    proxy.set_delay(SLOW);
    let done = until_it_works(async || commit(&*store, &save(1, "ann")).await).await;
    assert_eq!(done.versions, [2]);
    // Now it is connected, however many answers that takes.
    assert_eq!(commit(&*store, &save(2, "bob")).await.unwrap().versions, [3]);
}
