//! What comes unasked: pushes, their acknowledgement, RESET, PING.

use bytes::BytesMut;
use guildhall_client::{Event, Options};
use guildhall_core::{Env, Method};
use guildhall_wire::Packet;
use proto::hello::GreeterClient;

use crate::fake_gate::{
    BOTH, SHOUT, Transport, event, options, pair, pair_with, push, reply, req, shout, spawn,
    welcome,
};
use crate::memory_net::MemoryNet;

#[tokio::test]
async fn pushes_come_in_order_and_are_acknowledged() {
    for transport in BOTH {
        let mut pair = pair(transport).await;
        for seq in 1..=3 {
            pair.peer.send(&[push(seq, "news")]).await;
            assert_eq!(shout(&mut pair.events).await, (seq, "news".into()));
            assert_eq!(pair.peer.packet().await, Packet::Ack { seq });
        }
    }
}

#[tokio::test]
async fn a_reply_comes_with_the_pushes_that_came_before_it() {
    for transport in BOTH {
        let mut pair = pair(transport).await;
        let (client, mut events) = (pair.client.clone(), pair.events);
        let calling = spawn(async move {
            let (before, reply) =
                client.call_in_order(&mut events, GreeterClient::SAY, req("Ada")).await;
            (before, reply, events)
        });
        let (id, ..) = pair.peer.call().await;
        let packets = [push(1, "old"), push(2, "older"), reply(id, "new"), push(3, "newest")];
        pair.peer.send(&packets).await;
        let (before, answer, mut events) = calling.await.unwrap();
        let texts: Vec<_> = before
            .iter()
            .map(|event| match event {
                Event::Push(push) => (push.seq, push.decode(SHOUT).unwrap().unwrap().name),
                other => panic!("no push but {other:?}"),
            })
            .collect();
        assert_eq!(texts, [(1, "old".to_owned()), (2, "older".to_owned())]);
        assert_eq!(answer.unwrap().text, "new");
        assert_eq!(shout(&mut events).await, (3, "newest".into()));
    }
}

#[tokio::test]
async fn pushes_of_one_read_share_an_acknowledgement() {
    for transport in BOTH {
        let mut pair = pair(transport).await;
        pair.peer.send(&[push(1, "a"), push(2, "b"), push(3, "c")]).await;
        assert_eq!(pair.peer.packet().await, Packet::Ack { seq: 3 });
        for expected in [(1, "a"), (2, "b"), (3, "c")] {
            assert_eq!(shout(&mut pair.events).await, (expected.0, expected.1.into()));
        }
        pair.client.cast(SHOUT, req("done")).unwrap();
        assert!(matches!(pair.peer.packet().await, Packet::Cast { .. }));
    }
}

#[tokio::test]
async fn a_push_that_came_before_is_acknowledged_and_not_delivered() {
    let mut pair = pair(Transport::Tcp).await;
    pair.peer.send(&[push(1, "a")]).await;
    assert_eq!(pair.peer.packet().await, Packet::Ack { seq: 1 });
    pair.peer.send(&[push(1, "a")]).await;
    assert_eq!(pair.peer.packet().await, Packet::Ack { seq: 1 });
    pair.peer.send(&[push(2, "b")]).await;
    assert_eq!(shout(&mut pair.events).await, (1, "a".into()));
    assert_eq!(shout(&mut pair.events).await, (2, "b".into()));
}

#[tokio::test]
async fn a_push_without_a_number_is_delivered_and_not_acknowledged() {
    let mut pair = pair(Transport::Tcp).await;
    pair.peer.send(&[push(0, "to all")]).await;
    assert_eq!(shout(&mut pair.events).await, (0, "to all".into()));
    pair.peer.send(&[push(1, "to you")]).await;
    assert_eq!(pair.peer.packet().await, Packet::Ack { seq: 1 });
}

