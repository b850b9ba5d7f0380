//! JSON over WebSocket, as the design's listing has it.

use guildhall::status::reason;
use guildhall_wire::Packet;
use prost::Message as _;
use proto::room::{FindRsp, SayReq};
use serde_json::json;

use crate::clients::{Ws, call, hello};
use crate::world::{FIND, find, world, world_with};

#[tokio::test]
async fn a_whole_conversation_in_json() {
    let world = world().await;
    let mut client = Ws::open(world.ws(), "/", None).await.unwrap();
    let welcome = client.ask(r#"{"kind":"hello","token":"bob"}"#).await;
    assert_eq!((&welcome["kind"], &welcome["heartbeat_ms"]), (&json!("welcome"), &json!(15_000)));
    let said = client
        .ask(r#"{"kind":"call","id":1,"method":"room.Room/Say","body":{"id":"3","text":"hi"}}"#)
        .await;
    assert_eq!(said, json!({"kind":"reply","id":1,"body":{}}));
    let again = r#"{"kind":"call","id":2,"method":"room.Room/Say","body":{"id":3}}"#;
    assert_eq!(client.ask(again).await, json!({"kind":"reply","id":2,"body":{"number":"1"}}));
    let refused = client
        .ask(r#"{"kind":"call","id":3,"method":"room.Directory/Find","body":{"name":"missing"}}"#)
        .await;
    let want = json!({"kind":"error","id":3,"code":"NOT_FOUND","reason":1234,"message":"nobody","effect":"Ran"});
    assert_eq!(refused, want);
    client.say(r#"{"kind":"call","id":4,"method":"room.Room/Say","body":{"id":3,"text":"to bob: psst"}}"#).await;
    let mut pushed = false;
    for _ in 0..2 {
        let packet = client.hear().await.unwrap();
        match packet["kind"].as_str() {
            Some("push") => {
                let body = json!({"room":"3","player":"bob","text":"psst"});
                let want =
                    json!({"kind":"push","seq":1,"method":"room.RoomEvents/Said","body":body});
                assert_eq!(packet, want);
                pushed = true;
            }
            _ => assert_eq!(packet, json!({"kind":"reply","id":4,"body":{"number":"2"}})),
        }
    }
    assert!(pushed);
    client.say(r#"{"kind":"ack","seq":1}"#).await;
    assert_eq!(client.ask(r#"{"kind":"ping","id":9}"#).await, json!({"kind":"pong","id":9}));
}

#[tokio::test]
async fn the_players_key_is_the_sessions_in_json_too() {
    let world = world().await;
    let mut client = Ws::login(world.ws(), "bob").await;
    let join = client
        .ask(r#"{"kind":"call","id":1,"method":"room.Member/Join","body":{"player":"alice"}}"#)
        .await;
    assert_eq!(join["body"]["member"]["player"], "bob");
    assert_eq!(join["body"]["member"]["name"], "bob");
}

#[tokio::test]
async fn a_body_that_does_not_fit_is_a_bad_request() {
    let world = world().await;
    let mut client = Ws::login(world.ws(), "bob").await;
    let bodies = [r#"{"name":7}"#, r#""text""#, r#"[]"#];
    for (id, body) in (1..).zip(bodies) {
        let method = "room.Directory/Find";
        let text = format!(r#"{{"kind":"call","id":{id},"method":"{method}","body":{body}}}"#);
        let refused = client.ask(&text).await;
        let (got, want) = (
            (&refused["reason"], &refused["effect"]),
            (json!(reason::BAD_REQUEST.number()), json!("NotRun")),
        );
        assert_eq!(got, (&want.0, &want.1), "{body}: {refused}");
    }
}

#[tokio::test]
async fn fields_that_a_message_does_not_have_are_left_out_or_refused_where_the_gate_is_strict() {
    let body = r#"{"name":"me","since":7}"#;
    let ask = format!(r#"{{"kind":"call","id":1,"method":"room.Directory/Find","body":{body}}}"#);
    let lenient = world().await;
    let answer = Ws::login(lenient.ws(), "bob").await.ask(&ask).await;
    assert_eq!(answer, json!({"kind":"reply","id":1,"body":{"app":"me"}}));
    let strict = world_with(|config| config.set("gate.json_strict", true)).await;
    let answer = Ws::login(strict.ws(), "bob").await.ask(&ask).await;
    let want = (&json!(reason::BAD_REQUEST.number()), &json!("NotRun"));
    assert_eq!((&answer["reason"], &answer["effect"]), want, "{answer}");
}

#[tokio::test]
async fn an_array_is_no_packet_though_its_values_stand_in_the_order_of_the_fields() {
    let world = world().await;
    let texts = [
        r#"["ping",9]"#,
        " \n[\"ping\",9]",
        r#"["call",1,null,"room.Directory/Find",{"name":"x"}]"#,
    ];
    for text in texts {
        let end = Ws::login(world.ws(), "bob").await.ask(text).await;
        assert_eq!(
            (&end["id"], &end["reason"]),
            (&json!(0), &json!(reason::BAD_REQUEST.number())),
            "{end}"
        );
    }
}

#[tokio::test]
async fn a_websocket_that_the_gate_closes_has_the_reason_as_its_code() {
    let world = world().await;
    let mut client = Ws::login(world.ws(), "bob").await;
    client.say("no packet").await;
    assert_eq!(u32::from(client.close_code().await), 4000 + reason::BAD_REQUEST.number());
    let mut first = Ws::login(world.ws(), "eve").await;
    let _second = Ws::login(world.ws(), "eve").await;
    assert_eq!(u32::from(first.close_code().await), 4000 + reason::KICKED.number());
}

#[tokio::test]
async fn unknown_methods_and_methods_not_for_clients_have_one_answer() {
    let world = world().await;
    let mut client = Ws::login(world.ws(), "bob").await;
    let methods = [
        ("room.Directory/Count", reason::NO_SUCH_METHOD),
        ("/room.Directory/Find", reason::NO_SUCH_METHOD),
        ("room.Directory/Nothing", reason::NO_SUCH_METHOD),
        ("", reason::NO_SUCH_METHOD),
    ];
    for (id, (method, reason)) in (1..).zip(methods) {
        let text = format!(r#"{{"kind":"call","id":{id},"method":"{method}"}}"#);
        assert_eq!(client.ask(&text).await["reason"], reason.number(), "{method}");
    }
}

#[tokio::test]
async fn text_that_is_no_packet_ends_the_connection() {
    let world = world().await;
    for text in ["", "hello", "{}", r#"{"kind":"no"}"#, r#"{"kind":"call"}"#] {
        let mut client = Ws::login(world.ws(), "bob").await;
        let end = client.ask(text).await;
        assert_eq!((&end["kind"], &end["id"]), (&json!("error"), &json!(0)), "{text}: {end}");
        assert_eq!(end["reason"], reason::BAD_REQUEST.number());
        assert_eq!(client.hear().await, None);
    }
}

#[tokio::test]
async fn a_websocket_carries_frames_as_well() {
    let world = world().await;
    let mut client = Ws::open(world.ws(), "/", None).await.unwrap();
    client.send_packet(&hello("bob")).await;
    assert!(matches!(client.packet().await, Some(Packet::Welcome(_))));
    client.send_packet(&call(1, FIND, &find("framed"))).await;
    match client.packet().await {
        Some(Packet::Reply { id: 1, body: guildhall_wire::Body::Binary(body) }) => {
            assert_eq!(FindRsp::decode(body).unwrap().app, "framed");
        }
        other => panic!("{other:?}"),
    }
    // A long one, whose header has another form.
    let long = "x".repeat(40_000);
    client.send_packet(&call(2, FIND, &find(&long))).await;
    match client.packet().await {
        Some(Packet::Reply { id: 2, body: guildhall_wire::Body::Binary(body) }) => {
            assert_eq!(FindRsp::decode(body).unwrap().app, long);
        }
        other => panic!("{other:?}"),
    }
    client.send_packet(&call(3, "/room.Room/Say", &SayReq { id: 1, text: String::new() })).await;
    assert!(matches!(client.packet().await, Some(Packet::Reply { id: 3, .. })));
}
