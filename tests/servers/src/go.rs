//! Servers of today's version, which Debian does not have: built from Go modules of `tests/servers/go`, where Go is there.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock};

use crate::Recipe;

/// The folder of what is built. A recipe with this folder is that of the module with its name.
pub(crate) const BUILT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/servers");

/// Builds the server of a recipe, once per program; Go knows by itself what is built already. Where Go is not there, or its modules
/// cannot be had, there is no server.
pub(crate) fn build(recipe: &Recipe) {
    static TRIED: OnceLock<Mutex<BTreeSet<&str>>> = OnceLock::new();
    if !recipe.folders.contains(&BUILT) {
        return;
    }
    // Tests that come meanwhile wait for it.
    let mut tried = TRIED.get_or_init(Mutex::default).lock().unwrap();
    let Some(go) = go().filter(|_| tried.insert(recipe.name)) else { return };
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("go").join(recipe.name);
    let program = Path::new(BUILT).join(recipe.program);
    let mut build = Command::new(go);
    build.args(["build", "-trimpath", "-mod=readonly", "-o"]).arg(&program).arg(".");
    let output = build.current_dir(source).output().unwrap();
    if !output.status.success() {
        // That of an earlier source is not today's.
        let _gone = std::fs::remove_file(&program);
        let why = String::from_utf8_lossy(&output.stderr);
        #[allow(clippy::print_stderr, reason = "why a test does not run")]
        let () = eprintln!("{} is not built: {why}", recipe.name);
    }
}

fn go() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/local/go/bin")]);
    folders.map(|folder| folder.join("go")).find(|go| go.is_file())
}
