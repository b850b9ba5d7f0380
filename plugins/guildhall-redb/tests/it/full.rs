//! A full disk: known for what it is, nothing half written, and over as soon as there is room again.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use guildhall_core::Env;
use guildhall_core::store::{
    Batch, Committed, Guard, Migrate, Op, RowId, Store as _, StoreErrorKind, Value, Write,
};
use guildhall_redb::{RedbStore, Settings};

use crate::group::{ROLE, token};

/// Where the test finds its small disk, once it runs within a namespace that has one.
const DISK: &str = "GUILDHALL_TEST_SMALL_DISK";

/// Runs a test of this program again, with a disk of 4 MiB of its own. Where that cannot be made it says so.
fn on_a_small_disk(test: &str) {
    let dir = tempfile::tempdir().unwrap();
    let script = r#"mount -t tmpfs -o size=4m none "$0" || exit 77; exec "$@""#;
    let program = std::env::current_exe().unwrap();
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c", script]);
    command.arg(dir.path()).arg(program).args(["--exact", test, "--nocapture"]);
    let ran = command.env(DISK, dir.path()).output();
    let cannot = match &ran {
        Ok(ran) => ran.status.code() == Some(77) || is_refused(&ran.stderr),
        Err(_) => true,
    };
    if cannot {
        #[allow(clippy::print_stderr, reason = "a test that did not run says so")]
        let () = eprintln!("SKIPPED {test}: no file system can be mounted here: {ran:?}");
        return;
    }
    let ran = ran.unwrap();
    let said = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert!(ran.status.success(), "{said}\n{}", String::from_utf8_lossy(&ran.stderr));
    assert!(said.contains("1 passed"), "the test has run there: {said}");
}

fn is_refused(stderr: &[u8]) -> bool {
    String::from_utf8_lossy(stderr).contains("unshare failed")
}

/// Fills the disk to its last byte.
fn fill(disk: &Path) -> PathBuf {
    let path = disk.join("filler");
    let mut filler = std::fs::File::create(&path).unwrap();
    for size in [64 << 10, 4096, 1] {
        while filler.write_all(&vec![1; size]).is_ok() {}
    }
    path
}

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
    let Ok(disk) = std::env::var(DISK) else {
        return on_a_small_disk(
            "full::a_full_disk_is_unavailable_nothing_is_written_and_it_is_over_when_there_is_room",
        );
    };
    let disk = Path::new(&disk);
    let store = RedbStore::open(&Env::real(), Settings::new(disk)).await.unwrap();
    store.prepare(&[&ROLE], Migrate::Auto).await.unwrap();
    store.claim(&[row("a"), row("b")], token()).await.unwrap();
    store.commit(large("a")).await.remove(0).unwrap();
    let filler = fill(disk);
    for _ in 0..3 {
        let error = store.commit(large("b")).await.remove(0).unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::Unavailable, "its fate is known: {error}");
        let probed = store.probe().await.map_err(|error| error.kind);
        assert_eq!(probed, Err(StoreErrorKind::Unavailable), "a probe finds out too");
        let rows = store.read(&[row("a"), row("b")]).await.unwrap();
        let there: Vec<bool> = rows.iter().flatten().map(|row| row.exists).collect();
        assert_eq!(there, [true, false], "what is read is what was committed");
    }
    std::fs::remove_file(filler).unwrap();
    assert_eq!(store.probe().await, Ok(()));
    let done = store.commit(large("b")).await.remove(0);
    assert_eq!(done, Ok(Committed { versions: vec![2] }), "the very same write");
}
