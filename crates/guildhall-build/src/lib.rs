//! Turns a game's protos into Rust, from the game's `build.rs` and without protoc.
//!
//! ```no_run
//! fn main() -> guildhall_build::Result {
//!     guildhall_build::compile(&["proto/hello.proto"], &["proto"])
//! }
//! ```
//!
//! Then `guildhall::include_proto!("hello");` where the code of package `hello` is wanted. `guildhall/options.proto` and
//! Google's well-known types can be imported without a copy of them.
//!
//! | generated for | what |
//! |---|---|
//! | a message | the struct, by prost |
//! | a service | a trait to implement, a server that dispatches to it, a client made from a `Cx` |
//! | a CLIENT service | the pushes |
//! | an entity | a struct with dirty bits, its table, its views and their deltas |
//! | an error enum | the conversion to `Status` |
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

/// Compiles `protos` and everything they import into `OUT_DIR`, and tells cargo which files that depends on.
///
/// # Errors
/// Everything that is wrong with the protos, each line with its place.
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

/// Compiles `protos` and everything they import into `out_dir`, and says which files it read.
///
/// # Errors
/// Everything that is wrong with the protos, each line with its place.
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
