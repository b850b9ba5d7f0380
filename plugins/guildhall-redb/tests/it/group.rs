//! Group commit: writes that wait together share a transaction, and nothing else.

use std::ops::Range;

use futures_util::future::join_all;
use guildhall_core::store::{
    Batch, Column, Guard, Holder, Kind, Migrate, Op, RowId, Store as _, StoreErrorKind, Table,
    Token, Value, Write,
};
use guildhall_core::{Env, Incarnation, Key};
use guildhall_redb::{RedbStore, Settings};

const fn column(number: u32, name: &'static str, unique: bool) -> Column {
    Column { number, name, kind: Kind::Text, unique, index: false }
}

pub(crate) static ROLE: Table =
    Table { name: "role", key: column(1, "id", false), columns: &[column(2, "name", true)] };

static ROLE_BEFORE: Table =
    Table { name: "role", key: column(1, "id", false), columns: &[column(2, "name", false)] };

pub(crate) fn token() -> Token {
    let app = "test.w1.role.1".parse().unwrap();
    let holder = Holder { app, incarnation: Incarnation(1) };
    Token { lease: "role/1".into(), epoch: 1, holder, activation: 1 }
}

/// Rows, and a batch that creates each once it is claimed.
pub(crate) fn commits(numbers: Range<u32>) -> (Vec<RowId>, Vec<Batch>) {
    let rows: Vec<RowId> =
        numbers.map(|n| RowId { table: &ROLE, key: Key::from(n.to_string()), sub: None }).collect();
    let batches = rows.iter().map(|row| Batch { ops: vec![create(row, row.key.as_str())] });
    (rows.clone(), batches.collect())
}

fn create(row: &RowId, name: &str) -> Op {
    Op {
        row: row.clone(),
        guard: Guard::Owner(token(), 1),
        write: Write::Create(vec![(2, Value::Text(name.to_owned()))]),
        records: None,
        keep_ms: 0,
    }
}

async fn opened(group: usize) -> (tempfile::TempDir, RedbStore) {
    let dir = tempfile::tempdir().unwrap();
    let settings = Settings { group, ..Settings::new(dir.path()) };
    let store = RedbStore::open(&Env::real(), settings).await.unwrap();
    store.prepare(&[&ROLE], Migrate::Auto).await.unwrap();
    (dir, store)
}

#[tokio::test]
async fn concurrent_claims_and_commits_share_transactions() {
    let (_dir, store) = opened(256).await;
    let (rows, batches) = commits(0..200);
    let before = store.transactions();
    let claims = join_all(rows.iter().map(|row| store.claim(std::slice::from_ref(row), token())));
    assert!(claims.await.iter().all(Result::is_ok));
    let writes = join_all(batches.into_iter().map(|batch| store.commit(vec![batch])));
    assert!(writes.await.iter().flatten().all(Result::is_ok));
    let used = store.transactions() - before;
    assert!(used < 20, "400 writes took {used} transactions");
}

#[tokio::test]
async fn a_group_is_bounded() {
    let (_dir, store) = opened(10).await;
    let (rows, _) = commits(0..100);
    let before = store.transactions();
    let claims = join_all(rows.iter().map(|row| store.claim(std::slice::from_ref(row), token())));
    assert!(claims.await.iter().all(Result::is_ok));
    let used = store.transactions() - before;
    assert!(used >= 10, "100 writes in groups of 10 took {used} transactions");
}

#[tokio::test]
async fn a_refused_batch_does_not_touch_the_others_of_its_group() {
    let (_dir, store) = opened(256).await;
    let (rows, mut batches) = commits(0..20);
    store.claim(&rows, token()).await.unwrap();
    // Its first write is fine, its second takes a name that another batch of the group took.
    let taken = create(&rows[19], "3");
    batches[10].ops.push(taken);
    batches.truncate(19);
    let writes = join_all(batches.into_iter().map(|batch| store.commit(vec![batch]))).await;
    let failed: Vec<usize> =
        writes.iter().enumerate().filter(|(_, done)| done[0].is_err()).map(|(n, _)| n).collect();
    assert_eq!(failed, [10]);
    assert_eq!(writes[10][0].as_ref().unwrap_err().kind, StoreErrorKind::Exists);
    let kept = store.read(&rows).await.unwrap();
    let exists: Vec<bool> = kept.iter().flatten().map(|row| row.exists).collect();
    assert_eq!(exists, (0..20).map(|n| n != 10 && n != 19).collect::<Vec<_>>());
}

