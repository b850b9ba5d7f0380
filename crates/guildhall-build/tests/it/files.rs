//! Which files are read and written, and errors that are not about options.

use std::process::Command;

use crate::{check, compile, without};

#[test]
fn errors_of_the_compiler_have_the_path_on_disk() {
    let error = compile("syntax = \"proto3\"; package t;\nmessage A { Missing m = 1; }").err();
    let error = error.expect("a type is missing");
    assert!(error.starts_with("t.proto:2:13: "), "{error}");
    let error =
        compile("syntax = \"proto3\"; package t;\nmessage {").expect_err("a name is missing");
    assert!(error.starts_with("t.proto:2:9: "), "{error}");
}

#[test]
fn a_misspelt_option_is_an_error_that_tells_the_options() {
    let error = compile(
        "syntax = \"proto3\"; package t; import \"guildhall/options.proto\";
         service S { option (guildhall.service) = { modle: ACTOR }; }",
    );
    assert_eq!(
        error.expect_err("`modle` is not an option"),
        "t.proto:2:22: invalid value of type 'guildhall.ServiceOptions' for option \
         '(guildhall.service)'; it has model: CONCURRENT | SERIAL | INTERLEAVED | ACTOR | CLIENT"
    );
}

#[test]
fn a_byte_order_mark_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    file(
        "a.proto",
        "\u{feff}syntax = \"proto3\"; package a; import \"b.proto\"; message A { b.B b = 1; }",
    );
    file("b.proto", "\u{feff}syntax = \"proto3\"; package b; message B {}");
    let read = guildhall_build::compile_to(&["a.proto"], &[dir.path()], &dir).unwrap();
    let read: Vec<_> =
        read.iter().map(|path| without(dir.path(), &path.display().to_string())).collect();
    assert_eq!(read, ["a.proto", "b.proto"], "cargo is told of both");
    file("b.proto", "\u{feff}syntax = \"proto3\"; package b;\nmessage B { Missing m = 1; }");
    let error = guildhall_build::compile_to(&["a.proto"], &[dir.path()], &dir).unwrap_err();
    let error = without(dir.path(), &error.to_string());
    assert!(error.starts_with("b.proto:2:13: "), "{error}");
}

#[test]
fn an_edition_is_an_error_that_says_what_to_write() {
    let error = compile("edition = \"2023\";\npackage t; message A {}").expect_err("an edition");
    assert!(error.starts_with("t.proto:1:1: "), "{error}");
    assert!(
        error.ends_with("; editions are not supported: begin the file with `syntax = \"proto3\";`"),
        "{error}"
    );
}

#[test]
fn a_file_without_a_package_is_an_error() {
    let error = compile("syntax = \"proto3\"; message A {}").expect_err("there is no package");
    assert_eq!(error, "t.proto:1:1: error: the file has no package; add one, e.g. `package game;`");
}

#[test]
fn names_of_generated_types_are_taken() {
    check(
        "service Echo { rpc Get(Req) returns (Rsp); }\nmessage EchoClient {}",
        "3:1: error: `EchoClient` is the name of something generated for service `Echo`; rename the message",
    );
}

#[test]
fn every_error_is_reported_at_once() {
    let error = compile(
        "syntax = \"proto3\"; package t; import \"guildhall/options.proto\"; message M {}
service A { rpc New(M) returns (M);
  rpc Get(stream M) returns (M); }",
    );
    let error = error.expect_err("two are wrong");
    let places: Vec<_> = error.lines().map(|line| &line[..12]).collect();
    assert_eq!(places, ["t.proto:2:13", "t.proto:3:3:"]);
}

#[test]
fn the_files_that_were_read_are_told_and_one_import_is_generated_too() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    file(
        "a.proto",
        "syntax = \"proto3\"; package a; import \"b.proto\"; message A { b.x.B b = 1; }",
    );
    file("b.proto", "syntax = \"proto3\"; package b.x; message B {}");
    let includes = [dir.path()];
    let read = guildhall_build::compile_to(&["a.proto"], &includes, &dir).unwrap();
    let read: Vec<_> =
        read.iter().map(|path| without(dir.path(), &path.display().to_string())).collect();
    assert_eq!(read, ["a.proto", "b.proto"]);
    let code = std::fs::read_to_string(dir.path().join("a.rs")).unwrap();
    assert!(code.contains("Option<super::b::x::B>"), "{code}");
    assert!(dir.path().join("b.x.rs").exists());
}

#[test]
fn unchanged_output_is_not_written_again() {
    let dir = compile("syntax = \"proto3\"; package t; message M {}").unwrap();
    let (proto, code) = (dir.path().join("t.proto"), dir.path().join("t.rs"));
    let mut permissions = std::fs::metadata(&code).unwrap().permissions();
    let before = std::fs::metadata(&code).unwrap().modified().unwrap();
    permissions.set_readonly(true);
    std::fs::set_permissions(&code, permissions).unwrap();
    guildhall_build::compile_to(&[proto], &[dir.path()], &dir).unwrap();
    assert_eq!(std::fs::metadata(&code).unwrap().modified().unwrap(), before);
}

#[test]
fn nothing_needs_protoc() {
    let tests = std::env::current_exe().unwrap();
    let run = Command::new(tests)
        .args(["--exact", "generated::services_have_tables_traits_servers_and_clients"])
        .env("PROTOC", "/nonexistent")
        .env("PATH", "")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success() && said.contains("1 passed"), "{said}");
}
