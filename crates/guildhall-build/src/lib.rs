//! Turns a game's protos into Rust, from the game's `build.rs` and without protoc.
//!
//! ```no_run
//! fn main() -> guildhall_build::Result {
//!     guildhall_build::compile(&["proto/hello.proto"], &["proto"])
//! }
//! ```
//!
//! `guildhall::include_proto!("hello");` then includes the code of package `hello`. `guildhall/options.proto` and Google's well-known
//! types can be imported without a copy in the project; `docs/options.md` describes the options.
//!
//! | for | generated |
//! |---|---|
//! | A message | A struct, by prost |
//! | A service | A trait to implement, a server that dispatches to it, a client that is made from a `Cx` |
//! | A CLIENT service | A sender of pushes |
//! | An entity | A struct with change tracking, its table, its views and their deltas |
//! | An error enum | The conversion to `Status` |
//!
//! Misuse of an option is a build error with file and line.

mod error;
mod options;
mod protos;
mod program;
mod rust;
mod emit;
mod check;

use std::io::Write as _;
use std::path::{Path, PathBuf};

pub use error::{Error, Result};

use program::Program;
use protos::Protos;

/// Compiles `protos` and their imports into `OUT_DIR`, and tells cargo to rerun the build script when one of these files changes.
///
/// # Errors
/// Every mistake in the protos, one line each, with file and line; files that cannot be read or written.
pub fn compile<P: AsRef<Path>, I: AsRef<Path>>(protos: &[P], includes: &[I]) -> Result {
    let out_dir = std::env::var_os("OUT_DIR").ok_or_else(|| {
        Error::new("OUT_DIR is not set: call compile from a build script, or compile_to anywhere")
    })?;
    let read = compile_to(protos, includes, out_dir)?;
    let mut cargo = std::io::stdout().lock();
    for path in read {
        writeln!(cargo, "cargo::rerun-if-changed={}", path.display())
            .map_err(|err| Error::new(format!("cannot write to cargo: {err}")))?;
    }
    Ok(())
}

/// Compiles `protos` and their imports into `out_dir`, and returns the files that it read.
///
/// # Errors
/// Every mistake in the protos, one line each, with file and line; files that cannot be read or written.
pub fn compile_to<P: AsRef<Path>, I: AsRef<Path>>(
    protos: &[P],
    includes: &[I],
    out_dir: impl AsRef<Path>,
) -> Result<Vec<PathBuf>> {
    let protos = Protos::read(protos, includes)?;
    let program = Program::read(&protos)?;
    check::check(&program, &protos)?;
    for (name, contents) in emit::emit(&program, &protos)? {
        write_if_changed(&out_dir.as_ref().join(name), &contents)?;
    }
    Ok(protos.paths())
}

/// Leaves an unchanged file alone, so that cargo does not rebuild what includes it.
fn write_if_changed(path: &Path, contents: &[u8]) -> Result {
    if std::fs::read(path).is_ok_and(|old| old == contents) {
        return Ok(());
    }
    std::fs::write(path, contents)
        .map_err(|err| Error::new(format!("cannot write {}: {err}", path.display())))
}
