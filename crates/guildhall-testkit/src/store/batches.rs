//! Rules of batches, unique columns and restarts.

use guildhall_core::Key;
use guildhall_core::store::{
    Batch, BatchReach, Committed, Guard, Op, Store, StoreErrorKind, Write,
};

use super::ground::{
    HANDLE, NAME, POWER, ROLE, claim, commit, created, int, kind_of, op, opened, read, refused,
    row, text, token,
};
use super::queries::with_power;

/// Rule 6.
pub async fn a_batch_is_all_or_nothing<T: Store>(open: impl AsyncFn() -> T) {
    let store = opened(&open).await;
    let reach = store.capabilities().batch;
    let rows = match reach {
        BatchReach::Any => [row("1"), row("2")],
        BatchReach::Owner | BatchReach::Row => {
            let mut second = row("1");
            second.sub = Some(Key::from("a"));
            [row("1"), second]
        }
    };
    store.claim(&rows[..1], token(5)).await.expect("nobody has it");
    store.claim(&rows[1..], token(5)).await.expect("nobody has it");
    let batch = |second_version| {
        let versions = [1, second_version];
        let ops = rows.iter().zip(versions).map(|(row, version)| Op {
            row: row.clone(),
            guard: Guard::Owner(token(5), version),
            write: Write::Create(vec![text(NAME, "ann")]),
            records: None,
            keep_ms: 0,
        });
        vec![Batch { ops: ops.collect() }]
    };
    if reach == BatchReach::Row {
        let done = store.commit(batch(1)).await.remove(0);
        assert_eq!(kind_of(done), StoreErrorKind::Invalid, "two rows are beyond its reach");
        return;
    }
    let half = store.commit(batch(7)).await.remove(0);
    assert_eq!(kind_of(half), refused(5));
    let after = store.read(&rows).await.expect("the store is there");
    assert!(after.iter().flatten().all(|row| row.version == 1 && !row.exists), "{after:?}");

    let both = Ok(Committed { versions: vec![2, 2] });
    for _ in 0..2 {
        let done = store.commit(batch(1)).await;
        assert_eq!(done, std::slice::from_ref(&both), "also when sent again");
    }

    // One row has its write already, the other is new: this is not the batch that was written.
    let mut half = batch(2);
    half[0].ops[1].write = Write::Update(vec![text(NAME, "bob")]);
    assert_eq!(kind_of(store.commit(half).await.remove(0)), refused(5));

    for wrong in misfits(&batch(1)[0], reach) {
        let done = store.commit(vec![wrong]).await.remove(0);
        assert_eq!(kind_of(done), StoreErrorKind::Invalid);
    }
}

/// Batches that no store with this reach takes.
fn misfits(two: &Batch, reach: BatchReach) -> Vec<Batch> {
    let empty = Batch { ops: Vec::new() };
    let mut twice = two.clone();
    twice.ops[1].row = twice.ops[0].row.clone();
    let mut far = two.clone();
    far.ops[1].row = row("2");
    if reach == BatchReach::Owner { vec![empty, twice, far] } else { vec![empty, twice] }
}

/// Rule 10.
pub async fn batches_of_one_commit_succeed_and_fail_each_for_itself<T: Store>(
    open: impl AsyncFn() -> T,
) {
    let store = opened(&open).await;
    store.claim(&[row("1"), row("2"), row("3")], token(5)).await.expect("nobody has them");
    let create = |key, epoch| {
        let write = Write::Create(vec![text(NAME, key)]);
        Batch { ops: vec![op(key, Guard::Owner(token(epoch), 1), write)] }
    };
    let done = store.commit(vec![create("1", 5), create("2", 4), create("3", 5)]).await;
    let kinds: Vec<_> = done.into_iter().map(|done| done.map_err(|e| e.kind)).collect();
    let one = Ok(Committed { versions: vec![2] });
    assert_eq!(kinds, [one.clone(), Err(refused(5)), one]);
    assert_eq!(read(&store, "2").await.map(|row| row.exists), Some(false));
    assert_eq!(read(&store, "3").await.map(|row| row.exists), Some(true));
    assert_eq!(store.commit(Vec::new()).await, []);
}

/// Rule 16.
pub async fn committed_rows_survive_a_restart<T: Store>(open: impl AsyncFn() -> T) {
    let store = opened(&open).await;
    let durable = store.capabilities().durable;
    created(&store, "1", &token(5), vec![text(NAME, "ann"), int(POWER, 7)]).await;
    claim(&store, "2", &token(5)).await.expect("nobody has it");
    let before = (read(&store, "1").await, read(&store, "2").await);
    drop(store);

    let store = opened(&open).await;
    let after = (read(&store, "1").await, read(&store, "2").await);
    if durable {
        assert_eq!(after, before);
        assert_eq!(kind_of(claim(&store, "2", &token(4)).await), refused(5), "fences too");
        assert_eq!(with_power(&store, &ROLE, 7).await, ["1"], "indexes too");
    } else {
        assert_eq!(after, (None, None), "the store says that it keeps nothing");
    }
}

/// Rule 17.
pub async fn a_unique_value_is_taken_once<T: Store>(open: impl AsyncFn() -> T) {
    let store = opened(&open).await;
    let taken = if store.capabilities().unique {
        Err(StoreErrorKind::Exists)
    } else {
        Ok(Committed { versions: vec![2] })
    };
    let put = async |key, version, handle| {
        let field = vec![text(HANDLE, handle)];
        let write = if version == 1 { Write::Create(field) } else { Write::Update(field) };
        let done = commit(&store, op(key, Guard::Owner(token(5), version), write)).await;
        done.map_err(|error| {
            let named = error.kind != StoreErrorKind::Exists || error.message.contains("handle");
            assert!(named, "it names the column: {error}");
            error.kind
        })
    };
    let version = |version| Ok(Committed { versions: vec![version] });
    store.claim(&[row("1"), row("2"), row("3")], token(5)).await.expect("nobody has them");
    assert_eq!(put("1", 1, "ann").await, version(2));
    assert_eq!(put("2", 1, "ann").await, taken);
    if !store.capabilities().unique {
        return;
    }
    assert_eq!(put("1", 2, "ann").await, version(3), "its own value");
    assert_eq!(put("1", 3, "eve").await, version(4));
    assert_eq!(put("2", 1, "ann").await, version(2), "it is free again");
    let delete = op("2", Guard::Owner(token(5), 2), Write::Delete);
    assert_eq!(commit(&store, delete).await, Ok(Committed { versions: vec![3] }));
    assert_eq!(put("3", 1, "ann").await, version(2), "a deleted row has no values");
    assert_eq!(put("1", 4, "").await, version(5));
    assert_eq!(put("3", 2, "").await, version(3), "any number of rows may have no value");
}
