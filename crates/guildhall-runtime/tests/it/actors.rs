//! Actors without state: mailboxes, order, limits, panics, cycles.

use std::time::Duration;

use guildhall::status::reason;
use guildhall::{Code, Cx, Effect, Status};
use proto::room::{
    AnnounceReq, FailReq, RelayReq, RoomClient, RoomError, RoomReq, SayReq, WaitReq,
};

use crate::rooms::{TestRoom, TestStore, app, app_in};
use crate::world::{spawn, still};

fn wait_of(cx: &Cx, id: i64, ms: u32) -> tokio::task::JoinHandle<Result<u64, Status>> {
    let cx = cx.clone();
    spawn(async move { Ok(RoomClient::new(&cx).wait(WaitReq { id, ms }).await?.calls) })
}

async fn say(cx: &Cx, id: i64) -> Result<u64, Status> {
    Ok(RoomClient::new(cx).say(SayReq { id, text: "hi".into() }).await?.number)
}

async fn count(cx: &Cx, id: i64) -> Result<u64, Status> {
    Ok(RoomClient::new(cx).count(RoomReq { id }).await?.count)
}

/// Lets the tasks that were just spawned send their calls.
async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn calls_of_one_key_run_one_at_a_time_in_their_order() {
    let app = app(&[], &TestStore::default()).await;
    let cx = app.cx();
    let began = cx.env().now();
    let waits: Vec<_> = (0..5).map(|_| wait_of(&cx, 7, 100)).collect();
    for (n, wait) in (1..).zip(waits) {
        assert_eq!(wait.await.unwrap().unwrap(), n);
    }
    assert_eq!((cx.env().now() - began).as_millis() / 10, 50, "they took turns");
}

#[tokio::test(start_paused = true)]
async fn calls_of_different_keys_run_in_parallel() {
    let app = app(&[], &TestStore::default()).await;
    let cx = app.cx();
    let began = cx.env().now();
    let waits: Vec<_> = (1..=50).map(|id| wait_of(&cx, id, 100)).collect();
    for wait in waits {
        assert_eq!(wait.await.unwrap().unwrap(), 1);
    }
    assert!(cx.env().now() - began < Duration::from_millis(200));
}

