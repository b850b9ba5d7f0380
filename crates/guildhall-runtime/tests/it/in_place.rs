//! An actor runs in the poll of a caller on its worker, and all that was promised of turns holds.

use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::join;
use guildhall::status::reason;
use guildhall::{Actor, ActorCx, App, Code, Cx, Effect, Env, RunningApp, Status};
use guildhall_core::KeyText;
use guildhall_runtime::proto::{DrainReq, NodeClient};
use guildhall_runtime::raw::{self, RawBody};
use prost::Message as _;
use proto::routing::{PostReq, PullReq, PullRsp, Talker, TalkerClient, TalkerServer, TellMsg};
use tokio::sync::mpsc;

use crate::world::{config_with, still};

/// Keeps what is posted. `wait` lets a second pass first; `next N` is posted to the actor `N` as well, which passes on `next N-1`, and so
/// on; `self` tells all talkers something before it is kept; `gone?` keeps whether the caller has gone after a second; `late` sets the
/// clock ahead by an hour, `fail` fails, `panic` panics.
struct Keeper(Vec<String>);

impl Actor for Keeper {
    const NAME: &'static str = "talker";
    type Key = String;
    type State = ();

    async fn activate(_cx: &ActorCx, _name: String, _state: ()) -> Result<Self, Status> {
        Ok(Self(Vec::new()))
    }
}

impl Talker for Keeper {
    async fn post(&mut self, cx: &ActorCx, req: PostReq) -> Result<(), Status> {
        if req.text == "wait" {
            cx.env().sleep(Duration::from_secs(1)).await;
        }
        if let Some(number) = req.text.strip_prefix("next ").and_then(|it| it.parse::<u32>().ok())
            && number > 0
        {
            post(cx, &format!("t{number}"), &format!("next {}", number - 1)).await?;
        }
        match req.text.as_str() {
            "gone?" => {
                let earlier = Cx::clone(cx);
                cx.env().sleep(Duration::from_secs(1)).await;
                self.0.push(format!("{} {}", cx.cancelled(), earlier.cancelled()));
                return Ok(());
            }
            "late" => cx.env().set_skew(3_600_000_000_000),
            "fail" => return Err(Status::new(Code::Aborted, "asked to")),
            "panic" => panic!("asked to"),
            _ => {}
        }
        if req.text == "self" {
            TalkerClient::all(cx).hear(TellMsg { text: "told".to_owned() }).await?;
        }
        self.0.push(req.text);
        Ok(())
    }

    async fn pull(&mut self, _cx: &ActorCx, _req: PullReq) -> Result<PullRsp, Status> {
        Ok(PullRsp { texts: self.0.clone() })
    }

    async fn hear(&mut self, _cx: &ActorCx, msg: TellMsg) -> Result<(), Status> {
        self.0.push(msg.text);
        Ok(())
    }
}

async fn world(more: &[(&str, i64)]) -> RunningApp {
    world_in(Env::real(), more).await
}

async fn world_in(env: Env, more: &[(&str, i64)]) -> RunningApp {
    let app = App::with(config_with("dev.w1.place.1", "127.0.0.1:0", more)).env(env);
    let app = app.actor::<Keeper>(TalkerServer).start().await.unwrap();
    // The worker of the actors has begun, and Ann is in memory.
    post(&app.cx(), "first", "once").await.unwrap();
    post(&app.cx(), "ann", "first").await.unwrap();
    app
}

async fn post(cx: &Cx, name: &str, text: &str) -> Result<(), Status> {
    let req = PostReq { name: name.to_owned(), text: text.to_owned() };
    TalkerClient::new(cx).post(req).await
}

async fn kept(cx: &Cx, name: &str) -> Vec<String> {
    let req = PullReq { name: name.to_owned(), wanted: 0 };
    TalkerClient::new(cx).pull(req).await.unwrap().texts
}

#[tokio::test]
async fn a_call_to_an_actor_that_does_nothing_is_answered_in_the_first_poll_of_its_caller() {
    let app = world(&[]).await;
    let cx = app.cx();
    assert!(post(&cx, "ben", "new").now_or_never().is_some(), "also where it is activated");
    assert!(post(&cx, "ben", "known").now_or_never().is_some());
    assert_eq!(kept(&cx, "ben").now_or_never().unwrap(), ["new", "known"]);
    let failed = post(&cx, "ben", "fail").now_or_never().unwrap().unwrap_err();
    assert_eq!((failed.code(), failed.effect()), (Code::Aborted, Effect::Ran));
}

