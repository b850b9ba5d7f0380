//! Rules of whole rows: what tools that move or rename rows build on. The other store of a copy is one in memory.

use std::collections::BTreeSet;

use guildhall_core::store::adopt::adopt;
use guildhall_core::store::bulk::{BULK_ROWS_MAX, Bulk, Placed, Put};
use guildhall_core::store::copy::{Compared, compare, copy};
use guildhall_core::store::memory::MemoryStore;
use guildhall_core::store::{
    Guard, Migrate, Order, Query, Store, StoreErrorKind, Table, Token, Write,
};

use super::arbitrary::{ALL, fill};
use super::ground::{
    KEY, NAME, POWER, ROLE, claim, column, commit, created, int, kind_of, op, opened, read,
    refused, row, text, token, token_of,
};

fn bulk(store: &dyn Store) -> &dyn Bulk {
    store.bulk().expect("a store with this contract has whole rows")
}

/// All rows of a table, by pages.
async fn all(store: &dyn Store, table: &'static Table, limit: usize) -> Vec<Placed> {
    let mut all: Vec<Placed> = Vec::new();
    loop {
        let page = bulk(store).scan(table, all.last(), limit).await.expect("the store is there");
        let (count, most) = (page.len(), limit.min(BULK_ROWS_MAX));
        assert!(count <= most, "{count} of {most}");
        all.extend(page);
        if count < most {
            return all;
        }
    }
}

/// The tables of which two stores have not the same rows.
pub fn differing(compared: &[Compared]) -> Vec<&Compared> {
    compared.iter().filter(|it| !it.is_same()).collect()
}

/// Fails unless two stores have the same rows, and some.
pub async fn assert_same(one: &dyn Store, other: &dyn Store) {
    let compared = compare(one, other).await.expect("both are there");
    assert!(differing(&compared).is_empty(), "{:#?}", differing(&compared));
    assert!(compared.iter().any(|it| it.from.rows > 0), "there are rows: {compared:?}");
}

/// Rule 1 of `Bulk`.
pub async fn a_scan_has_each_row_once_page_by_page<T: Store>(open: impl AsyncFn() -> T) {
    let store = open().await;
    let before = MemoryStore::new();
    fill(&before, 1, 150).await;
    copy(&before, &store).await.expect("it is empty");
    let whole = all(&store, &ALL, usize::MAX).await;
    assert!(
        whole.iter().any(|it| it.kept.row.exists) && whole.iter().any(|it| !it.kept.row.exists)
    );
    let places: BTreeSet<_> = whole.iter().map(|it| it.place.clone()).collect();
    assert_eq!(places.len(), whole.len(), "no row comes twice");
    assert!(places.iter().any(|(_, sub)| sub.is_some()), "rows with a sub key too");
    for limit in [1, 7, BULK_ROWS_MAX] {
        let paged = all(&store, &ALL, limit).await;
        let paged: Vec<_> = paged.into_iter().map(|it| it.place).collect();
        assert_eq!(paged.len(), whole.len(), "by {limit}");
        assert_eq!(paged.into_iter().collect::<BTreeSet<_>>(), places, "by {limit}");
    }
    assert_eq!(all(&store, &ROLE, 9).await.len(), 0, "a table that was not prepared");
}

/// Rule 2 of `Bulk`.
pub async fn rows_are_put_as_they_are<T: Store>(open: impl AsyncFn() -> T) {
    let (store, before, after) = (open().await, MemoryStore::new(), MemoryStore::new());
    fill(&before, 2, 120).await;
    let copied = copy(&before, &store).await.expect("it is empty");
    assert!(copied.new > 60 && copied.there == 0, "{copied:?}");
    assert_same(&before, &store).await;
    copy(&store, &after).await.expect("it is empty");
    assert_same(&before, &after).await;

    // The indexes have the rows too.
    for (number, column) in
        ALL.columns.iter().filter(|it| it.is_indexed()).map(|it| (it.number, it))
    {
        let query = Query {
            table: &ALL,
            conditions: Vec::new(),
            order: Order::Up(number),
            after: None,
            limit: 500,
            keys_only: false,
        };
        let rows = async |store: &dyn Store| {
            store.query(&query).await.expect("it has an index").rows.into_iter().map(|it| it.0)
        };
        let (want, have) = (rows(&before).await, rows(&store).await);
        assert!(want.len() > 20, "{}", column.name);
        assert_eq!(have.collect::<Vec<_>>(), want.collect::<Vec<_>>(), "{}", column.name);
    }
}

