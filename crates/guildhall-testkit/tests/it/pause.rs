//! An app that is paused takes no step; time goes on, and what was due is done when it is resumed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use guildhall::status::reason;
use guildhall::{Code, Effect};

use crate::world::{CALLER, GREETER, SLOW, begin, pair, say, spawn};

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test(start_paused = true)]
async fn a_paused_app_answers_when_it_is_resumed() {
    let cluster = pair(1).await;
    cluster.pause(GREETER);
    let call = begin(&cluster, CALLER, "you").await;
    cluster.advance(SLOW).await;
    assert!(!call.is_finished(), "a paused app has answered");
    cluster.resume(GREETER);
    assert_eq!(call.await.unwrap().unwrap(), "hello, you");
}

#[tokio::test(start_paused = true)]
async fn a_paused_app_fails_calls_by_their_deadline() {
    let cluster = pair(1).await;
    cluster.pause(GREETER);
    let status = say(&cluster.cx(CALLER), "you").await.unwrap_err();
    assert_eq!((status.code(), status.effect()), (Code::DeadlineExceeded, Effect::MayHaveRun));
}

#[tokio::test(start_paused = true)]
async fn what_was_due_in_a_pause_is_done_after_it_and_once() {
    let cluster = pair(1).await;
    let env = cluster.env(GREETER);
    let steps = Arc::new(AtomicUsize::new(0));
    let (counts, clock) = (Arc::clone(&steps), env.clone());
    let task = env.spawn("steps", async move {
        let begun = clock.now();
        loop {
            clock.sleep(Duration::from_secs(1)).await;
            if counts.fetch_add(1, Ordering::Relaxed) == 2 {
                return clock.now() - begun;
            }
        }
    });
    cluster.advance(Duration::from_millis(1_500)).await;
    assert_eq!(steps.load(Ordering::Relaxed), 1);
    cluster.pause(GREETER);
    cluster.advance(MINUTE).await;
    assert_eq!(steps.load(Ordering::Relaxed), 1, "a paused app has taken a step");
    cluster.resume(GREETER);
    let took = task.await.unwrap().unwrap();
    assert!(took > MINUTE && took < MINUTE + Duration::from_secs(3), "{took:?}");
    assert_eq!(steps.load(Ordering::Relaxed), 3);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_begins_in_a_pause_takes_its_first_step_after_it() {
    let cluster = pair(1).await;
    let env = cluster.env(GREETER);
    cluster.pause(GREETER);
    let task = env.spawn("first", async { 1 });
    cluster.advance(MINUTE).await;
    assert!(!task.is_finished());
    cluster.resume(GREETER);
    assert_eq!(task.await.unwrap(), Some(1));
}

#[tokio::test(start_paused = true)]
async fn the_sockets_of_a_paused_app_stay_open() {
    let mut cluster = pair(1).await;
    let listener = cluster.env(GREETER).net().bind("localhost:80").await.unwrap();
    cluster.pause(GREETER);
    let dials = cluster.client_env();
    let dialled = spawn(async move { dials.net().connect("dev.w1.greeter.1:80").await.is_ok() });
    cluster.advance(MINUTE).await;
    assert!(dialled.await.unwrap(), "a connection waits to be accepted");
    drop(listener);
}

#[tokio::test(start_paused = true)]
async fn a_paused_app_can_be_killed() {
    let mut cluster = pair(1).await;
    let task = cluster.env(GREETER).spawn("for ever", std::future::pending::<()>());
    cluster.pause(GREETER);
    cluster.advance(SLOW).await;
    cluster.kill(GREETER);
    assert_eq!(task.await.unwrap(), None);
    cluster.advance(Duration::from_millis(10)).await;
    let status = say(&cluster.cx(CALLER), "you").await.unwrap_err();
    assert_eq!(status.effect(), Effect::NotRun);
    cluster.restart(GREETER).await.unwrap();
    cluster.linked().await;
    assert_eq!(say(&cluster.cx(CALLER), "you").await.unwrap(), "hello, you");
}

#[tokio::test(start_paused = true)]
async fn an_app_is_routed_to_again_after_a_pause_in_which_the_others_gave_it_up() {
    let cluster = pair(1).await;
    cluster.pause(GREETER);
    cluster.advance(MINUTE).await;
    assert_eq!(say(&cluster.cx(CALLER), "you").await.unwrap_err().reason(), reason::NO_ROUTE);
    cluster.resume(GREETER);
    cluster.linked().await;
    assert_eq!(say(&cluster.cx(CALLER), "you").await.unwrap(), "hello, you");
}
