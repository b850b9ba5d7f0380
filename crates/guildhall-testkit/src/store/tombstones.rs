//! Rules of tombstones: how long they stay, when they may be removed, and what they leave behind.

use bytes::Bytes;
use guildhall_core::store::{
    Batch, Committed, Guard, Migrate, Op, Order, PAGE_LOOKS_MAX, PAGE_ROWS_MAX, Query, RowId,
    Store, StoreErrorKind, Table, Tombstone, WAKE, Write,
};

use super::ground::{
    KEY, NAME, ROLE, claim, commit, created, kind_of, op, opened, read, refused, row, text, token,
    token_of,
};

/// Longer than any test.
const LONG_MS: u64 = 3_600_000;

/// A row of `by` that was deleted: it has version 3.
async fn deleted(store: &dyn Store, key: &str, by: &guildhall_core::store::Token, keep_ms: u64) {
    created(store, key, by, vec![text(NAME, key)]).await;
    let delete = op(key, Guard::Owner(by.clone(), 2), Write::Delete);
    let delete = Op { keep_ms, records: Some(Bytes::from_static(b"reply")), ..delete };
    assert_eq!(commit(store, delete).await, Ok(Committed { versions: vec![3] }));
}

fn forget(key: &str, guard: Guard) -> Op {
    op(key, guard, Write::Forget)
}

/// As its listing says.
fn forget_listed(of: &Tombstone) -> Batch {
    let guard = match &of.token {
        Some(token) => Guard::Owner(token.clone(), of.version),
        None => Guard::Version(of.version),
    };
    let op = Op { row: of.row.clone(), guard, write: Write::Forget, records: None, keep_ms: 0 };
    Batch { ops: vec![op] }
}

/// All that may go, by pages.
async fn all(store: &dyn Store, table: &'static Table, limit: usize) -> Vec<Tombstone> {
    let mut all: Vec<Tombstone> = Vec::new();
    loop {
        let page = store.tombstones(table, all.last(), limit).await.expect("the store is there");
        let count = page.len();
        assert!(count <= limit.min(PAGE_ROWS_MAX), "{count} of {limit}");
        all.extend(page);
        if count < limit.min(PAGE_ROWS_MAX) {
            return all;
        }
    }
}

async fn keys(store: &dyn Store) -> Vec<String> {
    let mut keys: Vec<String> =
        all(store, &ROLE, 9).await.iter().map(|of| of.row.key.to_string()).collect();
    keys.sort();
    keys
}

/// Rule 20.
pub async fn a_tombstone_is_kept_as_long_as_was_asked<T: Store>(open: impl AsyncFn() -> T) {
    let store = opened(&open).await;
    deleted(&store, "kept", &token(5), LONG_MS).await;
    deleted(&store, "over", &token(5), 0).await;
    claim(&store, "claimed", &token(5)).await.expect("nobody has it");
    created(&store, "there", &token(5), Vec::new()).await;
    assert_eq!(keys(&store).await, ["claimed", "over"]);

    let early = commit(&store, forget("kept", Guard::Owner(token(5), 3))).await;
    assert_eq!(kind_of(early), StoreErrorKind::Invalid, "it is to be kept");
    // A claim does not shorten that.
    assert_eq!(claim(&store, "kept", &token(6)).await.map(|row| row.version), Ok(4));
    let early = commit(&store, forget("kept", Guard::Owner(token(6), 4))).await;
    assert_eq!(kind_of(early), StoreErrorKind::Invalid, "it is to be kept");
    let kept = read(&store, "kept").await.expect("it is kept");
    assert_eq!((kept.exists, &kept.records[..]), (false, &b"reply"[..]));

    let there = commit(&store, forget("there", Guard::Owner(token(5), 2))).await;
    assert_eq!(kind_of(there), StoreErrorKind::Exists, "a row that exists is no tombstone");
    // Made anew it is none any more, and deleted again it is kept anew.
    let create = op("over", Guard::Owner(token(5), 3), Write::Create(Vec::new()));
    assert_eq!(commit(&store, create).await, Ok(Committed { versions: vec![4] }));
    assert_eq!(keys(&store).await, ["claimed"]);
    let delete = op("over", Guard::Owner(token(5), 4), Write::Delete);
    let delete = Op { keep_ms: LONG_MS, ..delete };
    assert_eq!(commit(&store, delete).await, Ok(Committed { versions: vec![5] }));
    assert_eq!(keys(&store).await, ["claimed"]);
}

