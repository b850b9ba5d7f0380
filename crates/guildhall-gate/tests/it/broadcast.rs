//! Pushes to many: encoded once per form, whoever gets them.

use guildhall_wire::{Body, Packet};
use prost::Message as _;
use proto::room::{SaidMsg, SayReq, SayRsp};

use crate::clients::{Tcp, Ws, hello};
use crate::world::world;

const SAY: &str = "/room.Room/Say";

fn heard(packet: &Packet) -> (u64, SaidMsg) {
    match packet {
        Packet::Push { seq, body: Body::Binary(body), .. } => {
            (*seq, SaidMsg::decode(body.clone()).unwrap())
        }
        other => panic!("no PUSH but {other:?}"),
    }
}

#[tokio::test]
async fn a_broadcast_reaches_everybody_and_is_encoded_once_per_form() {
    let world = world().await;
    let mut binary = Vec::new();
    let mut text = Vec::new();
    for n in 0..5 {
        binary.push(Tcp::login(world.tcp(), &format!("b{n}")).await);
        text.push(Ws::login(world.ws(), &format!("t{n}")).await);
    }
    let mut frames = Ws::open(world.ws(), "/", None).await.unwrap();
    frames.send_packet(&hello("f")).await;
    assert!(matches!(frames.packet().await, Some(Packet::Welcome(_))));
    let encodes = world.gate.stats().encodes.get();

    let say = SayReq { id: 7, text: "all: hello".into() };
    let mut speaker = Tcp::login(world.tcp(), "speaker").await;
    speaker.send(&crate::clients::call(1, SAY, &say)).await;
    let want = SaidMsg { room: 7, player: "speaker".into(), text: "hello".into() };
    for client in &mut binary {
        assert_eq!(heard(&client.answer().await), (0, want.clone()));
    }
    assert_eq!(heard(&frames.packet().await.unwrap()), (0, want));
    for client in &mut text {
        let push = client.hear().await.unwrap();
        let body = serde_json::json!({"room": "7", "player": "speaker", "text": "hello"});
        assert_eq!(
            (&push["kind"], &push["seq"], &push["body"]),
            (&"push".into(), &0.into(), &body)
        );
        assert_eq!(push["method"], "room.RoomEvents/Said");
    }
    assert_eq!(world.gate.stats().encodes.get(), encodes + 2);
}

#[tokio::test]
async fn one_can_be_left_out() {
    let world = world().await;
    let mut speaker = Tcp::login(world.tcp(), "speaker").await;
    let mut other = Tcp::login(world.tcp(), "other").await;
    for (id, text) in [(1, "others: psst"), (2, "all: hello")] {
        speaker.send(&crate::clients::call(id, SAY, &SayReq { id: 1, text: text.into() })).await;
    }
    for text in ["psst", "hello"] {
        assert_eq!(heard(&other.answer().await).1.text, text);
    }
    loop {
        match speaker.answer().await {
            Packet::Reply { .. } => {}
            push => {
                assert_eq!(heard(&push).1.text, "hello");
                break;
            }
        }
    }
}

#[tokio::test]
async fn a_handler_pushes_to_a_player() {
    let world = world().await;
    let mut bob = Tcp::login(world.tcp(), "bob").await;
    let mut alice = Tcp::login(world.tcp(), "alice").await;
    let say = SayReq { id: 1, text: "to bob: hi".into() };
    let _said: SayRsp = alice.call(1, SAY, &say).await.unwrap();
    let (seq, msg) = heard(&bob.answer().await);
    assert_eq!((seq, msg.player.as_str(), msg.text.as_str()), (1, "alice", "hi"));
}
