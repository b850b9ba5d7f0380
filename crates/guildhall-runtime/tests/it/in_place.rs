//! An actor runs in the poll of a caller on its worker, and all that was promised of turns holds.

use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::join;
use guildhall::{Actor, ActorCx, App, Cx, RunningApp, Status};
use guildhall_runtime::proto::{DrainReq, NodeClient};
use proto::routing::{PostReq, PullReq, PullRsp, Talker, TalkerClient, TalkerServer, TellMsg};
use tokio::sync::mpsc;

use crate::world::config_with;

/// Keeps what is posted. `wait` lets a second pass first; `next N` is posted to the actor `N` as well, which passes on `next N-1`, and so
/// on; `self` tells all talkers something before it is kept.
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
    let app = App::with(config_with("dev.w1.place.1", "127.0.0.1:0", more));
    let app = app.actor::<Keeper>(TalkerServer).start().await.unwrap();
    // The worker of the actors has begun.
    post(&app.cx(), "first", "once").await.unwrap();
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
    assert!(post(&cx, "ann", "new").now_or_never().is_some(), "also where it is activated");
    assert!(post(&cx, "ann", "known").now_or_never().is_some());
    assert_eq!(kept(&cx, "ann").now_or_never().unwrap(), ["new", "known"]);
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_has_begun_in_its_caller_goes_on_when_it_has_to_wait_and_others_wait_for_it() {
    let app = world(&[]).await;
    let cx = app.cx();
    let mut slow = Box::pin(post(&cx, "ann", "wait"));
    assert!(slow.as_mut().now_or_never().is_none());
    assert!(post(&cx, "ben", "now").now_or_never().is_some(), "another actor waits for nothing");
    let (slow, later) = join(slow, post(&cx, "ann", "later")).await;
    slow.unwrap();
    later.unwrap();
    assert_eq!(kept(&cx, "ann").await, ["wait", "later"]);
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_has_begun_in_its_caller_ends_without_it() {
    let app = world(&[]).await;
    let cx = app.cx();
    assert!(post(&cx, "ann", "wait").now_or_never().is_none(), "and the caller is gone");
    cx.env().sleep(Duration::from_secs(2)).await;
    assert_eq!(kept(&cx, "ann").await, ["wait"]);
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
    assert!(post(&cx, "ann", "self").now_or_never().is_some());
    assert_eq!(kept(&cx, "ann").await, ["self", "told"], "in their order");
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