/// Rule 21.
pub async fn a_forgotten_tombstone_leaves_a_floor<T: Store>(open: impl AsyncFn() -> T) {
    let store = opened(&open).await;
    let owner = token_of(5, 2, 1, 1);
    deleted(&store, "1", &owner, 0).await;
    for _ in 0..2 {
        let gone = commit(&store, forget("1", Guard::Owner(owner.clone(), 3))).await;
        assert!(gone.is_ok(), "also when sent again: {gone:?}");
        assert_eq!(read(&store, "1").await, None);
    }
    // Not of this row alone: of every row of the lease that is not there.
    for key in ["1", "never"] {
        for late in [token(4), token_of(5, 1, 1, 1), token_of(5, 2, 2, 1)] {
            assert_eq!(kind_of(claim(&store, key, &late).await), refused(5), "{late:?}");
        }
        assert_eq!(read(&store, key).await, None, "a refused claim leaves nothing");
    }
    let mut elsewhere = token(1);
    elsewhere.lease = "contract/2".into();
    claim(&store, "of another lease", &elsewhere).await.expect("its floor is its own");
    claim(&store, "1", &token_of(5, 2, 1, 7)).await.expect("the holder itself");
    claim(&store, "never", &token(6)).await.expect("a later grant");

    // A smaller epoch that goes later does not lower it.
    let row = store.claim(&[row("low")], token_of(5, 2, 1, 1)).await.expect("it is at the floor");
    let gone = forget("low", Guard::Owner(token_of(5, 2, 1, 1), row[0].version));
    let high = read(&store, "never").await.expect("it was claimed");
    let high = commit(&store, forget("never", Guard::Owner(token(6), high.version))).await;
    assert!(high.is_ok() && commit(&store, gone).await.is_ok());
    assert_eq!(kind_of(claim(&store, "low", &token_of(5, 2, 1, 2)).await), refused(6));
}

/// Rule 21.
pub async fn floors_survive_a_restart<T: Store>(open: impl AsyncFn() -> T) {
    let store = opened(&open).await;
    deleted(&store, "1", &token(5), 0).await;
    let gone = commit(&store, forget("1", Guard::Owner(token(5), 3))).await;
    assert!(gone.is_ok(), "{gone:?}");
    let durable = store.capabilities().durable;
    drop(store);
    let store = opened(&open).await;
    if durable {
        assert_eq!(kind_of(claim(&store, "1", &token(4)).await), refused(5));
        let version = claim(&store, "1", &token(5)).await.expect("its holder").version;
        assert!(version > 4, "versions survive too: {version}");
    } else {
        claim(&store, "1", &token(4)).await.expect("the store says that it keeps nothing");
    }
}

/// Rule 22. An owner that was away for long finds out by the version that others were there; and a write of before, which expects the
/// next version under its own token, is not taken for done.
pub async fn a_row_that_is_made_again_has_a_later_version<T: Store>(open: impl AsyncFn() -> T) {
    let store = opened(&open).await;
    deleted(&store, "1", &token(5), 0).await;
    let gone = commit(&store, forget("1", Guard::Owner(token(5), 3))).await;
    assert!(gone.is_ok(), "{gone:?}");
    let late = op("1", Guard::Owner(token(5), 3), Write::Create(Vec::new()));
    assert_eq!(kind_of(commit(&store, late.clone()).await), refused(0), "nobody has claimed it");
    let again = claim(&store, "1", &token(5)).await.expect("a late copy of the claim");
    assert!(again.version > 4, "a version that was there, or was expected: {}", again.version);
    assert_eq!((again.exists, again.records), (false, Bytes::new()));
    assert_eq!(kind_of(commit(&store, late).await), refused(5), "the late write is not done");

    let free = op("2", Guard::Absent, Write::Create(vec![text(NAME, "a")]));
    let made = commit(&store, free.clone()).await.expect("there is none").versions[0];
    assert!(made > 4, "of all rows of the table: {made}");
    let delete = op("2", Guard::Version(made), Write::Delete);
    assert_eq!(commit(&store, delete).await, Ok(Committed { versions: vec![made + 1] }));
    let gone = commit(&store, forget("2", Guard::Version(made + 1))).await;
    assert!(gone.is_ok(), "{gone:?}");
    let made_again = commit(&store, free).await.expect("there is none").versions[0];
    assert!(made_again > made + 1, "{made_again} after {made}");
    let late = op("2", Guard::Version(made), Write::Delete);
    assert_eq!(kind_of(commit(&store, late).await), refused(0), "a stateless writer of before");
}