#[tokio::test]
async fn a_push_decodes_as_what_it_is_and_nothing_else() {
    let mut pair = pair(Transport::Tcp).await;
    pair.peer.send(&[push(1, "a")]).await;
    let Event::Push(push) = event(&mut pair.events).await else { panic!("no push") };
    assert!(push.decode(GreeterClient::SAY).unwrap().is_none());
    assert_eq!(push.decode(SHOUT).unwrap().unwrap().name, "a");
    let broken = guildhall_client::Push { body: b"\xff"[..].into(), ..push };
    broken.decode(SHOUT).unwrap_err();
    // Of another type, but the same method.
    let as_bytes: Method<u32, ()> = Method::new(SHOUT.desc);
    broken.decode(as_bytes).unwrap_err();
}

#[tokio::test]
async fn a_reader_that_does_not_keep_up_misses_the_oldest_and_is_told() {
    let options = Options { events_max: 2, ..options() };
    let mut pair = pair_with(&Env::real(), Transport::Tcp, options, welcome()).await;
    let pushes: Vec<Packet> = (1..=5).map(|seq| push(seq, "x")).collect();
    pair.peer.send(&pushes).await;
    // All have arrived when the last one is acknowledged.
    while pair.peer.packet().await != (Packet::Ack { seq: 5 }) {}
    assert!(matches!(event(&mut pair.events).await, Event::Missed(3)));
    assert_eq!(shout(&mut pair.events).await.0, 4);
    assert_eq!(shout(&mut pair.events).await.0, 5);
    pair.peer.send(&[push(6, "x")]).await;
    assert_eq!(shout(&mut pair.events).await.0, 6);
}

#[tokio::test]
async fn without_a_reader_pushes_are_acknowledged_all_the_same() {
    let mut pair = pair(Transport::Tcp).await;
    drop(pair.events);
    pair.peer.send(&[push(1, "x")]).await;
    assert_eq!(pair.peer.packet().await, Packet::Ack { seq: 1 });
}

#[tokio::test]
async fn after_a_reset_pushes_may_be_numbered_anew() {
    let mut pair = pair(Transport::Tcp).await;
    pair.peer.send(&[push(7, "old")]).await;
    assert_eq!(pair.peer.packet().await, Packet::Ack { seq: 7 });
    assert_eq!(shout(&mut pair.events).await.0, 7);
    pair.peer.send(&[Packet::Reset(guildhall_wire::Reset::default())]).await;
    assert!(matches!(event(&mut pair.events).await, Event::Reset));
    pair.peer.send(&[push(1, "new")]).await;
    assert_eq!(shout(&mut pair.events).await, (1, "new".into()));
    assert_eq!(pair.peer.packet().await, Packet::Ack { seq: 1 });
}

#[tokio::test]
async fn a_ping_is_answered_with_its_own_number() {
    for transport in BOTH {
        let mut pair = pair(transport).await;
        pair.peer.send(&[Packet::Ping { id: 42 }, Packet::Ping { id: 43 }]).await;
        assert_eq!(pair.peer.packet().await, Packet::Pong { id: 42 });
        assert_eq!(pair.peer.packet().await, Packet::Pong { id: 43 });
    }
}

#[tokio::test]
async fn a_packet_may_come_in_pieces() {
    let mut pair = pair(Transport::Tcp).await;
    let mut bytes = BytesMut::new();
    push(1, "slowly").put(&mut bytes, 1 << 20).unwrap();
    for byte in bytes.chunks(1) {
        pair.peer.send_bytes(byte).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(shout(&mut pair.events).await, (1, "slowly".into()));
}

#[tokio::test(start_paused = true)]
async fn many_pushes_in_one_read_all_come() {
    for transport in BOTH {
        let (_net, env) = MemoryNet::world();
        let mut pair = pair_with(&env, transport, options(), welcome()).await;
        let pushes: Vec<Packet> = (1..=600).map(|seq| push(seq, "x")).collect();
        pair.peer.send(&pushes).await;
        for seq in 1..=600 {
            assert_eq!(shout(&mut pair.events).await.0, seq);
        }
        while pair.peer.packet().await != (Packet::Ack { seq: 600 }) {}
    }
}

#[tokio::test]
async fn a_ping_of_the_websocket_itself_is_answered() {
    let mut pair = pair(Transport::WebSocket).await;
    assert_eq!(pair.peer.websocket_ping("are you there").await, "are you there");
}
