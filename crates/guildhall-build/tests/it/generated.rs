//! What the generated code has, and what the embedded descriptors keep. That it compiles and works is for
//! `examples/proto` and those who use it.

use prost_reflect::DescriptorPool;

use crate::compile;

const SAMPLE: &str = r#"
syntax = "proto3";
package demo.role;
import "guildhall/options.proto";
import "google/protobuf/empty.proto";

// Roles [all of them].
service Role {
  option (guildhall.service) = { model: ACTOR };
  // Powers up.
  rpc PowerUp(PowerUpReq) returns (Rsp) {
    option (guildhall.rpc) = { key: "role_id" client: true durable: true timeout_ms: 500 };
  }
  rpc Poke(PowerUpReq) returns (google.protobuf.Empty) {
    option (guildhall.rpc) = { key: "role_id" client: true key_from: BODY oneway: true };
  }
}
service Greeter { rpc Say(PowerUpReq) returns (Rsp); }
service Ranking {
  option (guildhall.service) = { model: SERIAL };
  rpc Top(PowerUpReq) returns (Rsp);
}
service Lobby {
  option (guildhall.service) = { model: INTERLEAVED };
  rpc Enter(PowerUpReq) returns (Rsp);
}
service RoleEvents {
  option (guildhall.service) = { model: CLIENT };
  rpc Channel(Rsp) returns (google.protobuf.Empty);
}
message PowerUpReq { uint32 role_id = 3; bytes raw = 4; }
message Rsp {}
message RoleState {
  option (guildhall.entity) = { table: "role" };
  string name = 1 [(guildhall.field) = { views: "brief" unique: true }];
  uint64 id = 2 [(guildhall.field) = { key: true }];
  map<string, int64> items = 3;
}
enum RoleError {
  option (guildhall.errors) = { base: 1200 };
  ROLE_ERROR_UNKNOWN = 0;
  // somebody has that name
  ROLE_ERROR_NAME_TAKEN = 1;
}
"#;