/// Rule 23.
pub async fn a_tombstone_that_was_claimed_meanwhile_stays<T: Store>(open: impl AsyncFn() -> T) {
    let store = opened(&open).await;
    deleted(&store, "1", &token(5), 0).await;
    let free = op("2", Guard::Absent, Write::Create(Vec::new()));
    assert!(commit(&store, free).await.is_ok());
    let delete = op("2", Guard::Version(1), Write::Delete);
    assert!(commit(&store, delete).await.is_ok());
    let seen = all(&store, &ROLE, 9).await;
    assert_eq!(seen.len(), 2, "{seen:?}");
    store.claim(&[row("1"), row("2")], token(6)).await.expect("a later grant");
    let results = store.commit(seen.iter().map(forget_listed).collect()).await;
    for result in results {
        assert_eq!(kind_of(result), refused(6));
    }
    assert!(read(&store, "1").await.is_some() && read(&store, "2").await.is_some());
    let wrong = commit(&store, forget("1", Guard::Absent)).await;
    assert_eq!(kind_of(wrong), StoreErrorKind::Invalid, "it needs a version");
}

/// Rule 24.
pub async fn tombstones_come_page_by_page_the_longest_over_first<T: Store>(
    open: impl AsyncFn() -> T,
) {
    let store = opened(&open).await;
    for n in 0..5 {
        deleted(&store, &format!("{n}"), &token(5), 0).await;
    }
    let sub = RowId { sub: Some("s".into()), ..row("3") };
    store.claim(std::slice::from_ref(&sub), token(5)).await.expect("nobody has it");
    let free = op("free", Guard::Absent, Write::Create(Vec::new()));
    assert!(commit(&store, free).await.is_ok());
    assert!(commit(&store, op("free", Guard::Version(1), Write::Delete)).await.is_ok());

    for limit in [1, 2, 3, 7, 1000] {
        let page = all(&store, &ROLE, limit).await;
        assert!(page.is_sorted_by_key(|of| of.over_ms), "{page:?}");
        let mut seen: Vec<String> = page.iter().map(|of| of.row.to_string()).collect();
        seen.sort();
        let want = ["0", "1", "2", "3", "3/s", "4", "free"];
        assert_eq!(seen, want.map(|key| format!("{}/{key}", ROLE.name)), "by {limit}");
    }
    let listed = all(&store, &ROLE, 9).await;
    let free = listed.iter().find(|of| of.row.key.as_str() == "free").expect("it is listed");
    assert_eq!((free.token.clone(), free.version), (None, 2));
    let done = store.commit(listed.iter().map(forget_listed).collect()).await;
    assert!(done.iter().all(Result::is_ok), "{done:?}");
    assert_eq!(keys(&store).await, [""; 0]);
    let left = store.read(&[row("3"), sub]).await.expect("the store is there");
    assert_eq!(left, [None, None]);
}

/// A table in which rows wait.
static WAITING: Table = Table { name: "contract_tombstones", key: KEY, columns: &[WAKE] };

/// Rule 25.
pub async fn a_query_does_not_walk_over_tombstones<T: Store>(open: impl AsyncFn() -> T) {
    let store = opened(&open).await;
    store.prepare(&[&WAITING], Migrate::Auto).await.expect("it is new");
    let row = |key: String| RowId { table: &WAITING, key: key.into(), sub: None };
    let all: Vec<RowId> = (0..=PAGE_LOOKS_MAX).map(|n| row(format!("a{n:06}"))).collect();
    for some in all.chunks(1000) {
        store.claim(some, token(5)).await.expect("nobody has them");
    }
    let create = Op {
        row: row("b".into()),
        guard: Guard::Absent,
        write: Write::Create(Vec::new()),
        records: None,
        keep_ms: 0,
    };
    assert!(store.commit(vec![Batch { ops: vec![create] }]).await[0].is_ok());
    let orders: &[Order] = if store.capabilities().order {
        &[Order::Key, Order::Up(WAKE.number)]
    } else {
        &[Order::Key]
    };
    for order in orders {
        let query = Query {
            table: &WAITING,
            conditions: Vec::new(),
            order: *order,
            after: None,
            limit: 9,
            keys_only: false,
        };
        let page = store.query(&query).await.expect("the store is there");
        let keys: Vec<&str> = page.rows.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!((&keys[..], page.next), (&["b"][..], None), "the first page is the last");
    }
}

/// Rule 26.
pub async fn a_probe_leaves_nothing_behind<T: Store>(open: impl AsyncFn() -> T) {
    let store = opened(&open).await;
    created(&store, "1", &token(5), Vec::new()).await;
    let before = read(&store, "1").await;
    for _ in 0..3 {
        assert_eq!(store.probe().await, Ok(()));
    }
    assert_eq!(read(&store, "1").await, before);
    assert_eq!(keys(&store).await, [""; 0]);
}