#[tokio::test(start_paused = true)]
async fn a_full_mailbox_refuses_at_once_and_the_call_did_not_run() {
    let app = app(&[("actor.room.mailbox", "2")], &TestStore::default()).await;
    let cx = app.cx();
    let turn = wait_of(&cx, 7, 100);
    settle().await;
    let waits: Vec<_> = (0..2).map(|_| wait_of(&cx, 7, 100)).collect();
    settle().await;
    let refused = say(&cx, 7).await.unwrap_err();
    assert_eq!((refused.reason(), refused.effect()), (reason::OVERLOADED, Effect::NotRun));
    assert!(refused.message().contains("actor.room.mailbox"), "{refused}");
    for wait in [turn].into_iter().chain(waits) {
        wait.await.unwrap().unwrap();
    }
    assert_eq!(say(&cx, 7).await.unwrap(), 3, "the refused call did not count");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_expires_in_the_mailbox_is_not_run() {
    let app = app(&[], &TestStore::default()).await;
    let cx = app.cx();
    let wait = wait_of(&cx, 7, 500);
    settle().await;
    let late = say(&cx.within(Duration::from_millis(100)), 7).await.unwrap_err();
    assert_eq!(late.code(), Code::DeadlineExceeded);
    wait.await.unwrap().unwrap();
    assert_eq!(count(&cx, 7).await.unwrap(), 1, "only the wait has run");
}

#[tokio::test(start_paused = true)]
async fn a_panic_costs_its_call_and_its_activation_and_nobody_else() {
    let app = app(&[], &TestStore::default()).await;
    let cx = app.cx();
    say(&cx, 7).await.unwrap();
    say(&cx, 8).await.unwrap();
    let status = RoomClient::new(&cx).panic(RoomReq { id: 7 }).await.unwrap_err();
    assert_eq!((status.reason(), status.effect()), (reason::PANICKED, Effect::MayHaveRun));
    assert_eq!(say(&cx, 7).await.unwrap(), 0, "room 7 began afresh");
    assert_eq!(say(&cx, 8).await.unwrap(), 1, "room 8 went on");
    assert!(cx.metrics().text().contains("guildhall_actor_panics_total 1\n"));
}

#[tokio::test(start_paused = true)]
async fn calls_behind_a_panic_run_on_a_new_activation() {
    let app = app(&[], &TestStore::default()).await;
    let cx = app.cx();
    let wait = wait_of(&cx, 7, 100);
    settle().await;
    let panicking = RoomClient::new(&cx);
    let (panicked, said) = futures_util::join!(panicking.panic(RoomReq { id: 7 }), say(&cx, 7));
    assert_eq!(panicked.unwrap_err().reason(), reason::PANICKED);
    assert_eq!(said.unwrap(), 0);
    assert_eq!(wait.await.unwrap().unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_turn_over_its_limit_is_ended_like_a_panic() {
    let app = app(&[("actor.room.turn_limit_ms", "1000")], &TestStore::default()).await;
    let cx = app.cx();
    let began = cx.env().now();
    let status = wait_of(&cx, 7, 50_000).await.unwrap().unwrap_err();
    assert_eq!((status.reason(), status.effect()), (reason::TURN_LIMIT, Effect::MayHaveRun));
    assert!(cx.env().now() - began < Duration::from_millis(1100));
    assert_eq!(say(&cx, 7).await.unwrap(), 0, "a new activation");
}

#[tokio::test(start_paused = true)]
async fn what_a_handler_returns_is_marked_as_ran() {
    let app = app(&[], &TestStore::default()).await;
    let cx = app.cx();
    let req = FailReq { id: 7, error: RoomError::NameTaken.into() };
    let status = RoomClient::new(&cx).fail(req).await.unwrap_err();
    assert!(status.is(RoomError::NameTaken));
    assert_eq!(status.effect(), Effect::Ran);
}

#[tokio::test(start_paused = true)]
async fn a_method_without_create_activates_nothing() {
    let app = app(&[], &TestStore::default()).await;
    let cx = app.cx();
    let status = count(&cx, 7).await.unwrap_err();
    assert_eq!((status.code(), status.effect()), (Code::NotFound, Effect::NotRun));
    say(&cx, 7).await.unwrap();
    assert_eq!(count(&cx, 7).await.unwrap(), 1);
    assert!(cx.metrics().text().contains("guildhall_actor_activations_total 1\n"));
}

#[tokio::test(start_paused = true)]
async fn an_empty_key_is_refused() {
    let app = app(&[], &TestStore::default()).await;
    let status = say(&app.cx(), 0).await.unwrap_err();
    assert_eq!((status.reason(), status.effect()), (reason::BAD_KEY, Effect::NotRun));
}

#[tokio::test(start_paused = true)]
async fn one_actor_more_than_allowed_is_refused() {
    let app = app(&[("actor.room.actors_max", "3")], &TestStore::default()).await;
    let cx = app.cx();
    for id in 1..=3 {
        say(&cx, id).await.unwrap();
    }
    let status = say(&cx, 4).await.unwrap_err();
    assert_eq!((status.reason(), status.effect()), (reason::OVERLOADED, Effect::NotRun));
    say(&cx, 3).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_idle_actor_leaves_memory() {
    let app = app(&[("actor.room.idle_ms", "1000")], &TestStore::default()).await;
    let cx = app.cx();
    say(&cx, 7).await.unwrap();
    cx.env().sleep(Duration::from_millis(900)).await;
    say(&cx, 7).await.unwrap();
    cx.env().sleep(Duration::from_millis(900)).await;
    assert_eq!(count(&cx, 7).await.unwrap(), 2, "it was used in between");
    cx.env().sleep(Duration::from_millis(1100)).await;
    assert_eq!(count(&cx, 7).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test(start_paused = true)]
async fn actors_can_be_counted_listed_and_closed() {
    let app = app(&[], &TestStore::default()).await;
    let cx = app.cx();
    let rooms = cx.actors::<TestRoom>();
    assert_eq!(rooms.count(), 0);
    for id in [3, 1, 2] {
        say(&cx, id).await.unwrap();
    }
    let mut keys = Vec::new();
    rooms.each(|key| keys.push(key.to_string()));
    assert_eq!((rooms.count(), keys), (3, vec!["1".into(), "2".into(), "3".into()]));
    let wait = wait_of(&cx, 2, 100);
    settle().await;
    assert!(rooms.close(&2) && !rooms.close(&9));
    assert_eq!(wait.await.unwrap().unwrap(), 2, "what was begun has run");
    settle().await;
    assert_eq!(rooms.count(), 2);
    assert_eq!(count(&cx, 2).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(cx.actors::<crate::rooms::TestMember>().count(), 0);
}

#[tokio::test(start_paused = true)]
async fn ticks_come_in_their_time() {
    let app = app(&[("actor.room.tick_ms", "50")], &TestStore::default()).await;
    let cx = app.cx();
    say(&cx, 7).await.unwrap();
    cx.env().sleep(Duration::from_millis(175)).await;
    assert_eq!(count(&cx, 7).await.unwrap(), 3001);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_would_wait_for_itself_is_refused_with_the_cycle() {
    let app = app(&[], &TestStore::default()).await;
    let cx = app.cx();
    let rooms = RoomClient::new(&cx);
    let fine = rooms.relay(RelayReq { id: 1, to: vec![2, 3], wait_ms: 0 }).await.unwrap();
    assert_eq!(fine.passed, [3, 2, 1]);
    let cycle = rooms.relay(RelayReq { id: 1, to: vec![2, 3, 1], wait_ms: 0 }).await.unwrap_err();
    assert_eq!(cycle.reason(), reason::DEADLOCK);
    assert!(cycle.message().contains("room/1 -> room/2 -> room/3 -> room/1"), "{cycle}");
}

#[tokio::test(start_paused = true)]
async fn two_actors_that_call_each_other_are_not_both_stuck() {
    let app = app(&[], &TestStore::default()).await;
    let cx = app.cx();
    let began = cx.env().now();
    let rooms = RoomClient::new(&cx);
    let (a, b) = futures_util::join!(
        rooms.relay(RelayReq { id: 1, to: vec![2], wait_ms: 10 }),
        rooms.relay(RelayReq { id: 2, to: vec![1], wait_ms: 10 }),
    );
    let refused = [&a, &b].into_iter().filter_map(|r| r.as_ref().err());
    let refused: Vec<_> = refused.map(Status::reason).collect();
    assert!(refused.contains(&reason::DEADLOCK), "{a:?} {b:?}");
    assert!(cx.env().now() - began < Duration::from_secs(1), "nobody waited for a deadline");
}

#[tokio::test(start_paused = true)]
async fn a_chain_of_calls_has_an_end() {
    let app = app(&[], &TestStore::default()).await;
    let cx = app.cx();
    let req = RelayReq { id: 1, to: (2..30).collect(), wait_ms: 0 };
    let status = RoomClient::new(&cx).relay(req).await.unwrap_err();
    assert_eq!(status.reason(), reason::DEADLOCK);
}

#[tokio::test(start_paused = true)]
async fn a_cast_without_key_reaches_every_active_actor() {
    let app = app(&[], &TestStore::default()).await;
    let cx = app.cx();
    for id in 1..=3 {
        say(&cx, id).await.unwrap();
    }
    RoomClient::new(&cx).announce(AnnounceReq { text: "all".into() }).await.unwrap();
    for id in 1..=3 {
        assert_eq!(count(&cx, id).await.unwrap(), 101);
    }
}

#[tokio::test(start_paused = true)]
async fn casts_and_calls_of_one_caller_run_in_order() {
    let app = app(&[], &TestStore::default()).await;
    let cx = app.cx();
    for n in 0..10 {
        RoomClient::new(&cx).shout(SayReq { id: 7, text: String::new() }).await.unwrap();
        assert_eq!(say(&cx, 7).await.unwrap(), n * 2 + 1);
    }
}

#[tokio::test(start_paused = true)]
async fn queued_calls_run_before_the_app_ends() {
    let app = app(&[], &TestStore::default()).await;
    let cx = app.cx();
    let waits: Vec<_> = (0..5).map(|_| wait_of(&cx, 7, 100)).collect();
    settle().await;
    app.shutdown().await;
    for (n, wait) in (1..).zip(waits) {
        assert_eq!(wait.await.unwrap().unwrap(), n);
    }
}

#[tokio::test(start_paused = true)]
async fn an_app_ends_though_an_actor_panics_while_it_drains() {
    let app = app(&[], &TestStore::default()).await;
    let cx = app.cx();
    let began = cx.env().now();
    let wait = wait_of(&cx, 7, 100);
    settle().await;
    let panicking = cx.clone();
    let panicked = spawn(async move { RoomClient::new(&panicking).panic(RoomReq { id: 7 }).await });
    let said = spawn({
        let cx = cx.clone();
        async move { say(&cx, 7).await }
    });
    settle().await;
    app.shutdown().await;
    assert!(cx.env().now() - began < Duration::from_secs(1), "it did not wait for app.drain_ms");
    assert_eq!(wait.await.unwrap().unwrap(), 1);
    assert_eq!(panicked.await.unwrap().unwrap_err().reason(), reason::PANICKED);
    assert_eq!(said.await.unwrap().unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_wrong_knob_is_a_start_up_error() {
    let config = guildhall::Config::builder().set("actor.room.tick_ms", 20);
    let app = guildhall::App::with(config.build().unwrap());
    let app = app.actor::<TestRoom>(proto::room::RoomServer);
    let error = app.start().await.unwrap_err().to_string();
    assert!(error.contains("actor.room.tick_ms is 20"), "{error}");
}

/// Ten thousand actors that have been called and now do nothing.
#[tokio::test(start_paused = true)]
async fn an_idle_actor_has_no_task_and_no_timer_of_its_own() {
    let app = app_in(still(), "dev.w1.room.1", &[], &TestStore::default()).await;
    let cx = app.cx();
    say(&cx, 1).await.unwrap();
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    for id in 2..10_000 {
        say(&cx, id).await.unwrap();
    }
    assert_eq!(tasks(), before);
}
