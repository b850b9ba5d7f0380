//! Bodies that are made to swallow the key which the gate appends, so that their sender acts as another player.

use guildhall::status::reason;
use guildhall::{Code, Effect};
use guildhall_wire::{Body, Method, Packet, method_id};
use prost::Message as _;
use proto::room::{InfoReq, MemberRsp};
use serde_json::json;

use crate::clients::{Tcp, Ws, hello};
use crate::world::{World, world};

const JOIN: &str = "/room.Member/Join";
const INFO: &str = "/room.Member/Info";

/// Bodies of `room.Member/Join` for bob that end where a key of `tail` bytes would be taken for something else.
fn hostile(tail: u8) -> Vec<(&'static str, Vec<u8>)> {
    let mut ends: Vec<(&str, Vec<u8>)> = vec![
        ("an unknown field with a length", vec![0x7a, tail]),
        ("a known field with a length", vec![0x12, tail]),
        ("one whose length has two bytes", vec![0x7a, tail | 0x80, 0x00]),
        ("a tag that is half there", vec![0xfa]),
        ("a varint that is half there", vec![0x78, 0x80]),
        ("a varint that is not there", vec![0x78]),
        ("a group that stays open", vec![0x7b]),
        ("a group that holds such a field", vec![0x7b, 0x0a, tail]),
    ];
    let mut fixed = |what, tag: u8, size: u8| {
        if let Some(given) = size.checked_sub(tail) {
            ends.push((what, [vec![tag], vec![0; usize::from(given)]].concat()));
        }
    };
    fixed("32 bits", 0x7d, 4);
    fixed("64 bits", 0x79, 8);
    let bob = b"\x0a\x03bob";
    ends.into_iter().map(|(what, end)| (what, [&bob[..], &end].concat())).collect()
}

/// Players whose appended keys have different sizes, 4 and 8 among them.
const ATTACKERS: [&str; 3] = ["ev", "eve", "evelyn"];

fn tail_of(player: &str) -> u8 {
    2 + u8::try_from(player.len()).unwrap()
}

fn call(id: u64, method: &str, body: Vec<u8>) -> Packet {
    let (method, body) = (Method::Id(method_id(method)), Body::Binary(body.into()));
    Packet::Call {
        id,
        method,
        body,
        answered: 0,
        resent: false,
        traceparent: String::new(),
        timeout_ms: 0,
    }
}

fn cast(method: &str, body: Vec<u8>) -> Packet {
    Packet::Cast { method: Method::Id(method_id(method)), body: Body::Binary(body.into()) }
}

#[track_caller]
fn refused(id: u64, what: &str, answer: &Packet) {
    let Packet::Error { id: of, code, reason, effect, .. } = answer else {
        panic!("{what}: no refusal but {answer:?}");
    };
    let want =
        (id, Code::InvalidArgument as u8, reason::BAD_REQUEST.number(), Effect::NotRun as u8);
    assert_eq!((*of, *code, *reason, *effect), want, "{what}: {answer:?}");
}

/// Bob, who has joined once.
async fn victim(world: &World) -> Tcp {
    let mut bob = Tcp::login(world.tcp(), "bob").await;
    let _joined: MemberRsp = bob.call(1, JOIN, &InfoReq::default()).await.unwrap();
    bob
}

/// Nobody but bob has made bob join.
async fn unharmed(mut bob: Tcp) {
    let rsp: MemberRsp = bob.call(2, INFO, &InfoReq::default()).await.unwrap();
    assert_eq!(rsp.member.unwrap().points, 1, "nobody but bob makes bob join");
}

#[tokio::test]
async fn a_body_that_swallows_the_players_key_is_refused_over_tcp() {
    let world = world().await;
    let bob = victim(&world).await;
    for player in ATTACKERS {
        let mut attacker = Tcp::login(world.tcp(), player).await;
        for (id, (what, body)) in (1..).zip(hostile(tail_of(player))) {
            attacker.send(&cast(JOIN, body.clone())).await;
            attacker.send(&call(id, JOIN, body)).await;
            refused(id, what, &attacker.answer().await);
        }
    }
    unharmed(bob).await;
}

#[tokio::test]
async fn a_body_that_swallows_the_players_key_is_refused_over_a_websocket() {
    let world = world().await;
    let bob = victim(&world).await;
    for player in ATTACKERS {
        let mut attacker = Ws::open(world.ws(), "/", None).await.unwrap();
        attacker.send_packet(&hello(player)).await;
        assert!(matches!(attacker.packet().await, Some(Packet::Welcome(_))));
        for (id, (what, body)) in (1..).zip(hostile(tail_of(player))) {
            attacker.send_packet(&cast(JOIN, body.clone())).await;
            attacker.send_packet(&call(id, JOIN, body)).await;
            refused(id, what, &attacker.packet().await.unwrap());
        }
    }
    unharmed(bob).await;
}

#[tokio::test]
async fn json_has_no_way_to_name_another_player() {
    let world = world().await;
    let bob = victim(&world).await;
    let mut eve = Ws::login(world.ws(), "eve").await;
    let bodies = [
        r#"{"player":"bob"}"#,
        r#"{"player":"bob","name":"\u0012\u0005\u0022\u0004"}"#,
        r#"{"name":"x","player":"bob"}"#,
    ];
    for (id, body) in (1..).zip(bodies) {
        let text = |kind: &str| {
            format!(r#"{{"kind":"{kind}","id":{id},"method":"room.Member/Join","body":{body}}}"#)
        };
        eve.say(&text("cast")).await;
        let answer = eve.ask(&text("call")).await;
        assert_eq!(answer["body"]["member"]["player"], json!("eve"), "{body}: {answer}");
        assert_eq!(answer["body"]["member"]["name"], json!("eve"), "{body}: {answer}");
    }
    unharmed(bob).await;
}

#[tokio::test]
async fn a_key_field_of_another_type_is_a_bad_request() {
    let world = world().await;
    let mut eve = Tcp::login(world.tcp(), "eve").await;
    let bodies: [&[u8]; 4] = [b"\x08\x05", b"\x0d\0\0\0\0", b"\x09\0\0\0\0\0\0\0\0", b"\x0b\x0c"];
    for (id, body) in (1..).zip(bodies) {
        eve.send(&call(id, JOIN, body.to_vec())).await;
        refused(id, &format!("{body:?}"), &eve.answer().await);
    }
}

#[tokio::test]
async fn whatever_else_a_whole_body_says_the_call_is_the_sessions_players() {
    let world = world().await;
    let mut eve = Tcp::login(world.tcp(), "eve").await;
    let bodies: [(&str, &[u8]); 5] = [
        ("another key", b"\x0a\x03bob"),
        ("two keys", b"\x0a\x03bob\x0a\x03ann"),
        ("a group with a key in it", b"\x7b\x0a\x03bob\x7c\x0a\x03bob"),
        ("unknown fields", b"\x78\x05\x7a\x01x\x79\0\0\0\0\0\0\0\0\x7d\0\0\0\0"),
        ("a varint that is longer than it must be", b"\x78\x80\x80\x80\x00\x0a\x83\x00bob"),
    ];
    for (id, (what, body)) in (1..).zip(bodies) {
        eve.send(&call(id, JOIN, body.to_vec())).await;
        let answer = eve.answer().await;
        let Packet::Reply { body: Body::Binary(body), .. } = answer else {
            panic!("{what}: no reply but {answer:?}");
        };
        let member = MemberRsp::decode(body).unwrap().member.unwrap();
        assert_eq!((member.player.as_str(), member.name.as_str()), ("eve", "eve"), "{what}");
    }
}
