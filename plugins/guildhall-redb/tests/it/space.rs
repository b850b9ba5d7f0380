//! The space of deleted rows goes back to the file system, and what is left stays as it was.

use std::path::Path;
use std::time::Duration;

use guildhall_core::Env;
use guildhall_core::store::{Batch, Guard, Migrate, Op, Row, RowId, Store as _, Value, Write};
use guildhall_redb::{RedbStore, Settings};

use crate::group::{ROLE, token};

/// Rows of 100 KB, of which one in ten stays.
const ROWS: u32 = 100;
const ROW_BYTES: usize = 100_000;
const MIB: u64 = 1 << 20;
/// An hour, which is how often a file is compacted, and a minute more.
const LATER_NS: i64 = 3_660_000_000_000;

fn settings(folder: &Path) -> Settings {
    Settings { compact_mb: 1, ..Settings::new(folder) }
}

fn rows() -> Vec<RowId> {
    let row = |n: u32| RowId { table: &ROLE, key: n.to_string().into(), sub: None };
    (0..ROWS).map(row).collect()
}

async fn write(store: &RedbStore, rows: &[RowId], version: u64, write: impl Fn(&RowId) -> Write) {
    for rows in rows.chunks(20) {
        let op = |row: &RowId| Op {
            row: row.clone(),
            guard: Guard::Owner(token(), version),
            write: write(row),
            records: None,
            keep_ms: 0,
        };
        let batches = rows.iter().map(|row| Batch { ops: vec![op(row)] }).collect();
        let done = store.commit(batches).await;
        assert!(done.iter().all(Result::is_ok), "{done:?}");
    }
}

/// A store that had many rows, of which few are left, and those.
async fn emptied(env: &Env, folder: &Path) -> (RedbStore, Vec<RowId>, Vec<Option<Row>>) {
    let store = RedbStore::open(env, settings(folder)).await.unwrap();
    store.prepare(&[&ROLE], Migrate::Auto).await.unwrap();
    let rows = rows();
    store.claim(&rows, token()).await.unwrap();
    let name = |row: &RowId| format!("{} {}", row.key, "x".repeat(ROW_BYTES));
    write(&store, &rows, 1, |row| Write::Create(vec![(2, Value::Text(name(row)))])).await;
    let (left, gone): (Vec<_>, Vec<_>) =
        rows.into_iter().partition(|row| row.key.as_str().ends_with('7'));
    write(&store, &gone, 2, |_| Write::Delete).await;
    write(&store, &gone, 3, |_| Write::Forget).await;
    let kept = store.read(&left).await.unwrap();
    (store, left, kept)
}

fn size(folder: &Path) -> u64 {
    std::fs::metadata(folder.join("guildhall.redb")).unwrap().len()
}

#[tokio::test]
async fn a_file_of_deleted_rows_is_small_again_when_it_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let env = Env::real();
    let (store, left, kept) = emptied(&env, folder.path()).await;
    drop(store);
    let before = size(folder.path());
    assert!(before > 15 * MIB, "{before}");
    let begun = env.now();
    let store = RedbStore::open(&env, settings(folder.path())).await.unwrap();
    let (after, took) = (size(folder.path()), env.now().saturating_duration_since(begun));
    assert!(after < 6 * MIB, "from {before} to {after} bytes, with 2 MB of rows in it");
    assert!(took < Duration::from_secs(10), "{took:?} for {before} bytes");
    assert_eq!(store.read(&left).await.unwrap(), kept);
}

#[tokio::test]
async fn a_file_of_deleted_rows_is_small_again_within_an_hour_while_it_is_open() {
    let folder = tempfile::tempdir().unwrap();
    let env = Env::real();
    let (store, left, kept) = emptied(&env, folder.path()).await;
    let before = size(folder.path());
    store.probe().await.unwrap();
    assert!(size(folder.path()) >= before, "not before the hour is over");
    env.set_skew(LATER_NS);
    // The file is compacted behind the first write, and the second waits for that.
    let begun = env.now();
    store.probe().await.unwrap();
    store.probe().await.unwrap();
    let (after, took) = (size(folder.path()), env.now().saturating_duration_since(begun));
    // The second write has made it grow again, by as much as it had.
    assert!(after < 12 * MIB, "from {before} to {after} bytes, with 2 MB of rows in it");
    assert!(took < Duration::from_secs(10), "{took:?} for {before} bytes");
    assert_eq!(store.read(&left).await.unwrap(), kept);
}

#[tokio::test]
async fn a_file_below_compact_mb_is_not_compacted_and_none_is_with_0() {
    let folder = tempfile::tempdir().unwrap();
    let (store, ..) = emptied(&Env::real(), folder.path()).await;
    drop(store);
    let before = size(folder.path());
    let never = Settings { compact_mb: 0, ..settings(folder.path()) };
    let store = RedbStore::open(&Env::real(), never).await.unwrap();
    assert!(size(folder.path()) > before / 2);
    drop(store);
    let larger = Settings { compact_mb: 1024, ..settings(folder.path()) };
    let _store = RedbStore::open(&Env::real(), larger).await.unwrap();
    assert!(size(folder.path()) > before / 2);
}
