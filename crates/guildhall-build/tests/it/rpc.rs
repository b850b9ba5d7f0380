//! Misuse of services and methods.

use crate::{accept, check};

/// A CONCURRENT service with one method, on line 3 from column 3.
fn concurrent(rpc: &str) -> String {
    format!("service Echo {{\n  {rpc}\n}}")
}

fn actor(rpc: &str) -> String {
    format!("service Role {{ option (guildhall.service) = {{ model: ACTOR }};\n  {rpc}\n}}")
}

fn client(rpc: &str) -> String {
    format!("service Events {{ option (guildhall.service) = {{ model: CLIENT }};\n  {rpc}\n}}")
}

/// `Get` of Req with these options.
fn get(options: &str) -> String {
    format!("rpc Get(Req) returns (Rsp) {{ option (guildhall.rpc) = {{ {options} }}; }}")
}

/// `Get` with this message as its request and `key: "k"`.
fn keyed_by(field: &str) -> String {
    actor("rpc Get(K) returns (Rsp) { option (guildhall.rpc) = { key: \"k\" }; }")
        + &format!("\nenum E {{ A = 0; }} message K {{ {field} }}")
}

#[test]
fn a_misspelt_key_is_an_error_that_names_the_nearest_field() {
    check(
        &actor(&get("key: \"rol_id\"")),
        "3:3: error: key `rol_id` is not a field of Req; did you mean `role_id`?",
    );
    check(
        &actor(&get("key: \"something\"")),
        "3:3: error: key `something` is not a field of Req; it has `id`, `role_id`",
    );
    check(
        &actor("rpc Get(Rsp) returns (Rsp) { option (guildhall.rpc) = { key: \"id\" }; }"),
        "3:3: error: key `id` is not a field of Rsp; it has none",
    );
}

#[test]
fn strings_and_varint_integers_are_keys() {
    for kind in ["string", "int32", "int64", "uint32", "uint64"] {
        accept(&keyed_by(&format!("{kind} k = 3;")));
    }
}

#[test]
fn other_types_are_no_keys() {
    let types = [("bool", "bool"), ("sint64", "sint64"), ("fixed32", "fixed32")];
    let more = [("double", "double"), ("bytes", "bytes"), ("E", "E"), ("Rsp", "Rsp")];
    for (kind, shown) in types.into_iter().chain(more) {
        check(
            &keyed_by(&format!("{kind} k = 1;")),
            &format!(
                "3:3: error: key `k` of K has type {shown}; a key is a string, int32, int64, uint32 or uint64"
            ),
        );
    }
}

#[test]
fn a_key_is_one_value_that_is_always_there() {
    check(
        &keyed_by("repeated string k = 1;"),
        "3:3: error: key `k` of K is repeated; a key is one value",
    );
    check(
        &keyed_by("map<string, string> k = 1;"),
        "3:3: error: key `k` of K is repeated; a key is one value",
    );
    check(
        &keyed_by("oneof o { string k = 1; }"),
        "3:3: error: key `k` of K is in a oneof; a key is always there: move it out",
    );
    check(
        &keyed_by("optional string k = 1;"),
        "3:3: error: key `k` of K is optional; a key is always there: drop `optional`",
    );
}

#[test]
fn a_oneway_method_returns_empty() {
    check(
        &concurrent(&get("oneway: true")),
        "3:3: error: `Echo.Get` is oneway but returns Rsp; return google.protobuf.Empty, or drop oneway",
    );
    accept(&concurrent(
        "rpc Get(Req) returns (google.protobuf.Empty) { option (guildhall.rpc) = { oneway: true }; }",
    ));
}

#[test]
fn an_actor_method_has_a_key_unless_it_is_oneway() {
    check(
        &actor("rpc Get(Req) returns (Rsp);"),
        "3:3: error: `Role.Get` has no key, so its actor cannot be found; \
         add option (guildhall.rpc) = { key: \"...\" }",
    );
    accept(&actor(
        "rpc Get(Req) returns (google.protobuf.Empty) { option (guildhall.rpc) = { oneway: true }; }",
    ));
}

#[test]
fn a_stream_is_an_error_with_a_hint() {
    for rpc in ["rpc Get(stream Req) returns (Rsp);", "rpc Get(Req) returns (stream Rsp);"] {
        check(
            &concurrent(rpc),
            "3:3: error: `Echo.Get` is a stream; methods have one request and one response: \
             use open_stream, or oneway methods",
        );
    }
}

#[test]
fn two_methods_with_one_id_are_an_error() {
    check(
        "service Echo { rpc Gsqyag(Req) returns (Rsp);\n  rpc Tupbcb(Req) returns (Rsp); }",
        "3:3: error: `/t.Echo/Gsqyag` and `/t.Echo/Tupbcb` have the same method id 0xec24cf02; \
         rename one",
    );
}

