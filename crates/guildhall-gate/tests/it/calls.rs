//! What becomes of a client's call.

use guildhall::status::reason;
use guildhall::{Code, Effect, Reason};
use guildhall_wire::{Body, Method, Packet, method_id};
use prost::Message as _;
use proto::room::{FindRsp, InfoReq, JoinReq, MemberRsp, SayReq, SayRsp};

use crate::clients::{Refused, Tcp, call, cast};
use crate::world::{COUNT, FIND, NOTE, find, world, world_with};

const SAY: &str = "/room.Room/Say";
const JOIN: &str = "/room.Member/Join";
const INFO: &str = "/room.Member/Info";

async fn found(client: &mut Tcp, id: u64, name: &str) -> Result<String, Refused> {
    let rsp: Result<FindRsp, _> = client.call(id, FIND, &find(name)).await;
    rsp.map(|rsp| rsp.app)
}

#[tokio::test]
async fn a_call_is_answered() {
    let world = world().await;
    let mut client = Tcp::login(world.tcp(), "bob").await;
    assert_eq!(found(&mut client, 1, "you").await.unwrap(), "you");
}

#[tokio::test]
async fn an_error_keeps_code_reason_text_and_effect() {
    let world = world().await;
    let mut client = Tcp::login(world.tcp(), "bob").await;
    let refused = found(&mut client, 1, "missing").await.unwrap_err();
    let want = Refused {
        code: Code::NotFound as u8,
        reason: Reason::new(1234),
        message: "nobody".into(),
        effect: Effect::Ran as u8,
    };
    assert_eq!(refused, want);
}

#[tokio::test]
async fn texts_of_internal_errors_stay_inside() {
    let world = world().await;
    let mut client = Tcp::login(world.tcp(), "bob").await;
    for (id, name) in [(1, "internal"), (2, "panic")] {
        let refused = found(&mut client, id, name).await.unwrap_err();
        assert_eq!(refused.code, Code::Internal as u8);
        let trace = refused.message.strip_prefix("internal error, trace ").unwrap();
        assert!(u64::from_str_radix(trace, 16).is_ok(), "{trace}");
    }
}

#[tokio::test]
async fn only_methods_for_clients_can_be_called() {
    let world = world().await;
    let mut client = Tcp::login(world.tcp(), "bob").await;
    let methods = [
        // Not for clients, which is nothing that clients can find out.
        (COUNT, reason::NO_SUCH_METHOD),
        ("/room.Member/Kick", reason::NO_SUCH_METHOD),
        ("/guildhall.runtime.Gate/DeliverAll", reason::NO_SUCH_METHOD),
        ("/guildhall.runtime.Session/Open", reason::NO_SUCH_METHOD),
        ("/room.Directory/Nothing", reason::NO_SUCH_METHOD),
        (NOTE, reason::BAD_REQUEST),
    ];
    for (id, (method, reason)) in (1..).zip(methods) {
        let refused = client.call::<_, FindRsp>(id, method, &find("x")).await.unwrap_err();
        assert_eq!((refused.reason, refused.effect), (reason, Effect::NotRun as u8), "{method}");
        if reason == reason::NO_SUCH_METHOD {
            let unknown = format!("there is no method {:#010x}", method_id(method));
            assert_eq!((refused.code, refused.message), (Code::Unimplemented as u8, unknown));
        }
    }
}

#[tokio::test]
async fn a_cast_runs_and_has_no_answer() {
    let mut world = world().await;
    let mut client = Tcp::login(world.tcp(), "bob").await;
    client.send(&cast(COUNT, &find("not for clients"))).await;
    client.send(&cast(NOTE, &find("noted"))).await;
    assert_eq!(world.events.recv().await.unwrap(), "noted");
    assert_eq!(found(&mut client, 1, "next").await.unwrap(), "next");
}

