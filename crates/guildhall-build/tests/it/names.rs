//! Names that cannot be in Rust what they are in protos: each is one error with its place, or builds.

use crate::{accept, check, compile};

#[test]
fn two_things_with_one_name_in_rust_are_an_error() {
    check(
        "message foo_bar {}\nmessage FooBar {}",
        "3:1: error: `foo_bar` and `FooBar` are both `FooBar` in Rust; rename one",
    );
    check(
        "message Foo { message a_b {}\nenum A_B { Z = 0; } }",
        "3:1: error: `a_b` and `A_B` are both `AB` in Rust; rename one",
    );
    check(
        "enum Foo_Bar { Z = 0; }\nservice FooBar { rpc Get(Req) returns (Rsp); }",
        "2:1: error: `FooBar` and `Foo_Bar` are both `FooBar` in Rust; rename one",
    );
    check(
        "enum Mood { MOOD_UNKNOWN = 0;\nUNKNOWN = 1; }",
        "3:1: error: `MOOD_UNKNOWN` and `UNKNOWN` are both `Unknown` in Rust; rename one",
    );
    accept("enum Mood { option allow_alias = true; MOOD_UNKNOWN = 0; UNKNOWN = 0; }");
}

#[test]
fn two_fields_with_one_name_in_rust_are_an_error() {
    // In proto3 the compiler refuses most of these itself.
    let error =
        |body: &str| compile(&format!("syntax = \"proto2\"; package t;\n{body}")).unwrap_err();
    assert_eq!(
        error("message M { optional string FooBar = 1;\noptional string foo_bar = 2; }"),
        "t.proto:3:1: error: `FooBar` and `foo_bar` are both `foo_bar` in Rust; rename one"
    );
    assert_eq!(
        error("message M { oneof kind { string a_b = 1;\nstring A_b = 2; } }"),
        "t.proto:3:1: error: `a_b` and `A_b` are both `AB` in Rust; rename one"
    );
    check(
        "message M { string kind = 1;\noneof Kind { string a = 2; } }",
        "3:1: error: `kind` and `Kind` are both `kind` in Rust; rename one",
    );
}

#[test]
fn a_name_of_something_generated_is_an_error_wherever_it_is_taken() {
    check(
        "service Echo { rpc Get(Req) returns (Rsp); }\nservice EchoClient { rpc Get(Req) returns (Rsp); }",
        "3:1: error: `EchoClient` is the name of something generated for service `Echo`; rename the service",
    );
    check(
        "service Echo { rpc Get(Req) returns (Rsp); }\nenum EchoServer { Z = 0; }",
        "3:1: error: `EchoServer` is the name of something generated for service `Echo`; rename the enum",
    );
    let entity = "message Foo { option (guildhall.entity) = { table: \"foo\" }; \
        uint64 id = 1 [(guildhall.field) = { key: true }]; }";
    check(
        &format!("{entity}\nservice FooTable {{ rpc Get(Req) returns (Rsp); }}"),
        "3:1: error: `FOO_TABLE` is the name of something generated for entity `Foo`; rename the service",
    );
}

#[test]
fn a_name_without_letters_and_digits_is_an_error() {
    check(
        "message M { string a = 1;\nstring _ = 2; }",
        "3:1: error: field `_` has no letter and no digit, so it has no name in Rust; rename it",
    );
    check(
        "message M {}\nmessage __ {}",
        "3:1: error: message `__` has no letter and no digit, so it has no name in Rust; rename it",
    );
    check(
        "service Echo {\n  rpc _(Req) returns (Rsp);\n}",
        "3:3: error: method `_` has no letter and no digit, so it has no name in Rust; rename it",
    );
    check(
        "enum E { Z = 0;\n_ = 1; }",
        "3:1: error: value `_` has no letter and no digit, so it has no name in Rust; rename it",
    );
}

