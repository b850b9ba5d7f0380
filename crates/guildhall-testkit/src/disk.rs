//! [`SmallDisk`]: a real file system of a few MiB, which a test can fill to its last byte. Linux only.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::skipped::skipped;

/// Where a test finds its disk, once it runs within a namespace that has one.
const DISK: &str = "GUILDHALL_TEST_SMALL_DISK";

/// What must be there for a test not to be skipped, separated by commas.
const REQUIRE: &str = "GUILDHALL_REQUIRE";

/// A tmpfs of this test alone.
#[derive(Debug)]
pub struct SmallDisk(PathBuf);

/// What fills a disk; dropping it makes room again.
#[derive(Debug)]
pub struct Filler(PathBuf);

impl SmallDisk {
    /// The disk of the test with this name (as `cargo test -- --exact` takes it), of `mib` MiB.
    ///
    /// A disk can be mounted only in a namespace of its own. So the first time this runs the program again with that test alone,
    /// in such a namespace, and returns `None`: the test has run then, and returns. Root keeps its
    /// users there, so that servers can run as one of them.
    ///
    /// Where nothing can be mounted, the test is skipped, and counted as such; with `GUILDHALL_REQUIRE=small-disk` it fails.
    ///
    /// # Panics
    /// The test has failed there.
    pub fn of(test: &str, mib: u32) -> Option<Self> {
        if let Ok(path) = std::env::var(DISK) {
            return Some(Self(path.into()));
        }
        let place = tempfile::tempdir().expect("a folder for temporary files");
        let script =
            format!(r#"mount -t tmpfs -o size={mib}m,mode=1777 none "$0" || exit 77; exec "$@""#);
        let program = std::env::current_exe().expect("a program knows its file");
        let mut command = Command::new("unshare");
        // Root may mount as it is.
        let mounts = Command::new("unshare").args(["--mount", "true"]).output();
        if !mounts.is_ok_and(|ran| ran.status.success()) {
            command.args(["--user", "--map-root-user"]);
        }
        command.args(["--mount", "sh", "-c", &script]);
        command.arg(place.path()).arg(program).args(["--exact", test, "--nocapture"]);
        let ran = command.env(DISK, place.path()).output();
        let ran = match ran {
            Ok(ran) if ran.status.code() != Some(77) && !is_refused(&ran.stderr) => ran,
            cannot => {
                skip(test, &format!("{cannot:?}"));
                return None;
            }
        };
        let printed = String::from_utf8_lossy(&ran.stdout).into_owned();
        assert!(ran.status.success(), "{printed}\n{}", String::from_utf8_lossy(&ran.stderr));
        assert!(printed.contains("1 passed"), "`{test}` names no test: {printed}");
        None
    }

    /// Its folder.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Fills it to its last byte.
    ///
    /// # Panics
    /// No file can be made there.
    pub fn fill(&self) -> Filler {
        let path = self.0.join("filler");
        let mut file = std::fs::File::create(&path).expect("a file on the disk");
        for size in [64 << 10, 4096, 1] {
            while file.write_all(&vec![1; size]).is_ok() {}
        }
        Filler(path)
    }
}

impl Drop for Filler {
    fn drop(&mut self) {
        // A disk that is gone needs no room.
        let _gone = std::fs::remove_file(&self.0);
    }
}

fn is_refused(stderr: &[u8]) -> bool {
    String::from_utf8_lossy(stderr).contains("unshare failed")
}

fn skip(test: &str, why: &str) {
    let required = std::env::var(REQUIRE).unwrap_or_default();
    let is_required = required.split(',').any(|name| name == "small-disk");
    assert!(!is_required, "{REQUIRE}={required}, and no file system can be mounted here: {why}");
    skipped(test, &format!("no file system can be mounted here: {why}"));
}
