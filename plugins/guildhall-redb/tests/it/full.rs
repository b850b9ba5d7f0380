//! A full disk: known for what it is, nothing half written, and over as soon as there is room again.

use guildhall_core::Env;
use guildhall_core::store::{
    Batch, Committed, Guard, Migrate, Op, RowId, Store as _, StoreErrorKind, Value, Write,
};
use guildhall_redb::{RedbStore, Settings};
use guildhall_testkit::SmallDisk;

use crate::group::{ROLE, token};

fn row(key: &str) -> RowId {
    RowId { table: &ROLE, key: key.into(), sub: None }
}

fn large(key: &str) -> Vec<Batch> {
    let op = Op {
        row: row(key),
        guard: Guard::Owner(token(), 1),
        write: Write::Create(vec![(2, Value::Text(key.repeat(300_000)))]),
        records: None,
        keep_ms: 0,
    };
    vec![Batch { ops: vec![op] }]
}

#[tokio::test]
async fn a_full_disk_is_unavailable_nothing_is_written_and_it_is_over_when_there_is_room() {
    const TEST: &str =
        "full::a_full_disk_is_unavailable_nothing_is_written_and_it_is_over_when_there_is_room";
    let Some(disk) = SmallDisk::of(TEST, 4) else { return };
    let store = RedbStore::open(&Env::real(), Settings::new(disk.path())).await.unwrap();
    store.prepare(&[&ROLE], Migrate::Auto).await.unwrap();
    store.claim(&[row("a"), row("b")], token()).await.unwrap();
    store.commit(large("a")).await.remove(0).unwrap();
    let filler = disk.fill();
    for _ in 0..3 {
        let error = store.commit(large("b")).await.remove(0).unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::Unavailable, "its fate is known: {error}");
        let probed = store.probe().await.map_err(|error| error.kind);
        assert_eq!(probed, Err(StoreErrorKind::Unavailable), "a probe finds out too");
        let rows = store.read(&[row("a"), row("b")]).await.unwrap();
        let there: Vec<bool> = rows.iter().flatten().map(|row| row.exists).collect();
        assert_eq!(there, [true, false], "what is read is what was committed");
    }
    drop(filler);
    assert_eq!(store.probe().await, Ok(()));
    let done = store.commit(large("b")).await.remove(0);
    assert_eq!(done, Ok(Committed { versions: vec![2] }), "the very same write");
}
