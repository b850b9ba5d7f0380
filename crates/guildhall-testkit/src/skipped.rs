//! Skips tests that cannot run on this machine, and counts them.

use std::fs::OpenOptions;
use std::io::Write as _;

/// The variable that names a file to which each skipped test adds a line: `cargo xtask test` sets it, and says at its end how many there
/// were.
pub const SKIPPED_TESTS: &str = "GUILDHALL_SKIPPED_TESTS";

/// Says that a test does not run here, and why: something that it needs is not there. The only way to skip one, so that none is taken for
/// one that has passed. What a test shows of itself cargo hides; [`SKIPPED_TESTS`] makes it seen.
///
/// # Panics
/// The file that the variable names cannot be written.
pub fn skipped(test: &str, why: &str) {
    let why = why.replace('\n', " ");
    #[allow(clippy::print_stderr, reason = "a test that did not run says so")]
    let () = eprintln!("SKIPPED {test}: {why}");
    if let Some(path) = std::env::var_os(SKIPPED_TESTS) {
        // One write: tests of other programs add theirs at the same time.
        let file = OpenOptions::new().create(true).append(true).open(&path);
        let written =
            file.and_then(|mut file| file.write_all(format!("{test}: {why}\n").as_bytes()));
        written.unwrap_or_else(|error| panic!("{SKIPPED_TESTS} names {}: {error}", path.display()));
    }
}
