//! Requests for one row that come at the same time.

use futures_util::future::join_all;
use guildhall_core::store::{Committed, Guard, Row, Store as _, StoreErrorKind, Write};

use crate::ground::{batch, commit, counted, is_there, prepared, read, row, token};

/// How many come at the same time.
const MANY: u64 = 12;

#[tokio::test(flavor = "multi_thread")]
async fn of_writes_on_one_version_at_once_one_is_done() {
    if !is_there("at_once::of_writes_on_one_version_at_once_one_is_done") {
        return;
    }
    let store = prepared().await;
    let create = batch("1", Guard::Absent, Write::Create(counted(0)));
    assert_eq!(commit(&store, create).await, Ok(Committed { versions: vec![1] }));
    for version in 1..=5 {
        let writes = (0..MANY).map(|n| {
            let write = Write::Update(counted(version * 1000 + n));
            commit(&store, batch("1", Guard::Version(version), write))
        });
        let done = join_all(writes).await;
        let winners: Vec<usize> = (0..done.len()).filter(|at| done[*at].is_ok()).collect();
        assert_eq!(winners.len(), 1, "{done:?}");
        for lost in done.into_iter().filter_map(Result::err) {
            assert_eq!(lost.kind, StoreErrorKind::Refused { row_epoch: 0 }, "{lost}");
        }
        let row = read(&store, "1").await.unwrap();
        let count = version * 1000 + u64::try_from(winners[0]).unwrap();
        assert_eq!((row.version, row.fields), (version + 1, counted(count)), "that of the winner");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_many_create_at_once_is_made_by_one() {
    if !is_there("at_once::a_row_that_many_create_at_once_is_made_by_one") {
        return;
    }
    let store = prepared().await;
    for key in ["1", "2", "3"] {
        let creates =
            (0..MANY).map(|n| commit(&store, batch(key, Guard::Absent, Write::Create(counted(n)))));
        let done = join_all(creates).await;
        let made = done.iter().filter(|done| done.is_ok()).count();
        assert_eq!(made, 1, "{done:?}");
        for lost in done.into_iter().filter_map(Result::err) {
            assert_eq!(lost.kind, StoreErrorKind::Exists, "{lost}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn claims_at_once_count_one_version_each_and_the_last_one_owns_the_row() {
    if !is_there("at_once::claims_at_once_count_one_version_each_and_the_last_one_owns_the_row") {
        return;
    }
    let store = prepared().await;
    let rows = [row("1")];
    let claims = (0..MANY).map(|n| store.claim(&rows, token(5, 1, n)));
    let claimed: Vec<Row> =
        join_all(claims).await.into_iter().map(|rows| rows.unwrap().remove(0)).collect();
    let mut versions: Vec<u64> = claimed.iter().map(|row| row.version).collect();
    versions.sort_unstable();
    assert_eq!(versions, (1..=MANY).collect::<Vec<_>>());
    let last = claimed.into_iter().find(|row| row.version == MANY);
    assert_eq!(read(&store, "1").await, last);
}

/// An owner of before, who claims while the row is deleted and its tombstone removed, either was there before that or is refused.
#[tokio::test(flavor = "multi_thread")]
async fn a_claim_beside_the_removal_of_the_row_is_above_its_floor() {
    if !is_there("at_once::a_claim_beside_the_removal_of_the_row_is_above_its_floor") {
        return;
    }
    let store = prepared().await;
    let mut epoch = 1;
    for round in 0..10 {
        let key = format!("{}", round % 2);
        let rows = [row(&key)];
        let new = token(epoch + 1, 2, round);
        let cycle = async {
            let mut version = store.claim(&rows, new.clone()).await.unwrap()[0].version;
            for write in [Write::Create(counted(1)), Write::Delete, Write::Forget] {
                let owner = Guard::Owner(new.clone(), version);
                version = commit(&store, batch(&key, owner, write)).await.unwrap().versions[0];
            }
            version
        };
        let old = store.claim(&rows, token(epoch, 1, round));
        let (removed, old) = futures_util::join!(cycle, old);
        if let Err(refused) = &old {
            let kind = StoreErrorKind::Refused { row_epoch: epoch + 1 };
            assert_eq!(refused.kind, kind, "{refused}");
        }
        let left = read(&store, &key).await;
        assert_eq!(left, None, "the old owner claimed {old:?} what was removed");
        // Refused at the floor, whoever asks, and later versions above it.
        let late = store.claim(&rows, token(epoch, 1, 99)).await.unwrap_err();
        assert_eq!(late.kind, StoreErrorKind::Refused { row_epoch: epoch + 1 }, "{late}");
        epoch += 2;
        let again = store.claim(&rows, token(epoch, 1, round)).await.unwrap();
        assert!(again[0].version > removed, "{again:?} after {removed}");
    }
}
