//! Generates the code of the demo's protos.
//!
//! With the feature `next` they are those of a later release: the lines behind `//next:` count. So one source is two builds, of
//! which the second knows a column, a message and a method that the first does not.

use std::path::{Path, PathBuf};
use std::{env, fs};

const PROTOS: [&str; 7] = ["club", "ledger", "login", "online", "role", "uid", "wallet"];

fn main() -> guildhall_build::Result {
    let folder = match env::var_os("CARGO_FEATURE_NEXT") {
        None => PathBuf::from("proto"),
        Some(_) => next().expect("the folder of the build can be written"),
    };
    let protos = PROTOS.map(|name| folder.join(format!("demo/{name}.proto")));
    guildhall_build::compile(&protos, &[&folder])
}

/// Copies the protos as they will be.
fn next() -> std::io::Result<PathBuf> {
    println!("cargo::rerun-if-changed=proto");
    let folder = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join("proto");
    fs::create_dir_all(folder.join("demo"))?;
    for name in PROTOS {
        let name = format!("demo/{name}.proto");
        let text = fs::read_to_string(Path::new("proto").join(&name))?;
        fs::write(folder.join(&name), text.replace("//next: ", ""))?;
    }
    Ok(folder)
}