#[test]
fn two_methods_with_one_name_in_rust_are_an_error() {
    check(
        "service Echo { rpc PowerUp(Req) returns (Rsp);\n  rpc Power_Up(Req) returns (Rsp); }",
        "3:3: error: `PowerUp` and `Power_Up` are both `power_up` in Rust; rename one",
    );
}

#[test]
fn names_of_the_generated_clients_own_methods_are_taken() {
    for name in ["New", "At", "Random", "Hash", "To", "List", "All", "Group", "Topic"] {
        check(
            &concurrent(&format!("rpc {name}(Req) returns (Rsp);")),
            &format!(
                "3:3: error: `Echo.{name}` would be `{}` in Rust, which the generated client has \
                 already; rename it",
                name.to_lowercase()
            ),
        );
    }
    for name in ["To", "List", "All", "Others"] {
        check(
            &client(&format!("rpc {name}(Req) returns (google.protobuf.Empty);")),
            &format!(
                "3:3: error: `Events.{name}` would be `{}` in Rust, which the generated sender of \
                 pushes has already; rename it",
                name.to_lowercase()
            ),
        );
    }
    check(
        &actor("rpc Tick(Req) returns (Rsp) { option (guildhall.rpc) = { key: \"id\" }; }"),
        "3:3: error: `Role.Tick` would be `tick` in Rust, which the trait Actor has already; rename it",
    );
    accept(&concurrent("rpc Tick(Req) returns (Rsp);"));
}

#[test]
fn pushes_return_empty_and_have_no_options_of_calls() {
    check(
        &client("rpc Said(Req) returns (Rsp);"),
        "3:3: error: `Events.Said` is a push to clients, who do not answer, but returns Rsp; \
         return google.protobuf.Empty",
    );
    let said = |options: &str| {
        client(&format!(
            "rpc Said(Req) returns (google.protobuf.Empty) {{ option (guildhall.rpc) = {{ {options} }}; }}"
        ))
    };
    check(
        &said("client: true"),
        "3:3: error: `Events.Said` is a push to clients and has client: true, which is for calls \
         by clients; drop it",
    );
    check(
        &said("key: \"id\""),
        "3:3: error: `Events.Said` has a key, but pushes go to players; drop it",
    );
    accept(&said("trace: true"));
}

#[test]
fn key_from_needs_a_client_and_a_key() {
    check(
        &actor(&get("key: \"id\" key_from: BODY")),
        "3:3: error: `Role.Get` has key_from: BODY, which is for calls by clients; \
         add client: true, or drop it",
    );
    for from in ["PLAYER", "BODY"] {
        check(
            &concurrent(&get(&format!("client: true key_from: {from}"))),
            &format!(
                "3:3: error: `Echo.Get` has key_from: {from} but no key; say which field it is with key"
            ),
        );
        accept(&actor(&get(&format!("client: true key: \"id\" key_from: {from}"))));
    }
}

#[test]
fn a_route_by_hash_needs_a_key() {
    check(
        &concurrent(&get("route: HASH")),
        "3:3: error: `Echo.Get` has route: HASH but no key to hash; say which field it is with \
         key: \"...\", or drop it and call with `.hash(..)`",
    );
    accept(&concurrent(&get("key: \"id\" route: HASH")));
    accept(&actor(&get("key: \"id\" route: HASH")));
    check(
        &client(
            "rpc Said(Req) returns (google.protobuf.Empty) { option (guildhall.rpc) = { route: HASH }; }",
        ),
        "3:3: error: `Events.Said` has route: HASH, but pushes go to players; drop it",
    );
}

#[test]
fn a_key_is_a_route_already() {
    for route in ["SINGLE", "LEAST_LOAD"] {
        check(
            &concurrent(&get(&format!("key: \"id\" route: {route}"))),
            &format!(
                "3:3: error: `Echo.Get` has route: {route} and a key, which is a route already; drop one"
            ),
        );
        accept(&concurrent(&get(&format!("route: {route}"))));
    }
}

#[test]
fn durable_create_and_keep_on_error_are_for_actors() {
    for option in ["durable", "create", "keep_on_error"] {
        check(
            &concurrent(&get(&format!("{option}: true"))),
            &format!(
                "3:3: error: `Echo.Get` has {option}: true, which is for methods of ACTOR services; drop it"
            ),
        );
        accept(&actor(&get(&format!("key: \"id\" {option}: true"))));
        for model in ["SERIAL", "INTERLEAVED"] {
            let rpc = get(&format!("{option}: true"));
            check(
                &format!(
                    "service Echo {{ option (guildhall.service) = {{ model: {model} }};\n  {rpc}\n}}"
                ),
                &format!(
                    "3:3: error: `Echo.Get` has {option}: true, which is for methods of ACTOR services; drop it"
                ),
            );
        }
    }
}