/// Rule 2 of `Bulk`: the fence is copied with the rows.
pub async fn an_old_owner_is_refused_after_a_copy<T: Store>(open: impl AsyncFn() -> T) {
    let (store, before) = (open().await, MemoryStore::new());
    before.prepare(&[&ROLE], Migrate::Auto).await.expect("it is empty");
    let (old, new) = (token_of(5, 1, 1, 1), token_of(6, 2, 1, 1));
    created(&before, "1", &old, vec![int(POWER, 7)]).await;
    assert_eq!(claim(&before, "1", &new).await.map(|row| row.version), Ok(3));
    copy(&before, &store).await.expect("it is empty");

    store.prepare(&[&ROLE], Migrate::Check).await.expect("the copy has prepared the table");
    for version in [2, 3] {
        let late = op("1", Guard::Owner(old.clone(), version), Write::Update(vec![int(POWER, 1)]));
        assert_eq!(kind_of(commit(&store, late).await), refused(6), "with version {version}");
    }
    assert_eq!(kind_of(claim(&store, "1", &token(5)).await), refused(6));
    let own = op("1", Guard::Owner(new, 3), Write::Update(vec![int(POWER, 8)]));
    assert!(commit(&store, own).await.is_ok(), "the owner's token is the same");
    let kept = read(&store, "1").await.expect("it was copied");
    assert_eq!(kept.fields, [int(POWER, 8)]);
}

/// Rule 3 of `Bulk`.
pub async fn a_row_that_is_there_already_is_put_once<T: Store>(open: impl AsyncFn() -> T) {
    let (store, before) = (open().await, MemoryStore::new());
    fill(&before, 3, 80).await;
    // Part of a copy that was broken off: the tables and one page.
    store.prepare(&[&ALL], Migrate::Auto).await.expect("it is empty");
    let page = bulk(&before).scan(&ALL, None, 40).await.expect("it is in memory");
    let puts: Vec<_> =
        page.into_iter().map(|Placed { place, kept }| Put { place, over: None, kept }).collect();
    for new in [40, 0] {
        assert_eq!(bulk(&store).put(&ALL, &puts).await, Ok(new));
    }
    let copied = copy(&before, &store).await.expect("what is there is the same");
    assert_eq!((copied.there, copied.new > 0), (40, true), "{copied:?}");
    let again = copy(&before, &store).await.expect("all is there");
    assert_eq!((again.new, again.there), (0, copied.new + 40));
    assert_same(&before, &store).await;
}

/// Rule 3 of `Bulk`.
pub async fn a_row_that_is_another_is_not_replaced<T: Store>(open: impl AsyncFn() -> T) {
    let (store, before) = (opened(&open).await, MemoryStore::new());
    before.prepare(&[&ROLE], Migrate::Auto).await.expect("it is empty");
    for key in ["1", "2", "3"] {
        created(&before, key, &token(5), vec![text(NAME, key)]).await;
    }
    created(&store, "3", &token(5), vec![text(NAME, "other")]).await;

    let error = copy(&before, &store).await.expect_err("row 3 is another");
    assert_eq!(error.kind, StoreErrorKind::Exists);
    assert!(error.to_string().contains("contract_role/3"), "it names the row: {error}");
    assert_eq!(read(&store, "1").await, None, "nothing was copied");
    let page = bulk(&before).scan(&ROLE, None, 9).await.expect("it is in memory");
    let puts = page.into_iter().map(|Placed { place, kept }| Put { place, over: None, kept });
    let error = bulk(&store).put(&ROLE, &puts.collect::<Vec<_>>()).await;
    let error = error.expect_err("row 3 is another");
    assert_eq!(error.kind, StoreErrorKind::Exists);
    assert!(error.to_string().contains("contract_role/3"), "it names the row: {error}");
    assert_eq!(read(&store, "1").await, None, "a page is put as a whole");
    // Nor is one put that has to replace a row which is not there.
    let mut there = all(&before, &ROLE, 9).await.remove(0);
    let over = there.kept.clone();
    there.kept.row.version += 1;
    let put = Put { place: there.place, over: Some(over), kept: there.kept };
    let error = bulk(&store).put(&ROLE, &[put]).await.expect_err("there is no row 1");
    assert_eq!(error.kind, StoreErrorKind::Exists);
}

