//! Calls and casts: numbers, replies, errors.

use guildhall_client::Options;
use guildhall_core::status::reason;
use guildhall_core::{Code, Effect, Env, Reason};
use guildhall_wire::packet::Method as PacketMethod;
use guildhall_wire::{Body, Packet};
use prost::Message as _;
use proto::hello::GreeterClient;

use crate::fake_gate::{
    BOTH, SHOUT, Transport, error, name, options, pair, pair_with, parts, reply, req, say, spawn,
    welcome,
};

#[tokio::test]
async fn a_call_gets_its_reply() {
    for transport in BOTH {
        let mut pair = pair(transport).await;
        let gate = async {
            let (id, answered, name) = pair.peer.call().await;
            assert_eq!((id, answered, name.as_str()), (1, 1, "Ada"));
            pair.peer.send(&[reply(1, "hello, Ada")]).await;
        };
        let (said, ()) = tokio::join!(say(&pair.client, "Ada"), gate);
        assert_eq!(said.unwrap(), "hello, Ada");
    }
}

#[tokio::test]
async fn replies_find_their_calls_in_any_order() {
    for transport in BOTH {
        let mut pair = pair(transport).await;
        let gate = async {
            let mut names = Vec::new();
            for number in 1..=3 {
                let (id, answered, name) = pair.peer.call().await;
                assert_eq!((id, answered), (number, 1));
                names.push(name);
            }
            assert_eq!(names, ["a", "b", "c"]);
            pair.peer.send(&[reply(3, "c!"), reply(1, "a!")]).await;
            pair.peer.send(&[reply(2, "b!")]).await;
        };
        let client = &pair.client;
        let (a, b, c, ()) =
            tokio::join!(say(client, "a"), say(client, "b"), say(client, "c"), gate);
        assert_eq!((a.unwrap(), b.unwrap(), c.unwrap()), ("a!".into(), "b!".into(), "c!".into()));
    }
}

#[tokio::test]
async fn a_call_names_the_lowest_number_without_a_reply() {
    let mut pair = pair(Transport::Tcp).await;
    let clients = [pair.client.clone(), pair.client.clone()];
    let [first, second] = clients.map(|client| spawn(async move { say(&client, "x").await }));
    assert_eq!(pair.peer.call().await, (1, 1, "x".into()));
    assert_eq!(pair.peer.call().await, (2, 1, "x".into()));
    pair.peer.send(&[reply(2, "")]).await;
    // Number 1 is still open.
    second.await.unwrap().unwrap();
    let client = pair.client.clone();
    let third = spawn(async move { say(&client, "x").await });
    assert_eq!(pair.peer.call().await, (3, 1, "x".into()));
    pair.peer.send(&[reply(1, ""), reply(3, "")]).await;
    first.await.unwrap().unwrap();
    third.await.unwrap().unwrap();
    let client = pair.client.clone();
    let _fourth = spawn(async move { say(&client, "x").await });
    assert_eq!(pair.peer.call().await, (4, 4, "x".into()));
}

#[tokio::test]
async fn a_gates_error_is_the_callers_status() {
    for transport in BOTH {
        let mut pair = pair(transport).await;
        let gate = async {
            pair.peer.call().await;
            let no = error(1, Code::InvalidArgument, Reason::new(1203), "too much", Effect::Ran);
            pair.peer.send(&[no]).await;
        };
        let (said, ()) = tokio::join!(say(&pair.client, "Ada"), gate);
        assert_eq!(parts(&said), (Code::InvalidArgument, Reason::new(1203), Effect::Ran));
        assert_eq!(said.unwrap_err().message(), "too much");
    }
}

#[tokio::test]
async fn a_reply_that_does_not_decode_fails_its_own_call_only() {
    let mut pair = pair(Transport::Tcp).await;
    let gate = async {
        pair.peer.call().await;
        pair.peer.send(&[Packet::Reply { id: 1, body: Body::Binary(b"\xff"[..].into()) }]).await;
    };
    let (said, ()) = tokio::join!(say(&pair.client, "Ada"), gate);
    assert_eq!(parts(&said), (Code::Internal, reason::BAD_REPLY, Effect::Ran));
    let gate = async {
        pair.peer.call().await;
        pair.peer.send(&[reply(2, "well")]).await;
    };
    let (said, ()) = tokio::join!(say(&pair.client, "Ada"), gate);
    assert_eq!(said.unwrap(), "well");
}

#[tokio::test]
async fn a_cast_has_no_number_and_no_reply() {
    for transport in BOTH {
        let mut pair = pair(transport).await;
        pair.client.cast(SHOUT, req("hey")).unwrap();
        match pair.peer.packet().await {
            Packet::Cast { method, body } => {
                assert_eq!(method, PacketMethod::Id(SHOUT.desc.id));
                assert_eq!(name(&body), "hey");
            }
            other => panic!("got {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_method_without_reply_is_not_called() {
    let pair = pair(Transport::Tcp).await;
    let called = pair.client.call(SHOUT, req("hey")).await;
    assert_eq!(parts(&called), (Code::InvalidArgument, reason::BAD_REQUEST, Effect::NotRun));
}

#[tokio::test]
async fn a_dropped_call_gives_its_place_back_and_its_late_reply_is_ignored() {
    for transport in BOTH {
        let options = Options { pending_max: 1, ..options() };
        let env = Env::real();
        let mut pair = pair_with(&env, transport, options, welcome()).await;
        tokio::select! {
            biased;
            said = say(&pair.client, "first") => panic!("got {said:?}"),
            call = pair.peer.call() => assert_eq!(call.0, 1),
        }
        let gate = async {
            assert_eq!(pair.peer.call().await, (2, 2, "second".into()));
            pair.peer.send(&[reply(1, "too late"), reply(2, "in time")]).await;
        };
        let (said, ()) = tokio::join!(say(&pair.client, "second"), gate);
        assert_eq!(said.unwrap(), "in time");
    }
}

#[tokio::test]
async fn an_empty_reply_is_a_reply() {
    let mut pair = pair(Transport::WebSocket).await;
    let gate = async {
        pair.peer.call().await;
        pair.peer.send(&[Packet::Reply { id: 1, body: Body::Binary(bytes::Bytes::new()) }]).await;
    };
    let (said, ()) = tokio::join!(pair.client.call(GreeterClient::SAY, req("x")), gate);
    assert_eq!(said.unwrap().encoded_len(), 0);
}
