//! Moving the rows of a game to another store.

use std::path::Path;
use std::time::Duration;

use guildhall_core::store::adopt::adopt;
use guildhall_core::store::copy::copy;
use guildhall_core::store::memory::MemoryStore;
use guildhall_core::store::{Guard, Op, RowId, Store as _, Write, bulk};
use guildhall_core::{Env, Key};
use guildhall_redb::{RedbStore, Settings};
use guildhall_testkit::store::fill;

use crate::program::{guildhall, run, wait_until};

async fn open(folder: &Path, name: &str) -> RedbStore {
    RedbStore::open(&Env::real(), Settings::new(folder.join(name))).await.unwrap()
}

/// A store with arbitrary rows, as after a game.
fn made(folder: &Path, name: &str, rows: u64) {
    with_store(folder, name, async |store| {
        let made = MemoryStore::new();
        fill(&made, 5, rows).await;
        copy(&made, store).await.unwrap();
    });
}

/// Opens a store, and has closed it afterwards: its tasks end with their runtime.
fn with_store<T>(folder: &Path, name: &str, then: impl AsyncFnOnce(&RedbStore) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { then(&open(folder, name).await).await })
}

const COPY: [&str; 4] = ["store", "copy", "redb:old", "redb:new"];

#[test]
fn a_store_is_copied_compared_and_copied_again() {
    let dir = tempfile::tempdir().unwrap();
    made(dir.path(), "old", 150);
    let (code, said, errors) = run(dir.path(), &COPY);
    assert_eq!(code, 0, "{said}{errors}");
    let table = said.lines().find(|line| line.starts_with("contract_all")).unwrap();
    assert!(table.ends_with("same"), "{said}");
    assert!(said.contains("rows copied, 0 were there") && said.contains("ownership.era"), "{said}");
    let (code, said, errors) = run(dir.path(), &COPY);
    assert_eq!(code, 0, "{said}{errors}");
    assert!(said.contains("\n0 rows copied, "), "{said}");

    // A game went on in the copy.
    with_store(dir.path(), "new", async |store| {
        let schemas = store.bulk().unwrap().schemas().await.unwrap();
        let table = bulk::table_of("contract_all", &schemas["contract_all"]);
        let row = RowId { table, key: Key::from("new one"), sub: None };
        let (guard, write) = (Guard::Absent, Write::Create(Vec::new()));
        let op = Op { row, guard, write, records: None, keep_ms: 0 };
        store.commit(vec![guildhall_core::store::Batch { ops: vec![op] }]).await[0]
            .clone()
            .unwrap();
    });
    let (code, said, errors) = run(dir.path(), &["store", "compare", "redb:old", "redb:new"]);
    assert_eq!(code, 3, "{said}{errors}");
    assert!(
        said.contains("DIFFERENT") && errors.contains("contract_all/new one"),
        "{said}{errors}"
    );
    let (code, said, errors) = run(dir.path(), &COPY);
    assert_eq!(code, 1, "{said}{errors}");
    assert!(errors.contains("contract_all/new one"), "{errors}");
}

#[test]
fn a_copy_that_was_killed_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    made(dir.path(), "old", 2000);
    let mut kills = 0;
    for turn in 0_u32.. {
        let mut copying = guildhall(dir.path(), &COPY).spawn().unwrap();
        // A file that was killed while redb made it cannot be opened, and is not what this is about.
        wait_until("the file of the copy", || {
            let bytes = std::fs::read(dir.path().join("new/guildhall.redb"));
            bytes.is_ok_and(|bytes| bytes.starts_with(b"redb"))
        });
        std::thread::sleep(Duration::from_millis(20 << turn));
        if let Some(ended) = copying.try_wait().unwrap() {
            assert!(ended.success(), "{ended}");
            break;
        }
        copying.kill().unwrap();
        copying.wait().unwrap();
        kills += 1;
        assert!(turn < 12, "it does not come to its end");
    }
    assert!(kills > 0, "no copy was killed");
    let (code, said, errors) = run(dir.path(), &COPY);
    assert_eq!(code, 0, "{said}{errors}");
    assert!(said.contains("\n0 rows copied, "), "{said}");
}

#[test]
fn a_store_that_is_served_or_missing_is_not_copied() {
    let dir = tempfile::tempdir().unwrap();
    let (code, _, errors) = run(dir.path(), &COPY);
    assert!(code == 1 && errors.contains("there is no store in old"), "{errors}");
    assert!(!dir.path().join("old").exists() && !dir.path().join("new").exists());
    made(dir.path(), "old", 10);
    let (code, _, errors) = with_store(dir.path(), "old", async |_| run(dir.path(), &COPY));
    assert!(code == 1 && errors.contains("another process has this file open"), "{errors}");
    let hub = ["store", "copy", "hub://127.0.0.1:7100", "redb:new"];
    let (code, _, errors) = run(dir.path(), &hub);
    assert!(code == 1 && errors.contains("while the hub is stopped"), "{errors}");
}

#[test]
fn rows_of_a_renamed_actor_type_are_adopted() {
    let dir = tempfile::tempdir().unwrap();
    made(dir.path(), "old", 60);
    let args = ["store", "adopt", "contract", "hero", "--store", "redb:old"];
    let (code, said, errors) = run(dir.path(), &args);
    assert!(code == 0 && said.contains("rows under leases of hero: "), "{said}{errors}");
    let (code, _, errors) = run(dir.path(), &args);
    // What removed rows have left stays under the old name.
    assert!(code == 1 && errors.contains("--resume"), "{errors}");
    let back = with_store(dir.path(), "old", async |store| {
        adopt(store, "hero", "contract", true).await.unwrap()
    });
    assert!(back.renamed > 20 && back.floors > 0, "{back:?}");
}