/// What was changed after the copy is found by the comparison.
pub async fn a_row_that_has_changed_in_the_copy_is_named<T: Store>(open: impl AsyncFn() -> T) {
    let (store, before) = (open().await, MemoryStore::new());
    before.prepare(&[&ROLE], Migrate::Auto).await.expect("it is empty");
    for key in ["1", "2", "3"] {
        created(&before, key, &token(5), vec![text(NAME, key)]).await;
    }
    copy(&before, &store).await.expect("it is empty");
    let update = op("2", Guard::Owner(token(5), 2), Write::Update(vec![text(NAME, "x")]));
    assert!(commit(&store, update).await.is_ok());
    created(&store, "4", &token(5), Vec::new()).await;

    let compared = compare(&before, &store).await.expect("both are there");
    let [differ] = &differing(&compared)[..] else { panic!("{compared:?}") };
    assert_eq!((differ.from.rows, differ.to.rows), (3, 4));
    assert_eq!(differ.differ, ["contract_role/2", "contract_role/4"]);
}

/// Rule 4 of `Bulk`.
pub async fn what_removed_rows_left_is_copied<T: Store>(open: impl AsyncFn() -> T) {
    let (store, before) = (open().await, MemoryStore::new());
    before.prepare(&[&ROLE], Migrate::Auto).await.expect("it is empty");
    let owner = token_of(7, 2, 1, 1);
    created(&before, "1", &owner, Vec::new()).await;
    let delete = op("1", Guard::Owner(owner.clone(), 2), Write::Delete);
    assert!(commit(&before, delete).await.is_ok());
    assert!(commit(&before, op("1", Guard::Owner(owner.clone(), 3), Write::Forget)).await.is_ok());
    for _ in 0..2 {
        copy(&before, &store).await.expect("it has nothing else");
    }
    let remains = bulk(&store).remains().await.expect("the store is there");
    assert_eq!(remains, bulk(&before).remains().await.expect("it is in memory"));
    assert_eq!((remains.floors.len(), remains.removed.get("contract_role")), (1, Some(&4)));
    assert_eq!(kind_of(claim(&store, "1", &token(6)).await), refused(7), "below the floor");
    assert_eq!(claim(&store, "1", &owner).await.map(|row| row.version), Ok(5));

    // A floor is not lowered, and neither is a version.
    let mut low = remains.clone();
    low.floors.values_mut().for_each(|floor| floor.epoch = 1);
    low.removed.values_mut().for_each(|version| *version = 1);
    bulk(&store).raise(&low).await.expect("the store is there");
    assert_eq!(bulk(&store).remains().await, Ok(remains));
}

