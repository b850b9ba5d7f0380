//! How a client comes back.

use guildhall_client::{ConnectError, Event, Options};
use guildhall_core::status::reason;
use guildhall_core::{Code, Effect, Env};
use guildhall_wire::{Packet, Welcome};

use crate::fake_gate::{
    BOTH, Pair, Transport, error, event, options, pair, pair_with, parts, push, reply, say, shout,
    soon, spawn, welcome,
};

/// One call answered and two pushes acknowledged; then the gate hangs up.
async fn used_and_lost(pair: &mut Pair) {
    let gate = async {
        pair.peer.call().await;
        pair.peer.send(&[reply(1, ""), push(1, "a"), push(2, "b")]).await;
    };
    let (said, ()) = tokio::join!(say(&pair.client, "x"), gate);
    said.unwrap();
    shout(&mut pair.events).await;
    shout(&mut pair.events).await;
    pair.peer.hang_up();
    assert!(matches!(event(&mut pair.events).await, Event::Lost(_)));
}

#[tokio::test]
async fn a_resumed_session_goes_on_with_its_numbers() {
    for transport in BOTH {
        let mut pair = pair(transport).await;
        used_and_lost(&mut pair).await;
        let again = Welcome { resumed: true, resume: "r2".into(), ..welcome() };
        let (mut peer, hello) = pair.gate.let_in(again).await;
        assert_eq!((hello.token.as_str(), hello.resume.as_str()), ("token", "r1"));
        assert_eq!(hello.last_push, 2);
        assert!(matches!(event(&mut pair.events).await, Event::Back { resumed: true }));
        let gate = async {
            assert_eq!(peer.call().await, (2, 2, "y".into()));
            // What was not acknowledged comes again.
            peer.send(&[reply(2, "yes"), push(2, "b"), push(3, "c")]).await;
        };
        let (said, ()) = tokio::join!(say(&pair.client, "y"), gate);
        assert_eq!(said.unwrap(), "yes");
        assert_eq!(shout(&mut pair.events).await, (3, "c".into()));
        // The token for resuming is the newest one.
        drop(peer);
        let (_peer, hello) = pair.gate.accept().await;
        assert_eq!((hello.resume.as_str(), hello.last_push), ("r2", 3));
    }
}

#[tokio::test]
async fn a_new_session_begins_anew() {
    for transport in BOTH {
        let mut pair = pair(transport).await;
        used_and_lost(&mut pair).await;
        let again = Welcome { session: "s2".into(), ..welcome() };
        let (mut peer, _) = pair.gate.let_in(again).await;
        assert!(matches!(event(&mut pair.events).await, Event::Back { resumed: false }));
        assert_eq!(pair.client.session(), "s2");
        let gate = async {
            assert_eq!(peer.call().await, (1, 1, "y".into()));
            peer.send(&[push(1, "new"), reply(1, "yes")]).await;
        };
        let (said, ()) = tokio::join!(say(&pair.client, "y"), gate);
        assert_eq!(said.unwrap(), "yes");
        assert_eq!(shout(&mut pair.events).await, (1, "new".into()));
    }
}

#[tokio::test]
async fn a_call_of_the_lost_connection_is_not_sent_on_the_next() {
    let mut pair = pair(Transport::Tcp).await;
    let client = pair.client.clone();
    let waiting = spawn(async move { say(&client, "once").await });
    pair.peer.call().await;
    pair.peer.hang_up();
    waiting.await.unwrap().unwrap_err();
    let (mut peer, _) = pair.gate.let_in(Welcome { resumed: true, ..welcome() }).await;
    assert!(matches!(event(&mut pair.events).await, Event::Lost(_)));
    assert!(matches!(event(&mut pair.events).await, Event::Back { .. }));
    let client = pair.client.clone();
    let _next = spawn(async move { say(&client, "next").await });
    assert_eq!(peer.call().await, (2, 2, "next".into()));
}

#[tokio::test]
async fn the_next_attempt_uses_the_new_token() {
    let mut pair = pair(Transport::Tcp).await;
    pair.client.set_token("fresh");
    pair.peer.hang_up();
    let (_peer, hello) = pair.gate.accept().await;
    assert_eq!(hello.token, "fresh");
}

#[tokio::test]
async fn a_refused_token_ends_the_client() {
    for transport in BOTH {
        let mut pair = pair(transport).await;
        pair.peer.hang_up();
        let (mut peer, _) = pair.gate.accept().await;
        let no = error(0, Code::Unauthenticated, reason::UNAUTHENTICATED, "old", Effect::NotRun);
        peer.send(&[no]).await;
        assert!(matches!(event(&mut pair.events).await, Event::Lost(_)));
        match event(&mut pair.events).await {
            Event::GaveUp(ConnectError::Refused(status)) => assert_eq!(status.message(), "old"),
            other => panic!("got {other:?}"),
        }
        assert!(soon("end", pair.events.next()).await.is_none());
        let call = say(&pair.client, "x").await;
        assert_eq!(parts(&call), (Code::Unavailable, reason::LOST, Effect::NotRun));
    }
}

#[tokio::test]
async fn a_gate_that_is_not_ready_is_tried_again() {
    let mut pair = pair(Transport::Tcp).await;
    pair.peer.hang_up();
    let (mut peer, _) = pair.gate.accept().await;
    peer.send(&[error(0, Code::Unavailable, reason::NOT_READY, "soon", Effect::NotRun)]).await;
    let (_peer, _) = pair.gate.let_in(welcome()).await;
    assert!(matches!(event(&mut pair.events).await, Event::Lost(_)));
    assert!(matches!(event(&mut pair.events).await, Event::Back { .. }));
}

#[tokio::test]
async fn a_kick_on_the_way_back_is_the_end() {
    let mut pair = pair(Transport::Tcp).await;
    pair.peer.hang_up();
    let (mut peer, _) = pair.gate.accept().await;
    peer.send(&[Packet::Kick(guildhall_client::Kick::default())]).await;
    assert!(matches!(event(&mut pair.events).await, Event::Lost(_)));
    assert!(matches!(event(&mut pair.events).await, Event::Kicked(_)));
    assert!(soon("end", pair.events.next()).await.is_none());
}

#[tokio::test]
async fn a_client_without_attempts_stays_away() {
    let options = Options { attempts_max: 0, ..options() };
    let mut pair = pair_with(&Env::real(), Transport::Tcp, options, welcome()).await;
    pair.peer.hang_up();
    assert!(matches!(event(&mut pair.events).await, Event::Lost(_)));
    assert!(soon("end", pair.events.next()).await.is_none());
    let call = say(&pair.client, "x").await;
    assert_eq!(parts(&call), (Code::Unavailable, reason::LOST, Effect::NotRun));
}