/// Generated code of the sample in one line, so that formatting does not matter.
fn sample() -> String {
    let dir = compile(SAMPLE).expect("the sample is right");
    let code = std::fs::read_to_string(dir.path().join("demo.role.rs")).expect("it was written");
    code.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn has(code: &str, items: &[&str]) {
    for item in items {
        assert!(code.contains(item), "no `{item}` in\n{code}");
    }
}

#[test]
fn services_have_tables_traits_servers_and_clients() {
    has(
        &sample(),
        &[
            "pub static ROLE: ::guildhall::codegen::ServiceDesc",
            "path: \"/demo.role.Role/PowerUp\", id: 0x7112d24e,",
            "KeyField { number: 3, kind: ::guildhall::codegen::KeyKind::Uint, narrow: true, }), key_from_player: true,",
            "oneway: false, trace: false, client: true, durable: true, idempotent: false, create: false, \
             timeout_ms: 500, keep_on_error: false,",
            "kind: ::guildhall::codegen::KeyKind::Uint, narrow: true, }), key_from_player: false,",
            "/// Roles \\[all of them\\].",
            "pub trait Role: ::guildhall::codegen::Actor {",
            "/// Powers up. fn power_up( &mut self, cx: &::guildhall::codegen::ActorCx, req: PowerUpReq, )",
            "impl<A_: Role> ::guildhall::codegen::ActorServices<A_> for RoleServer {",
            "pub const POWER_UP: ::guildhall::codegen::Method<PowerUpReq, Rsp>",
            "|req: &PowerUpReq| ::guildhall::codegen::KeyText::Uint( u64::from(req.role_id), )",
            "::guildhall::codegen::cast( self.cx, Self::POKE,",
            "pub trait Greeter: ::core::marker::Send + ::core::marker::Sync + 'static {",
            "impl<T_: Greeter> ::guildhall::codegen::Service for GreeterServer<T_> {",
            "pub fn hash(self, key: impl ::core::fmt::Display) -> Self {",
        ],
    );
}

#[test]
fn services_whose_calls_wait_for_each_other_have_a_lane() {
    has(
        &sample(),
        &[
            "model: ::guildhall::codegen::Model::Serial,",
            "pub trait Ranking: ::core::marker::Send + 'static {",
            "fn top( &mut self, cx: &::guildhall::codegen::Cx, req: PowerUpReq, )",
            "pub struct RankingServer(::guildhall::codegen::Lane);",
            "pub fn new<T_: Ranking>(service: T_) -> Self {",
            "pub struct RankingClient<'a> {",
            "model: ::guildhall::codegen::Model::Interleaved,",
            "type State: ::core::marker::Send + 'static;",
            "fn enter( &self, cx: &::guildhall::codegen::Cx, \
             state: &::guildhall::codegen::Interleaved<Self::State>, req: PowerUpReq, )",
            "pub fn new<T_: Lobby>(service: T_, state: T_::State) -> Self {",
            "pub struct LobbyClient<'a> {",
        ],
    );
}

#[test]
fn pushes_have_receivers_and_no_client() {
    let code = sample();
    has(
        &code,
        &[
            "pub struct RoleEvents<'a>",
            "Players::One(player.into())",
            "pub fn list<P: ::core::convert::Into<::std::string::String>>(",
            "pub fn all(cx: &'a ::guildhall::codegen::Cx) -> Self",
            "pub fn channel( &self, msg: Rsp, )",
        ],
    );
    assert!(!code.contains("RoleEventsClient"));
}

#[test]
fn entities_have_a_table_setters_and_views() {
    has(
        &sample(),
        &[
            "pub static ROLE_STATE_TABLE: ::guildhall::codegen::Table",
            "key: ::guildhall::codegen::Column { number: 2, name: \"id\",",
            "number: 1, name: \"name\", kind: ::guildhall::codegen::Kind::Text, unique: true, index: false,",
            "number: 3, name: \"items\", kind: ::guildhall::codegen::Kind::Proto,",
            "pub fn set_name( &mut self, value: impl ::core::convert::Into<",
            "pub fn items_mut(",
            "pub fn view(&self, view: RoleStateView) -> RoleState {",
            "pub enum RoleStateView { /// View `brief`. Brief, }",
            "impl ::core::ops::Deref for RoleStateEntity {",
        ],
    );
    assert!(!sample().contains("set_id"), "the key does not change");
}

#[test]
fn errors_have_reasons_and_texts() {
    has(
        &sample(),
        &[
            "impl ::guildhall::codegen::ErrorEnum for RoleError",
            "::guildhall::codegen::Reason::new(1200 + self as u32)",
            "0 => \"unknown\", 1 => \"somebody has that name\",",
            "impl ::core::convert::From<RoleError> for ::guildhall::codegen::Status {",
        ],
    );
}

#[test]
fn every_item_keeps_the_lints_of_its_surroundings_away() {
    let dir = compile(SAMPLE).unwrap();
    let code = std::fs::read_to_string(dir.path().join("demo.role.rs")).unwrap();
    let items = ["pub ", "impl", "static "];
    let count = |prefix: &str| code.lines().filter(|line| line.starts_with(prefix)).count();
    let of_items: usize = items.iter().map(|item| count(item)).sum();
    assert_eq!(count("#[allow("), of_items);
}

#[test]
fn generated_code_names_the_facade_only() {
    for word in sample().split_whitespace().filter(|word| word.contains("prost")) {
        let named = word.contains("::guildhall::prost") || word.contains("#[prost");
        assert!(named || word.starts_with("[prost(skip_debug)"), "{word}");
    }
}

#[test]
fn embedded_descriptors_stand_alone_and_keep_the_options() {
    let dir = compile(SAMPLE).unwrap();
    let bytes = std::fs::read(dir.path().join("demo.role.descriptors.bin")).unwrap();
    let pool = DescriptorPool::decode(bytes.as_slice()).unwrap();
    let service = pool.get_service_by_name("demo.role.Role").unwrap();
    let method = service.methods().next().unwrap();
    let rpc = pool.get_extension_by_name("guildhall.rpc").unwrap();
    let options = method.options();
    let options = options.get_extension(&rpc);
    let key = options.as_message().unwrap().get_field_by_name("key").unwrap();
    assert_eq!(key.as_str(), Some("role_id"));
    let file = service.parent_file();
    assert!(file.file_descriptor_proto().source_code_info.is_none(), "comments stay at home");
}

#[test]
fn method_ids_are_fnv1a_32_of_the_path() {
    let code = sample();
    for (path, id) in [
        ("Role/PowerUp", 0x7112_d24e_u32),
        ("Role/Poke", 0xdd1e_8777),
        ("RoleEvents/Channel", 0x68af_ec94),
    ] {
        has(&code, &[&format!("path: \"/demo.role.{path}\", id: {id:#010x},")]);
    }
}

#[test]
fn methods_without_reply_and_key_can_be_cast_to_many() {
    const CASTS: &str = r#"
        syntax = "proto3";
        package bells;
        import "guildhall/options.proto";
        import "google/protobuf/empty.proto";
        message Msg { string id = 1; }
        service Bell {
          rpc Ring(Msg) returns (google.protobuf.Empty) { option (guildhall.rpc) = { oneway: true }; }
          rpc Ask(Msg) returns (Msg);
        }
        service Ringer {
          option (guildhall.service) = { model: ACTOR };
          rpc Hear(Msg) returns (google.protobuf.Empty) { option (guildhall.rpc) = { oneway: true }; }
          rpc Poke(Msg) returns (google.protobuf.Empty) { option (guildhall.rpc) = { oneway: true key: "id" }; }
        }
        service Player {
          option (guildhall.service) = { model: ACTOR };
          rpc Poke(Msg) returns (google.protobuf.Empty) { option (guildhall.rpc) = { oneway: true key: "id" }; }
        }
    "#;
    let dir = compile(CASTS).unwrap();
    let code = std::fs::read_to_string(dir.path().join("bells.rs")).unwrap();
    let methods = |casts: &str| {
        let (_, body) = code.split_once(&format!("impl<'a> {casts}<'a> {{")).expect(casts);
        let (body, _) = body.split_once("\n}").expect("it ends");
        let names = body.lines().filter_map(|line| line.trim().strip_prefix("pub fn "));
        names.filter_map(|name| Some(name.split_once('(')?.0.to_owned())).collect::<Vec<_>>()
    };
    assert_eq!(
        (methods("BellCasts"), methods("RingerCasts")),
        (vec!["ring".into()], vec!["hear".into()])
    );
    assert!(!code.contains("PlayerCasts"), "a key names one actor, so nothing can be cast to many");
    assert_eq!(code.matches("pub async fn subscribe(").count(), 2);
}
