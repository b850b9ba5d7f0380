//! Protos in, code or errors out.

mod entities;
mod errors;
mod files;
mod generated;
mod names;
mod rpc;

use std::path::Path;

/// Compiles one proto into a new folder and gives that folder.
fn compile(proto: &str) -> Result<tempfile::TempDir, String> {
    let dir = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(dir.path().join("t.proto"), proto).expect("it is ours");
    let result = guildhall_build::compile_to(&[dir.path().join("t.proto")], &[dir.path()], &dir);
    match result {
        Ok(_) => Ok(dir),
        Err(err) => Err(without(dir.path(), &err.to_string())),
    }
}

/// Error text without the path of the temporary folder.
fn without(dir: &Path, text: &str) -> String {
    text.replace(&format!("{}/", dir.display()), "")
}

/// Line 1 of every proto here.
const PRELUDE: &str = "syntax = \"proto3\"; package t; \
    import \"guildhall/options.proto\"; import \"google/protobuf/empty.proto\"; \
    message Req { string id = 1; string role_id = 2; } message Rsp {}";

/// The only error of `body`, which begins on line 2.
fn check(body: &str, expected: &str) {
    match compile(&format!("{PRELUDE}\n{body}")) {
        Ok(_) => panic!("no error in\n{body}"),
        Err(found) => assert_eq!(found, format!("t.proto:{expected}"), "in\n{body}"),
    }
}

/// `body` has no error.
fn accept(body: &str) {
    if let Err(found) = compile(&format!("{PRELUDE}\n{body}")) {
        panic!("{found}\nin\n{body}");
    }
}