/// A renamed actor type and its table: `adopt`.
pub async fn an_adopted_row_is_claimed_under_the_new_name<T: Store>(open: impl AsyncFn() -> T) {
    static HERO: Table = Table {
        name: "contract_hero",
        key: KEY,
        columns: &[column(NAME, "name", guildhall_core::store::Kind::Text, false)],
    };
    let store = opened(&open).await;
    for key in ["1", "2"] {
        created(&store, key, &token(5), vec![text(NAME, key)]).await;
    }
    created(&store, "other", &Token { lease: "contracts/1".into(), ..token(5) }, Vec::new()).await;
    let renamed = |epoch| Token { lease: "hero/1".into(), ..token(epoch) };
    assert_eq!(kind_of(claim(&store, "1", &renamed(9)).await), refused(5), "it is another lease");

    let adopted = adopt(&store, "contract", "hero", false).await.expect("nothing has that name");
    assert_eq!((adopted.renamed, adopted.moved), (2, 0));
    let error = adopt(&store, "contract", "hero", false).await.expect_err("all is done");
    assert_eq!(error.kind, StoreErrorKind::Missing);
    // As after a call that was broken off: some rows have the new name, and some have not.
    created(&store, "3", &token(5), vec![text(NAME, "3")]).await;
    let error = adopt(&store, "contract", "hero", false).await.expect_err("it has rows now");
    assert_eq!(error.kind, StoreErrorKind::Exists);
    for renamed in [1, 0] {
        let again = adopt(&store, "contract", "hero", true).await.expect("it goes on");
        assert_eq!(again.renamed, renamed);
    }
    assert_eq!(kind_of(claim(&store, "1", &renamed(4)).await), refused(5), "epochs stay");
    let claimed = claim(&store, "1", &renamed(6)).await.expect("6 is larger than 5");
    assert_eq!((claimed.version, &claimed.fields[..]), (3, &[text(NAME, "1")][..]));
    assert_eq!(
        read(&store, "other").await.and_then(|row| row.token).map(|it| it.lease),
        Some("contracts/1".into())
    );

    let adopted = adopt(&store, "contract_role", "contract_hero", false).await;
    assert_eq!(adopted.map(|it| it.moved), Ok(4));
    store.prepare(&[&HERO], Migrate::Check).await.expect("the new table has the old columns");
    let mut id = row("2");
    id.table = &HERO;
    let moved = store.read(&[id]).await.expect("the store is there").remove(0);
    assert_eq!(moved.map(|row| (row.version, row.fields)), Some((2, vec![text(NAME, "2")])));
    // The table has the new name of its actor type already.
    let adopted = adopt(&store, "contracts", "contract_hero", false).await;
    assert_eq!(adopted.map(|it| (it.renamed, it.moved)), Ok((2, 0)));
    let error = adopt(&store, "contract_nothing", "hero", false).await.expect_err("nobody had it");
    assert_eq!(error.kind, StoreErrorKind::Missing);
}

/// Rows that the store's own writers have made, there and back.
pub async fn what_writers_wrote_comes_back_as_it_was<T: Store>(open: impl AsyncFn() -> T) {
    let (store, other, back) = (open().await, MemoryStore::new(), MemoryStore::new());
    fill(&store, 4, 40).await;
    copy(&store, &other).await.expect("it is empty");
    assert_same(&store, &other).await;
    copy(&other, &back).await.expect("it is empty");
    assert_same(&store, &back).await;
}

#[cfg(test)]
#[tokio::test]
async fn arbitrary_rows_have_every_part() {
    let store = MemoryStore::new();
    fill(&store, 4, 200).await;
    let rows = all(&store, &ALL, usize::MAX).await;
    let numbers: BTreeSet<u32> =
        rows.iter().flat_map(|it| it.kept.row.fields.iter().map(|(number, _)| *number)).collect();
    assert!(ALL.columns.iter().all(|it| numbers.contains(&it.number)), "{numbers:?}");
    let any = |is: fn(&Placed) -> bool| rows.iter().any(is);
    assert!(any(|it| it.kept.row.token.is_none()) && any(|it| it.kept.row.token.is_some()));
    assert!(any(|it| !it.kept.row.records.is_empty()) && any(|it| it.kept.over_ms > 0));
    assert!(any(|it| it.kept.row.exists && it.kept.row.fields.is_empty()));
    let remains = bulk(&store).remains().await.expect("the store is there");
    assert!(!remains.floors.is_empty() && !remains.removed.is_empty());
}
