//! [`Recipe`]: how a vendor's server is found, started and reached.

use std::path::{Path, PathBuf};

/// The password of user `game` on every server that has users.
pub const PASSWORD: &str = "not-a-secret";

/// How a vendor's server is found, started and reached.
///
/// The shell commands get: `$1` the folder of the vendor's programs, `$2` the folder of this server, and `$3` its first port on
/// `127.0.0.1`; `$PASSWORD` is the password of user `game`, and `$PROGRAM` the name of the program.
#[derive(Debug)]
pub struct Recipe {
    /// Its name, as `GUILDHALL_REQUIRE` has it.
    pub name: &'static str,
    /// The Debian package that brings it.
    pub package: &'static str,
    /// A program that is there where the server can run.
    pub program: &'static str,
    /// Folders outside the search path that may have the programs; `*` stands for one folder name, of which the largest is taken.
    pub folders: &'static [&'static str],
    /// The user that it runs as where the tests run as root, which some servers refuse.
    pub user: Option<&'static str>,
    /// Makes the data, once per server.
    pub make: &'static str,
    /// Runs the server. It ends with `exec`, so that signals reach the server.
    pub run: &'static str,
    /// The signal that ends it in good order, whatever its clients do.
    pub stop: &'static str,
    /// Ends what the server has started and left behind.
    pub after: &'static str,
    /// How many ports in a row it needs; clients connect to the first.
    pub ports: u32,
    /// The URL for that address (`127.0.0.1:7000`) as its plugin takes it, without options.
    pub url: fn(address: &str) -> String,
}

impl Recipe {
    /// Whether the server can run here.
    pub fn is_installed(&self) -> bool {
        self.programs().is_some()
    }

    /// The folder of the vendor's programs, if they are installed.
    pub(crate) fn programs(&self) -> Option<PathBuf> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let named = self.folders.iter().flat_map(|folder| folders(Path::new(folder)));
        named.chain(std::env::split_paths(&path)).find(|path| path.join(self.program).is_file())
    }
}

/// The folders that a pattern stands for, the largest version first.
fn folders(pattern: &Path) -> Vec<PathBuf> {
    let mut found = vec![PathBuf::new()];
    for part in pattern {
        if part != "*" {
            found.iter_mut().for_each(|path| path.push(part));
            continue;
        }
        let entries = |path: &PathBuf| std::fs::read_dir(path).into_iter().flatten().flatten();
        found = found.iter().flat_map(entries).map(|entry| entry.path()).collect();
        found.sort_by_key(|path| std::cmp::Reverse((path.as_os_str().len(), path.clone())));
    }
    found
}