#[tokio::test]
async fn refusals_need_no_transaction() {
    let (_dir, store) = opened(256).await;
    let before = store.transactions();
    let (_, batches) = commits(0..5);
    assert!(store.commit(batches).await.iter().all(Result::is_err));
    assert_eq!(store.transactions(), before);
}

#[tokio::test]
async fn a_write_whose_caller_went_away_is_done() {
    let (_dir, store) = opened(256).await;
    let (rows, _) = commits(0..1);
    let mut claim = store.claim(&rows, token());
    // One poll lets it into the queue.
    assert!(futures_util::poll!(&mut claim).is_pending());
    drop(claim);
    let (others, _) = commits(1..2);
    store.claim(&others, token()).await.unwrap();
    assert!(store.read(&rows).await.unwrap()[0].is_some());
}

#[tokio::test]
async fn a_full_queue_is_an_error_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let settings = Settings { queue: 1, ..Settings::new(dir.path()) };
    let store = RedbStore::open(&Env::real(), settings).await.unwrap();
    store.prepare(&[&ROLE], Migrate::Auto).await.unwrap();
    let ((first, _), (second, _)) = (commits(0..1), commits(1..2));
    let mut waiting = store.claim(&first, token());
    assert!(futures_util::poll!(&mut waiting).is_pending());
    let error = store.claim(&second, token()).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Unavailable);
    assert!(error.to_string().contains("(queue)"), "{error}");
    waiting.await.unwrap();
}

#[tokio::test]
async fn a_column_that_becomes_unique_counts_rows_that_were_there() {
    let dir = tempfile::tempdir().unwrap();
    let store = RedbStore::open(&Env::real(), Settings::new(dir.path())).await.unwrap();
    store.prepare(&[&ROLE_BEFORE], Migrate::Auto).await.unwrap();
    let (mut rows, _) = commits(0..3);
    rows.iter_mut().for_each(|row| row.table = &ROLE_BEFORE);
    store.claim(&rows, token()).await.unwrap();
    let put = |n: usize, name| store.commit(vec![Batch { ops: vec![create(&rows[n], name)] }]);
    assert!(put(0, "ann").await[0].is_ok() && put(1, "bob").await[0].is_ok());
    store.prepare(&[&ROLE], Migrate::Auto).await.unwrap();

    let (mut rows, _) = commits(2..3);
    let late = Batch { ops: vec![create(&rows.remove(0), "ann")] };
    let error = store.commit(vec![late]).await.remove(0).unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Exists);
    assert!(error.to_string().contains("`name`"), "{error}");
}

#[tokio::test]
async fn values_that_are_there_twice_cannot_become_unique() {
    let dir = tempfile::tempdir().unwrap();
    let store = RedbStore::open(&Env::real(), Settings::new(dir.path())).await.unwrap();
    store.prepare(&[&ROLE_BEFORE], Migrate::Auto).await.unwrap();
    let (mut rows, _) = commits(0..2);
    rows.iter_mut().for_each(|row| row.table = &ROLE_BEFORE);
    store.claim(&rows, token()).await.unwrap();
    let both = rows.iter().map(|row| Batch { ops: vec![create(row, "ann")] }).collect();
    assert!(store.commit(both).await.iter().all(Result::is_ok));
    let error = store.prepare(&[&ROLE], Migrate::Auto).await.unwrap_err();
    assert!(error.to_string().contains("`name`"), "{error}");
    store.prepare(&[&ROLE_BEFORE], Migrate::Auto).await.unwrap();
}