#[tokio::test]
async fn an_encoded_call_to_an_actor_that_does_nothing_is_answered_in_the_first_poll_too() {
    let app = App::with(config_with("dev.w1.place.1", "127.0.0.1:0", &[]));
    let app = app.actor::<Keeper>(TalkerServer).encode_own_calls(true).start().await.unwrap();
    let cx = app.cx();
    post(&cx, "ann", "first").await.unwrap();
    assert!(post(&cx, "ann", "second").now_or_never().is_some());
    let desc = TalkerClient::PULL.desc;
    let body = PullReq { name: "ann".to_owned(), wanted: 0 }.encode_to_vec();
    // The key in the bytes counts, not that which has led here.
    for key in ["ann", "ben"] {
        let pulled = raw::call(&cx, desc, KeyText::Text(key), RawBody::new(&body)).now_or_never();
        let pulled = PullRsp::decode(pulled.unwrap().unwrap()).unwrap();
        assert_eq!(pulled.texts, ["first", "second"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_has_begun_in_its_caller_goes_on_when_it_has_to_wait_and_others_wait_for_it() {
    let app = world(&[]).await;
    let cx = app.cx();
    for (number, name) in ["ann", "new"].into_iter().enumerate() {
        let mut slow = Box::pin(post(&cx, name, "wait"));
        assert!(slow.as_mut().now_or_never().is_none());
        let other = post(&cx, &format!("ben{number}"), "now").now_or_never();
        assert!(other.is_some(), "another actor waits for nothing");
        let (slow, later) = join(slow, post(&cx, name, "later")).await;
        slow.unwrap();
        later.unwrap();
        assert!(kept(&cx, name).await.ends_with(&["wait".to_owned(), "later".to_owned()]));
        assert!(post(&cx, name, "again").now_or_never().is_some(), "and then it is idle");
    }
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_has_begun_in_its_caller_ends_without_it_and_sees_that_it_is_gone() {
    let app = world(&[]).await;
    let cx = app.cx();
    for name in ["ann", "new"] {
        assert!(post(&cx, name, "gone?").now_or_never().is_none(), "and the caller is gone");
        cx.env().sleep(Duration::from_secs(2)).await;
        assert_eq!(kept(&cx, name).await.last().unwrap(), "true true");
        post(&cx, name, "gone?").await.unwrap();
        assert_eq!(kept(&cx, name).await.last().unwrap(), "false false", "of another turn");
    }
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_waits_for_longer_than_its_caller_fails_the_call_at_its_deadline() {
    let app = world(&[]).await;
    let cx = app.cx();
    let called = cx.env().now();
    let late = post(&cx.within(Duration::from_millis(300)), "ann", "wait").await.unwrap_err();
    assert_eq!((late.code(), late.effect()), (Code::DeadlineExceeded, Effect::MayHaveRun));
    assert!(cx.env().now() - called < Duration::from_millis(400));
    cx.env().sleep(Duration::from_secs(2)).await;
    assert_eq!(kept(&cx, "ann").await, ["first", "wait"]);
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_has_begun_in_its_caller_has_a_time_limit_once_it_waits() {
    let app = world(&[("actor.talker.turn_limit_ms", 500)]).await;
    let cx = app.cx();
    let called = cx.env().now();
    let ended = post(&cx, "ann", "wait").await.unwrap_err();
    assert_eq!((ended.code(), ended.reason()), (Code::Internal, reason::TURN_LIMIT));
    assert!(cx.env().now() - called < Duration::from_millis(700));
    assert!(kept(&cx, "ann").await.is_empty(), "its activation is over");
}

#[tokio::test]
async fn a_panic_of_a_turn_in_its_caller_ends_the_activation_and_nothing_else() {
    let app = world(&[]).await;
    let cx = app.cx();
    let panicked = post(&cx, "ann", "panic").await.unwrap_err();
    assert_eq!((panicked.code(), panicked.reason()), (Code::Internal, reason::PANICKED));
    assert!(kept(&cx, "ann").await.is_empty(), "it begins anew");
    post(&cx, "ann", "new").await.unwrap();
    assert_eq!(kept(&cx, "ann").now_or_never().unwrap(), ["new"]);
}

#[tokio::test(start_paused = true)]
async fn a_turn_at_whose_end_the_lease_is_over_is_not_answered() {
    let app = world_in(still(), &[]).await;
    let cx = app.cx();
    let refused = post(&cx, "ann", "late").now_or_never().unwrap().unwrap_err();
    assert_eq!((refused.code(), refused.reason()), (Code::Unavailable, reason::NOT_THE_OWNER));
    assert_eq!(refused.effect(), Effect::MayHaveRun);
}

#[tokio::test(start_paused = true)]
async fn an_app_that_drains_waits_for_a_turn_that_has_begun_in_its_caller() {
    let app = world(&[]).await;
    let cx = app.cx();
    let mut slow = Box::pin(post(&cx, "ann", "wait"));
    assert!(slow.as_mut().now_or_never().is_none());
    let (slow, ()) = join(slow, app.shutdown()).await;
    slow.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_is_told_while_a_turn_runs_in_its_caller_is_heard_after_it() {
    let app = world(&[]).await;
    let cx = app.cx();
    assert!(post(&cx, "ann", "self").now_or_never().is_some());
    let mut slow = Box::pin(post(&cx, "ann", "wait"));
    assert!(slow.as_mut().now_or_never().is_none());
    TalkerClient::all(&cx).hear(TellMsg { text: "meanwhile".to_owned() }).await.unwrap();
    slow.await.unwrap();
    assert_eq!(kept(&cx, "ann").await, ["first", "self", "told", "wait", "meanwhile"]);
}

#[tokio::test]
async fn turns_inside_of_turns_are_answered_whatever_the_stack_has_room_for() {
    let app = world(&[]).await;
    let cx = app.cx();
    post(&cx, "t15", "next 14").await.unwrap();
    assert_eq!(kept(&cx, "t15").await, ["next 14"]);
    assert_eq!(kept(&cx, "t1").await, ["next 0"]);
}

#[tokio::test]
async fn a_caller_waits_for_its_own_turn_and_not_for_what_that_has_caused() {
    let app = world(&[]).await;
    let cx = app.cx();
    for name in ["ann", "new"] {
        assert!(post(&cx, name, "self").now_or_never().is_some());
        assert!(kept(&cx, name).await.ends_with(&["self".to_owned(), "told".to_owned()]));
    }
}

/// In a thread of its own, because `run` is a program's, and only that has several workers.
#[tokio::test]
#[allow(clippy::disallowed_methods, reason = "a test is no app")]
async fn only_actors_of_its_own_worker_run_in_a_caller_and_no_call_is_lost_among_workers() {
    let config = config_with("dev.w1.place.1", "127.0.0.1:0", &[("app.workers", 4)]);
    let (ready, mut is_ready) = mpsc::channel(1);
    let app = App::with(config).actor::<Keeper>(TalkerServer);
    let app = app.on_ready(move |cx| ready.try_send(cx).unwrap());
    let thread = std::thread::spawn(|| app.run());
    let cx = is_ready.recv().await.unwrap();
    let callers = (0..8).map(|caller| {
        let cx = cx.clone();
        cx.next_worker().spawn(async move {
            for number in 0..400 {
                post(&cx, &format!("t{}", number % 40), &format!("{caller}")).await.unwrap();
            }
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        caller.await.unwrap();
    }
    let cx = cx.clone();
    let here = cx.next_worker().spawn({
        let cx = cx.clone();
        async move {
            let mut here = 0;
            for number in 0..40 {
                let name = format!("t{number}");
                assert_eq!(kept(&cx, &name).await.len(), 80, "no call is lost");
                // Those of other workers answer later, and do no harm.
                here += u32::from(kept(&cx, &name).now_or_never().is_some());
            }
            here
        }
    });
    let here = here.await.unwrap();
    assert!((1..40).contains(&here), "{here} of 40 actors are of one of four workers");
    NodeClient::new(&cx).at(cx.app_id()).drain(DrainReq {}).await.unwrap();
    let ended = tokio::task::spawn_blocking(|| thread.join().unwrap()).await.unwrap();
    assert!(ended.is_ok(), "{ended:?}");
}