/// The trace that a handler is in, after a call with this `traceparent`.
async fn traced(trust: bool, traceparent: &str) -> String {
    let world = world_with(|config| config.set("gate.trust_traceparent", trust)).await;
    let mut client = Tcp::login(world.tcp(), "bob").await;
    let (id, method) = (1, Method::Id(method_id(FIND)));
    let body = Body::Binary(find("trace").encode_to_vec().into());
    let traceparent = traceparent.to_owned();
    let call =
        Packet::Call { id, method, body, answered: 0, resent: false, traceparent, timeout_ms: 0 };
    client.send(&call).await;
    match client.answer().await {
        Packet::Reply { body: Body::Binary(body), .. } => FindRsp::decode(body).unwrap().app,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_client_says_in_which_trace_it_calls_where_the_gate_trusts_it() {
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    assert_eq!(traced(true, parent).await, "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(traced(false, parent).await, "");
    assert_eq!(traced(true, "00-nonsense").await, "", "the call goes through");
}

/// A call with what the client says of its commands.
fn command(
    id: u64,
    method: &str,
    req: &impl prost::Message,
    answered: u64,
    resent: bool,
) -> Packet {
    match call(id, method, req) {
        Packet::Call { id, method, body, traceparent, timeout_ms, .. } => {
            Packet::Call { id, method, body, answered, resent, traceparent, timeout_ms }
        }
        other => other,
    }
}

/// Reason and effect of the error that this ends with.
async fn refused(client: &mut Tcp, packet: &Packet) -> (Reason, u8) {
    client.send(packet).await;
    match client.answer().await {
        Packet::Error { reason, effect, .. } => (Reason::new(reason), effect),
        other => panic!("no ERROR but {other:?}"),
    }
}

/// How many were said before, as the room's answer says.
async fn said(client: &mut Tcp, packet: &Packet) -> u64 {
    client.send(packet).await;
    match client.answer().await {
        Packet::Reply { body: Body::Binary(body), .. } => SayRsp::decode(body).unwrap().number,
        other => panic!("no REPLY but {other:?}"),
    }
}

#[tokio::test]
async fn a_command_that_is_sent_again_in_a_new_session_may_have_run_and_does_not_run() {
    let world = world().await;
    let say = SayReq { id: 9, text: "hi".into() };
    let mut first = Tcp::login(world.tcp(), "bob").await;
    assert_eq!(said(&mut first, &call(7, SAY, &say)).await, 0);
    // Its reply is lost with the connection, as far as the client knows.
    drop(first);
    let mut second = Tcp::login(world.tcp(), "bob").await;
    let (again, unknown) =
        (command(7, SAY, &say, 7, true), (reason::LOST, Effect::MayHaveRun as u8));
    for _ in 1..=2 {
        assert_eq!(refused(&mut second, &again).await, unknown);
    }
    // What is new runs; and what is idempotent does no harm.
    assert_eq!(said(&mut second, &call(8, SAY, &say)).await, 1, "nothing ran twice");
    assert_eq!(refused(&mut second, &again).await, unknown);
    second.send(&command(3, FIND, &find("again"), 3, true)).await;
    assert!(matches!(second.answer().await, Packet::Reply { id: 3, .. }));
    // Within a session the actor knows: this is the reply of the first time.
    assert_eq!(said(&mut second, &command(8, SAY, &say, 8, true)).await, 1);
    assert_eq!(said(&mut second, &call(9, SAY, &say)).await, 2);
}

#[tokio::test]
async fn who_says_that_it_has_replies_of_commands_to_come_is_refused_and_nothing_ran() {
    let world = world().await;
    let mut client = Tcp::login(world.tcp(), "bob").await;
    let say = SayReq { id: 9, text: "hi".into() };
    let bad = (reason::BAD_REQUEST, Effect::NotRun as u8);
    for answered in [2, u64::MAX] {
        assert_eq!(refused(&mut client, &command(1, SAY, &say, answered, false)).await, bad);
    }
    // Nor does it spoil what comes after.
    for (number, id) in [(0, 1), (1, 2), (2, 3)] {
        assert_eq!(said(&mut client, &command(id, SAY, &say, id, false)).await, number);
    }
}

#[tokio::test]
async fn what_a_client_waits_for_no_longer_does_not_begin_to_run() {
    let world = world().await;
    let mut client = Tcp::login(world.tcp(), "bob").await;
    let timed = |id, text: &str, ms| match call(id, SAY, &SayReq { id: 9, text: text.into() }) {
        Packet::Call { id, method, body, answered, resent, traceparent, .. } => {
            Packet::Call { id, method, body, answered, resent, traceparent, timeout_ms: ms }
        }
        other => other,
    };
    // Its turn takes 300 ms, behind which the next one waits.
    client.send(&timed(1, "slow", 0)).await;
    let (reason, effect) = refused(&mut client, &timed(2, "late", 50)).await;
    assert_eq!(reason, reason::EXPIRED);
    assert_ne!(effect, Effect::Ran as u8);
    assert!(matches!(client.answer().await, Packet::Reply { id: 1, .. }));
    assert_eq!(said(&mut client, &timed(3, "next", 0)).await, 1, "the second one did not run");
}

#[tokio::test]
async fn a_call_carries_the_session_and_its_number() {
    let world = world().await;
    let mut client = Tcp::login(world.tcp(), "bob").await;
    assert_eq!(found(&mut client, 1, "session").await.unwrap(), "bob 1 0 false dev.w1.home.1");
    let body = Body::Binary(find("session").encode_to_vec().into());
    let method = Method::Id(method_id(FIND));
    client
        .send(&Packet::Call {
            id: 9,
            method,
            body,
            answered: 7,
            resent: true,
            traceparent: String::new(),
            timeout_ms: 0,
        })
        .await;
    match client.answer().await {
        Packet::Reply { id: 9, body: Body::Binary(body) } => {
            let said = FindRsp::decode(body).unwrap().app;
            assert_eq!(said, "bob 9 7 true dev.w1.home.1");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_forged_player_key_is_void() {
    let world = world().await;
    let mut client = Tcp::login(world.tcp(), "bob").await;
    let join = JoinReq { player: "alice".into(), name: String::new() };
    let rsp: MemberRsp = client.call(1, JOIN, &join).await.unwrap();
    let member = rsp.member.unwrap();
    assert_eq!((member.player.as_str(), member.name.as_str()), ("bob", "bob"));
    let info = InfoReq { player: "alice".into() };
    let rsp: MemberRsp = client.call(2, INFO, &info).await.unwrap();
    assert_eq!(rsp.member.unwrap().name, "bob");
}

#[tokio::test]
async fn a_key_from_the_body_is_the_last_one_in_it() {
    let world = world().await;
    let mut client = Tcp::login(world.tcp(), "bob").await;
    let say = |id: i64| SayReq { id, text: "hi".into() };
    let mut twice = say(1).encode_to_vec();
    twice.extend(say(2).encode_to_vec());
    let body = Body::Binary(twice.into());
    client
        .send(&Packet::Call {
            id: 1,
            method: Method::Id(method_id(SAY)),
            body,
            answered: 0,
            resent: false,
            traceparent: String::new(),
            timeout_ms: 0,
        })
        .await;
    assert!(matches!(client.answer().await, Packet::Reply { id: 1, .. }));
    let second: SayRsp = client.call(2, SAY, &say(2)).await.unwrap();
    let first: SayRsp = client.call(3, SAY, &say(1)).await.unwrap();
    assert_eq!((second.number, first.number), (1, 0));
}

#[tokio::test]
async fn a_missing_or_broken_key_is_refused() {
    let world = world().await;
    let mut client = Tcp::login(world.tcp(), "bob").await;
    let nowhere = SayReq { id: 0, text: "hi".into() };
    let refused = client.call::<_, SayRsp>(1, SAY, &nowhere).await.unwrap_err();
    assert_eq!((refused.reason, refused.effect), (reason::BAD_KEY, Effect::NotRun as u8));
    let body = Body::Binary(vec![0xff; 9].into());
    let method = Method::Id(method_id(SAY));
    client
        .send(&Packet::Call {
            id: 2,
            method,
            body,
            answered: 0,
            resent: false,
            traceparent: String::new(),
            timeout_ms: 0,
        })
        .await;
    match client.answer().await {
        Packet::Error { id: 2, reason, .. } if reason == reason::BAD_REQUEST.number() => {}
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn calls_to_one_actor_run_in_the_order_they_came() {
    let world = world().await;
    let mut client = Tcp::login(world.tcp(), "bob").await;
    let say = SayReq { id: 5, text: "hi".into() };
    for id in 1..=30 {
        client.send(&call(id, SAY, &say)).await;
    }
    for _ in 1..=30 {
        match client.answer().await {
            Packet::Reply { id, body: Body::Binary(body) } => {
                assert_eq!(SayRsp::decode(body).unwrap().number + 1, id);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_slow_call_delays_no_other() {
    let mut world = world().await;
    let mut client = Tcp::login(world.tcp(), "bob").await;
    client.send(&call(1, FIND, &find("wait"))).await;
    assert_eq!(world.events.recv().await.unwrap(), "waits");
    assert_eq!(found(&mut client, 2, "quick").await.unwrap(), "quick");
    world.go.add_permits(1);
    assert!(matches!(client.answer().await, Packet::Reply { id: 1, .. }));
}

#[tokio::test]
async fn one_call_over_the_window_is_refused_at_once() {
    let mut world = world_with(|config| config.set("gate.window", 2)).await;
    let mut client = Tcp::login(world.tcp(), "bob").await;
    for id in [1, 2] {
        client.send(&call(id, FIND, &find("wait"))).await;
        assert_eq!(world.events.recv().await.unwrap(), "waits");
    }
    let refused = found(&mut client, 3, "more").await.unwrap_err();
    assert_eq!((refused.reason, refused.effect), (reason::OVERLOADED, Effect::NotRun as u8));
    world.go.add_permits(2);
    for _ in [1, 2] {
        assert!(matches!(client.answer().await, Packet::Reply { .. }));
    }
    assert_eq!(found(&mut client, 4, "again").await.unwrap(), "again");
}

#[tokio::test]
async fn a_reply_over_the_limit_is_an_error_that_ran() {
    let world = world_with(|config| config.set("gate.queued_max", 100_000)).await;
    let mut client = Tcp::login(world.tcp(), "bob").await;
    let refused = found(&mut client, 1, "big").await.unwrap_err();
    assert_eq!((refused.reason, refused.effect), (reason::TOO_LARGE, Effect::Ran as u8));
    assert_eq!(found(&mut client, 2, "small").await.unwrap(), "small");
}
