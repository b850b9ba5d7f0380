//! How a client is let in, or not.

use guildhall_client::{Client, ConnectError, Kick, Lost};
use guildhall_core::status::reason;
use guildhall_core::{Code, Effect, Env, Status};
use guildhall_wire::{ClientKind, Packet};

use crate::fake_gate::{
    BOTH, Gate, SHOUT, Transport, answered, error, name, options, pair, push, reply, req, say,
    shout, soon, spawn, welcome,
};

#[tokio::test]
async fn a_client_says_who_it_is_and_learns_who_it_plays() {
    for transport in BOTH {
        let env = Env::real();
        let gate = Gate::listen(&env, transport).await;
        let address = gate.address();
        let (connected, (_peer, hello)) = tokio::join!(
            Client::connect(&env, &address, "my token", options()),
            gate.let_in(welcome())
        );
        let (client, _events) = connected.unwrap();
        assert_eq!((hello.token.as_str(), hello.resume.as_str()), ("my token", ""));
        assert_eq!((hello.last_push, hello.version), (0, 1));
        assert!(hello.client.starts_with("guildhall-client/"), "got {}", hello.client);
        assert_eq!((client.player().as_str(), client.session().as_str()), ("1001", "s1"));
    }
}

#[tokio::test]
async fn packets_that_come_with_welcome_are_not_lost() {
    for transport in BOTH {
        let env = Env::real();
        let gate = Gate::listen(&env, transport).await;
        let address = gate.address();
        let serve = async {
            let (mut peer, _) = gate.accept().await;
            peer.send(&[Packet::Welcome(welcome()), push(1, "early")]).await;
            peer
        };
        let (connected, _peer) =
            tokio::join!(Client::connect(&env, &address, "token", options()), serve);
        let (_client, mut events) = connected.unwrap();
        assert_eq!(shout(&mut events).await, (1, "early".into()));
    }
}

#[tokio::test]
async fn a_refused_token_is_the_gates_own_status() {
    for transport in BOTH {
        let no =
            error(0, Code::Unauthenticated, reason::UNAUTHENTICATED, "expired", Effect::NotRun);
        let refused = answered(transport, no).await.unwrap_err();
        let ConnectError::Refused(status) = &refused else { panic!("got {refused}") };
        assert_eq!(status.reason(), reason::UNAUTHENTICATED);
        assert_eq!(status.message(), "expired");
        let status = Status::from(refused);
        assert_eq!((status.code(), status.effect()), (Code::Unauthenticated, Effect::NotRun));
    }
}

#[tokio::test]
async fn a_kick_instead_of_a_welcome_is_the_end() {
    let kick = Kick { reason: 1500, message: "banned".into() };
    match answered(Transport::Tcp, Packet::Kick(kick.clone())).await {
        Err(ConnectError::Kicked(got)) => assert_eq!(got, kick),
        other => panic!("got {other:?}"),
    }
}

#[tokio::test]
async fn a_gate_answers_hello_with_nothing_else() {
    for transport in BOTH {
        match answered(transport, reply(1, "what?")).await {
            Err(ConnectError::Lost(Lost::Unexpected(ClientKind::Reply))) => {}
            other => panic!("got {other:?}"),
        }
    }
}

#[tokio::test]
async fn what_is_no_address_is_refused() {
    for address in
        ["", "127.0.0.1:7000", "tcp://127.0.0.1", "tls://x", "wsss://x/y", "http://x", "ws:///gate"]
    {
        match Client::connect(&Env::real(), address, "token", options()).await {
            Err(ConnectError::Address { address: named, .. }) => assert_eq!(named, address),
            other => panic!("{address}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn where_no_gate_listens_none_is_reached() {
    for transport in BOTH {
        let env = Env::real();
        let gate = Gate::listen(&env, transport).await;
        let address = gate.address();
        drop(gate);
        let connecting = Client::connect(&env, &address, "token", options());
        match soon("refusal", connecting).await {
            Err(ConnectError::Unreachable(_)) => {}
            other => panic!("got {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_web_server_is_no_gate() {
    let env = Env::real();
    let gate = Gate::listen(&env, Transport::WebSocket).await;
    let address = gate.address();
    let serve = async {
        let conn = gate.accept_conn().await;
        std::future::poll_fn(|cx| conn.poll_writable(cx)).await.unwrap();
        let response = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n";
        conn.try_write_vectored(&[std::io::IoSlice::new(response)]).unwrap();
        conn
    };
    let (connected, _conn) =
        tokio::join!(Client::connect(&env, &address, "token", options()), serve);
    match connected {
        Err(ConnectError::Unreachable(error)) => {
            assert!(error.to_string().contains("404"), "got {error}");
        }
        other => panic!("got {other:?}"),
    }
}

#[tokio::test]
async fn a_closed_client_is_over_and_the_gate_sees_it() {
    for transport in BOTH {
        let mut pair = pair(transport).await;
        let other = pair.client.clone();
        let waiting = spawn(async move { say(&other, "Ada").await });
        pair.peer.call().await;
        soon("end", pair.client.close()).await;
        let failed = waiting.await.unwrap().unwrap_err();
        assert_eq!((failed.code(), failed.effect()), (Code::Cancelled, Effect::MayHaveRun));
        let failed = say(&pair.client, "Ada").await.unwrap_err();
        assert_eq!((failed.reason(), failed.effect()), (reason::CANCELLED, Effect::NotRun));
        assert!(pair.events.next().await.is_none());
        assert!(pair.peer.maybe_packet().await.is_none());
        soon("second end", pair.client.close()).await;
    }
}

#[tokio::test]
async fn what_was_queued_before_the_end_is_sent() {
    for transport in BOTH {
        let mut pair = pair(transport).await;
        pair.peer.send(&[Packet::Ping { id: 1 }]).await;
        assert_eq!(pair.peer.packet().await, Packet::Pong { id: 1 });
        pair.client.cast(SHOUT, req("bye")).unwrap();
        soon("end", pair.client.close()).await;
        match pair.peer.packet().await {
            Packet::Cast { body, .. } => assert_eq!(name(&body), "bye"),
            other => panic!("got {other:?}"),
        }
        assert!(pair.peer.maybe_packet().await.is_none());
    }
}

#[tokio::test]
async fn the_last_handle_dropped_closes_the_client() {
    let mut pair = pair(Transport::Tcp).await;
    let clone = pair.client.clone();
    drop(pair.client);
    clone.cast(SHOUT, req("still here")).unwrap();
    assert!(matches!(pair.peer.packet().await, Packet::Cast { .. }));
    drop(clone);
    assert!(soon("end", pair.events.next()).await.is_none());
    assert!(pair.peer.maybe_packet().await.is_none());
}