#[test]
fn methods_that_two_fields_would_have_are_an_error() {
    let entity = |fields: &str| {
        format!(
            "message Foo {{ option (guildhall.entity) = {{ table: \"foo\" }}; \
             uint64 id = 1 [(guildhall.field) = {{ key: true }}];\n{fields} }}"
        )
    };
    check(
        &entity("string x_mut = 2;\nstring set_x = 3;"),
        "4:1: error: `set_x_mut` would be generated for field `x_mut` and for field `set_x`; rename one",
    );
    accept(&entity(
        "string state = 2; string meta = 3; string x = 4; string set_x = 5; string _1 = 6;",
    ));
    check(
        "enum E { Z = 0; }\nmessage M { E x = 1;\nE set_x = 2; }",
        "4:1: error: `set_x` would be generated for field `x` and for field `set_x`; rename one",
    );
    check(
        "enum E { Z = 0; } message M {\nmap<string, E> type = 1; }",
        "3:1: error: `type` is a keyword in Rust, and there can be no methods for a map of enums of \
         that name; rename the field",
    );
}

#[test]
fn a_message_with_an_inside_beside_a_package_of_its_name_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    file("a.proto", "syntax = \"proto3\"; package a;\nmessage FooBar { message In {} }");
    file("b.proto", "syntax = \"proto3\"; package a.foo_bar; message B {}");
    let error = guildhall_build::compile_to(&["a.proto", "b.proto"], &[dir.path()], &dir);
    let error = error.expect_err("both are the module `foo_bar`").to_string();
    let expected = "a.proto:2:1: error: what is inside message `FooBar` is in the Rust module of package `a.foo_bar`; rename one";
    assert!(error.ends_with(expected), "{error}");
}

#[test]
fn a_oneof_beside_a_type_of_its_name_is_in_views_under_the_name_that_it_has() {
    let dir = compile(
        "syntax = \"proto3\"; package t; import \"guildhall/options.proto\";
         message Foo { option (guildhall.entity) = { table: \"foo\" };
           uint64 id = 1 [(guildhall.field) = { key: true }];
           Pet pet = 2 [(guildhall.field) = { views: \"brief\" }]; }
         message Pet { enum Kind { Z = 0; }
           oneof kind { string cat = 2 [(guildhall.field) = { views: \"brief\" }]; string dog = 3; } }",
    );
    let code = std::fs::read_to_string(dir.unwrap().path().join("t.rs")).unwrap();
    assert!(code.contains("Some(pet::KindOneOf::Cat(it))"), "{code}");
}

#[test]
fn code_in_comments_is_no_doctest() {
    let dir = compile(
        "syntax = \"proto3\"; package t;\n// Text.\n//\n// ```\n// code\n// ```\nmessage A {}\n\
         // Text.\n//\n//     code\nmessage B { string plain = 1; }\n// Only text.\nmessage C {}",
    );
    let code = std::fs::read_to_string(dir.unwrap().path().join("t.rs")).unwrap();
    assert!(code.contains("#[cfg_attr(not(doctest), doc = \" ```\")]"), "{code}");
    assert!(code.contains("#[cfg_attr(not(doctest), doc = \"      code\")]"), "{code}");
    assert!(code.contains("/// Only text."), "{code}");
    let docs: Vec<_> = code.lines().filter(|line| line.trim().starts_with("///")).collect();
    assert!(docs.iter().all(|line| !line.contains("code") && !line.contains("```")), "{docs:?}");
}

#[test]
fn deprecated_fields_are_no_warning_where_the_code_is_included() {
    let dir = compile(
        "syntax = \"proto3\"; package t; enum E { Z = 0; Y = 1 [deprecated = true]; }
         message A { string a = 1 [deprecated = true]; oneof o { string b = 2 [deprecated = true]; } }",
    );
    let code = std::fs::read_to_string(dir.unwrap().path().join("t.rs")).unwrap();
    assert!(!code.contains("#[deprecated]"), "{code}");
    assert_eq!(code.matches("/// Deprecated in the proto.").count(), 3, "{code}");
}
