//! Tests of this module: names and texts of the outside stay within their quotes.

use prost_reflect::DescriptorPool;

use super::*;

/// The entities of a proto that imports the options of this workspace.
fn entities(proto: &str) -> Result<Entities, String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../crates/guildhall-build/proto");
    let mut resolver = protox::file::ChainFileResolver::new();
    resolver.add(Only(proto.to_owned()));
    resolver.add(protox::file::GoogleFileResolver::new());
    resolver.add(protox::file::IncludeFileResolver::new(folder.into()));
    let mut compiler = protox::Compiler::with_file_resolver(resolver);
    compiler.include_imports(true).open_file("a.proto").unwrap();
    let pool = DescriptorPool::decode(compiler.encode_file_descriptor_set().as_slice()).unwrap();
    let mut entities = Entities::default();
    entities.add(&pool).map(|()| entities)
}

/// A file `a.proto`.
struct Only(String);

impl protox::file::FileResolver for Only {
    fn open_file(&self, name: &str) -> Result<protox::file::File, protox::Error> {
        match name {
            "a.proto" => protox::file::File::from_source(name, &self.0),
            _ => Err(protox::Error::file_not_found(name)),
        }
    }
}

fn with(messages: &str) -> String {
    format!("syntax = \"proto3\"; package a; import \"guildhall/options.proto\"; {messages}")
}

#[test]
fn only_types_within_entities_are_in_the_script() {
    let proto = with(
        r#"message Hero { option (guildhall.entity) = { table: "hero" };
           string id = 1 [(guildhall.field) = { key: true }]; repeated Bag bags = 2; optional bool b = 3; bytes raw = 4; }
           message Bag { map<string, Item> items = 1; } message Item { Bag inner = 1; } message Other {}"#,
    );
    let sql = entities(&proto).unwrap().sql("guildhall").unwrap();
    assert!(sql.contains("(E'hero', E'a.Hero', ARRAY[E'bags', E'b']::text[])"), "{sql}");
    assert!(sql.contains(r#""a.Item""#) && !sql.contains("a.Other"), "{sql}");
    assert!(sql.contains(r#"CREATE SCHEMA IF NOT EXISTS "guildhall_json";"#), "{sql}");
    assert!(!sql.contains('@'), "{sql}");
}

#[test]
fn hostile_tables_and_schemas_stay_within_their_quotes() {
    let table = r#"x'; DROP $guildhall$ \\' \" @views@"#;
    let proto = with(&format!(
        r#"message Hero {{ option (guildhall.entity) = {{ table: "{table}" }}; string id = 1; }}"#
    ));
    let sql = entities(&proto).unwrap().sql("a\"b'c").unwrap();
    assert!(sql.contains(r#"(E'x''; DROP $guildhall$ \\'' " @views@', E'a.Hero'"#), "{sql}");
    assert!(sql.contains("DO $_guildhall$\n") && sql.contains("\n$_guildhall$;"), "{sql}");
    assert!(sql.contains(r#"CREATE SCHEMA IF NOT EXISTS "a""b'c_json";"#), "{sql}");
}

#[test]
fn names_that_no_server_can_have_and_tables_of_two_messages_are_refused() {
    let hero = |name: &str, table: &str| {
        format!(
            "message {name} {{ option (guildhall.entity) = {{ table: \"{table}\" }}; string id = 1; }}"
        )
    };
    for table in ["", &"x".repeat(64), "a\\000b"] {
        let error = entities(&with(&hero("Hero", table))).unwrap_err();
        assert!(error.contains("entity a.Hero has the table"), "{error}");
    }
    let error = entities(&with(&(hero("A", "x") + &hero("B", "x")))).unwrap_err();
    assert!(error.contains("a.A and a.B both have the table \"x\""), "{error}");
    let one = entities(&with(&hero("A", "x"))).unwrap();
    for schema in ["", &"x".repeat(59), "a\0"] {
        assert!(one.sql(schema).unwrap_err().contains("must have 1 to 58 bytes"));
    }
    let error = entities(&with("message A {}")).unwrap().sql("guildhall").unwrap_err();
    assert!(error.contains("there is no entity"), "{error}");
}
