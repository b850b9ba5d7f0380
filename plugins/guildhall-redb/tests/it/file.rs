//! The file: opened once, locked, and clear about what is wrong with it.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use guildhall_core::store::{Migrate, RowId, Store as _, StoreErrorKind};
use guildhall_core::{Backend, BackendError, Config, Env, Opening, Plugin as _};
use guildhall_redb::{Redb, RedbStore, Settings};

use crate::group::{ROLE, commits, token};

async fn open(url: &str) -> Result<Backend, BackendError> {
    let (env, config) = (Env::real(), Config::builder().build().unwrap());
    let id = "test.w1.role.1".parse().unwrap();
    Redb.open(Opening { env: &env, config: &config, id: &id, url }).await
}

#[tokio::test]
async fn the_directory_is_made() {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("redb:{}/a/b", dir.path().display());
    let backend = open(&url).await.unwrap();
    assert!(backend.store.is_some() && backend.discovery.is_none());
    assert!(dir.path().join("a/b/guildhall.redb").exists());
}

/// The folder in which this test makes a store when it runs in a process that is killed.
const MAKES: &str = "GUILDHALL_TEST_MAKES";

#[tokio::test]
async fn a_file_opens_whose_maker_was_killed_at_any_moment() {
    if let Ok(dir) = std::env::var(MAKES) {
        let _made = RedbStore::open(&Env::real(), Settings::new(dir)).await;
        return std::future::pending().await;
    }
    let this = std::env::current_exe().unwrap();
    let name = "file::a_file_opens_whose_maker_was_killed_at_any_moment";
    for micros in (0..4_000).step_by(100) {
        let dir = tempfile::tempdir().unwrap();
        let mut maker = Command::new(&this);
        maker.args(["--exact", name]).env(MAKES, dir.path()).stdout(Stdio::null());
        let mut maker = maker.spawn().unwrap();
        while std::fs::read_dir(dir.path()).unwrap().next().is_none() {
            assert!(maker.try_wait().unwrap().is_none(), "it makes a store");
        }
        Env::real().sleep(Duration::from_micros(micros)).await;
        maker.kill().unwrap();
        maker.wait().unwrap();
        RedbStore::open(&Env::real(), Settings::new(dir.path())).await.unwrap();
    }
}

#[tokio::test]
async fn makers_at_the_same_time_make_one_file() {
    for _ in 0..20 {
        let dir = tempfile::tempdir().unwrap();
        let make = async || RedbStore::open(&Env::real(), Settings::new(dir.path())).await;
        let made = tokio::join!(make(), make(), make(), make());
        let made: Vec<_> = [made.0, made.1, made.2, made.3].into_iter().flatten().collect();
        assert_eq!(made.len(), 1, "who has the file has it alone");
        let files: Vec<_> = std::fs::read_dir(dir.path()).unwrap().collect();
        assert_eq!(files.len(), 1, "{files:?}");
    }
}

#[tokio::test]
async fn a_second_opener_learns_who_has_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let settings = Settings::new(dir.path());
    let first = RedbStore::open(&Env::real(), settings.clone()).await.unwrap();
    let error = RedbStore::open(&Env::real(), settings.clone()).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Unavailable);
    let message = error.to_string();
    assert!(
        message.contains(&dir.path().join("guildhall.redb").display().to_string()),
        "{message}"
    );
    assert!(message.contains("another process has this file open"), "{message}");
    drop(first);
    RedbStore::open(&Env::real(), settings).await.unwrap();
}

#[tokio::test]
async fn a_file_that_is_no_store_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("guildhall.redb"), vec![7; 10_000]).unwrap();
    let error = RedbStore::open(&Env::real(), Settings::new(dir.path())).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Unavailable);
    assert!(error.to_string().contains("guildhall.redb"), "{error}");
}

#[tokio::test]
async fn a_directory_that_cannot_be_made_is_named() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("data"), "a file").unwrap();
    let url = format!("redb:{}/data", dir.path().display());
    let error = open(&url).await.unwrap_err();
    assert!(error.to_string().starts_with(&format!("backend `{url}`")), "{error}");
}

#[tokio::test]
async fn options_of_the_url_are_checked() {
    for (url, part) in [
        ("redb:", "the directory is missing"),
        ("redb:x?cash_mb=1", "unknown option `cash_mb`"),
        ("redb:x?queue=0", "option `queue` is `0`"),
        ("redb:x?group", "option `group` is ``"),
    ] {
        let error = open(url).await.unwrap_err().to_string();
        assert!(error.contains(part), "{url}: {error}");
    }
    let settings = Settings::parse("redb:./data?cache_mb=8&group=3").unwrap();
    assert_eq!((settings.cache_mb, settings.group, settings.queue), (8, 3, 16_384));
}

#[tokio::test]
async fn an_open_copy_of_a_file_that_was_never_closed_has_all_commits() {
    let (dir, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = RedbStore::open(&Env::real(), Settings::new(dir.path())).await.unwrap();
    store.prepare(&[&ROLE], Migrate::Auto).await.unwrap();
    let (rows, batches) = commits(0..50);
    store.claim(&rows, token()).await.unwrap();
    assert!(store.commit(batches).await.iter().all(Result::is_ok));

    // What a killed process leaves behind.
    let file = "guildhall.redb";
    std::fs::copy(dir.path().join(file), copy.path().join(file)).unwrap();
    let left = RedbStore::open(&Env::real(), Settings::new(copy.path())).await.unwrap();
    assert_eq!(left.read(&rows).await, store.read(&rows).await);
}

#[tokio::test]
async fn writes_after_the_writer_has_ended_are_unavailable() {
    let dir = tempfile::tempdir().unwrap();
    let env = Env::real();
    let store = RedbStore::open(&env, Settings::new(dir.path())).await.unwrap();
    env.kill();
    let (rows, batches) = commits(0..1);
    let claimed = store.claim(&rows, token()).await.unwrap_err();
    let done = store.commit(batches).await.remove(0).unwrap_err();
    for error in [claimed, done] {
        let known = matches!(error.kind, StoreErrorKind::Unavailable | StoreErrorKind::Unknown);
        assert!(known, "{error}");
    }
}

#[tokio::test]
async fn reads_beside_writes_all_succeed() {
    const READERS: usize = 4;
    const WRITES: u32 = 400;
    let dir = tempfile::tempdir().unwrap();
    let env = Env::real();
    let store = Arc::new(RedbStore::open(&env, Settings::new(dir.path())).await.unwrap());
    store.prepare(&[&ROLE], Migrate::Auto).await.unwrap();
    let written = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..READERS)
        .map(|n| {
            let (store, written) = (Arc::clone(&store), Arc::clone(&written));
            env.spawn("test.reader", async move {
                let row =
                    RowId { table: &ROLE, key: format!("none {n}").as_str().into(), sub: None };
                while !written.load(Ordering::Relaxed) {
                    assert_eq!(store.read(std::slice::from_ref(&row)).await, Ok(vec![None]));
                }
            })
        })
        .collect();
    for n in 0..WRITES {
        store.claim(&commits(n..n + 1).0, token()).await.unwrap();
    }
    written.store(true, Ordering::Relaxed);
    for reader in readers {
        assert_eq!(reader.await.unwrap(), Some(()), "a read has failed");
    }
}
