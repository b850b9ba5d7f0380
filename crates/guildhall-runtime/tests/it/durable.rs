//! Durable replies: sent when the store said yes, while the actor goes on.

use std::sync::Arc;
use std::time::Duration;

use guildhall::status::reason;
use guildhall::{Code, Cx, Effect, Status};
use parking_lot::Mutex;
use proto::room::{EarnReq, InfoReq, MemberClient};
use tokio::task::JoinHandle;

use crate::entities::{earn, info, join, saved_points};
use crate::rooms::{Failure, TestStore, app, app_named};
use crate::world::spawn;

/// Lets the tasks that were just spawned go as far as they can without time.
pub(crate) async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

pub(crate) fn earning(
    cx: &Cx,
    player: &'static str,
    points: i64,
) -> JoinHandle<Result<i64, Status>> {
    let cx = cx.clone();
    spawn(async move { earn(&cx, player, points).await })
}

fn reading(cx: &Cx, player: &'static str) -> JoinHandle<Result<i64, Status>> {
    let cx = cx.clone();
    spawn(async move { Ok(info(&cx, player).await?.points) })
}

pub(crate) async fn points(store: &TestStore, player: &str) -> Option<guildhall::store::Value> {
    saved_points(store.member(player).await)
}

#[tokio::test(start_paused = true)]
async fn an_actor_goes_on_while_a_durable_reply_waits() {
    let store = TestStore::default();
    let app = app(&[], &store).await;
    join(&app.cx(), "ann").await.unwrap();
    let blocked = store.block().await;
    let earned: Vec<_> = (0..10).map(|_| earning(&app.cx(), "ann", 1)).collect();
    settle().await;
    assert!(earned.iter().all(|earned| !earned.is_finished()));
    assert_eq!(store.commits(), 1, "the name's, which is unique");
    drop(blocked);
    for (n, earned) in (1..).zip(earned) {
        assert_eq!(earned.await.unwrap().unwrap(), n, "each has its own reply");
    }
    assert_eq!(store.commits(), 3, "those behind the first one share a commit");
    assert_eq!(points(&store, "ann").await, Some(guildhall::store::Value::Int(10)));
}

#[tokio::test(start_paused = true)]
async fn replies_of_later_turns_wait_for_what_they_saw_and_keep_their_order() {
    let store = TestStore::default();
    let app = app(&[], &store).await;
    let cx = app.cx();
    join(&cx, "ann").await.unwrap();
    let blocked = store.block().await;
    let order = Arc::new(Mutex::new(Vec::new()));
    let noted = |what: &'static str, call: JoinHandle<Result<i64, Status>>| {
        let order = Arc::clone(&order);
        spawn(async move {
            let points = call.await.unwrap().unwrap();
            order.lock().push((what, points));
        })
    };
    let calls = [
        noted("earn", earning(&cx, "ann", 5)),
        noted("read", reading(&cx, "ann")),
        noted("nothing", earning(&cx, "ann", 0)),
        noted("more", earning(&cx, "ann", 1)),
        noted("read", reading(&cx, "ann")),
    ];
    settle().await;
    assert!(order.lock().is_empty(), "a read does not show what may still be lost");
    drop(blocked);
    for call in calls {
        call.await.unwrap();
    }
    let wanted = [("earn", 5), ("read", 5), ("nothing", 5), ("more", 6), ("read", 6)];
    assert_eq!(*order.lock(), wanted);
    assert_eq!(store.commits(), 3, "the name's, the first one's, and one for all behind it");
}

#[tokio::test(start_paused = true)]
async fn a_durable_reply_is_not_held_up_by_a_long_turn_behind_it() {
    let store = TestStore::default();
    let app = app(&[], &store).await;
    let cx = app.cx();
    join(&cx, "slow").await.unwrap();
    let blocked = store.block().await;
    let (earned, read) = (earning(&cx, "slow", 5), reading(&cx, "slow"));
    settle().await;
    drop(blocked);
    assert_eq!(earned.await.unwrap().unwrap(), 5);
    assert!(!read.is_finished(), "its turn takes a second");
    assert_eq!(read.await.unwrap().unwrap(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_durable_turn_that_changes_nothing_commits_nothing() {
    let store = TestStore::default();
    let app = app(&[], &store).await;
    let cx = app.cx();
    join(&cx, "ann").await.unwrap();
    earn(&cx, "ann", 5).await.unwrap();
    let blocked = store.block().await;
    assert_eq!(earn(&cx, "ann", 0).await.unwrap(), 5);
    drop(blocked);
    assert_eq!(store.commits(), 2, "the name's, and the points'");
}

#[tokio::test(start_paused = true)]
async fn a_refused_write_fails_all_replies_that_wait() {
    let store = TestStore::default();
    let old = app_named("dev.w1.room.1", &[], &store).await;
    let new = app_named("dev.w1.room.2", &[], &store).await;
    join(&old.cx(), "ann").await.unwrap();
    earn(&old.cx(), "ann", 1).await.unwrap();
    let blocked = store.block().await;
    let calls =
        [earning(&old.cx(), "ann", 10), earning(&old.cx(), "ann", 100), reading(&old.cx(), "ann")];
    settle().await;
    // The claim passes the writes that wait.
    assert_eq!(info(&new.cx(), "ann").await.unwrap().points, 1);
    drop(blocked);
    for call in calls {
        let refused = call.await.unwrap().unwrap_err();
        assert_eq!(
            (refused.reason(), refused.effect()),
            (reason::NOT_THE_OWNER, Effect::MayHaveRun)
        );
    }
    assert_eq!(points(&store, "ann").await, Some(guildhall::store::Value::Int(1)));
}

#[tokio::test(start_paused = true)]
async fn a_caller_of_a_reply_that_waits_has_its_own_deadline() {
    let store = TestStore::default();
    let app = app(&[], &store).await;
    let cx = app.cx();
    join(&cx, "ann").await.unwrap();
    let blocked = store.block().await;
    let late = earn(&cx.within(Duration::from_millis(100)), "ann", 5).await.unwrap_err();
    assert_eq!((late.code(), late.effect()), (Code::DeadlineExceeded, Effect::MayHaveRun));
    drop(blocked);
    assert_eq!(earn(&cx, "ann", 1).await.unwrap(), 6, "its change is there");
}

#[tokio::test(start_paused = true)]
async fn replies_that_wait_count_as_calls_that_wait() {
    let store = TestStore::default();
    let app = app(&[("actor.member.mailbox", "3")], &store).await;
    let cx = app.cx();
    join(&cx, "ann").await.unwrap();
    let blocked = store.block().await;
    let earned: Vec<_> = (0..3).map(|_| earning(&cx, "ann", 1)).collect();
    settle().await;
    let refused = earn(&cx, "ann", 1).await.unwrap_err();
    assert_eq!((refused.reason(), refused.effect()), (reason::OVERLOADED, Effect::NotRun));
    drop(blocked);
    for earned in earned {
        earned.await.unwrap().unwrap();
    }
    assert_eq!(earn(&cx, "ann", 1).await.unwrap(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_panic_costs_no_reply_of_earlier_turns() {
    let store = TestStore::default();
    let app = app(&[], &store).await;
    let cx = app.cx();
    join(&cx, "ann").await.unwrap();
    let blocked = store.block().await;
    let (first, second) = (earning(&cx, "ann", 5), earning(&cx, "ann", 10));
    settle().await;
    let kicked = MemberClient::new(&cx).kick(InfoReq { player: "ann".into() }).await.unwrap_err();
    assert_eq!(kicked.reason(), reason::PANICKED);
    assert!(!first.is_finished() && !second.is_finished());
    drop(blocked);
    assert_eq!((first.await.unwrap().unwrap(), second.await.unwrap().unwrap()), (5, 15));
    assert_eq!(info(&cx, "ann").await.unwrap().points, 15);
}

/// The store does not answer in time, so what earlier turns have changed is lost with the activation.
#[tokio::test(start_paused = true)]
async fn a_panic_while_the_store_is_away_costs_the_replies_of_a_commit_to_come_alone() {
    let store = TestStore::default();
    let app = app(&[("save.timeout_ms", "1000")], &store).await;
    let cx = app.cx();
    join(&cx, "ann").await.unwrap();
    let blocked = store.block().await;
    let (first, second) = (earning(&cx, "ann", 5), earning(&cx, "ann", 10));
    settle().await;
    let kicked = MemberClient::new(&cx).kick(InfoReq { player: "ann".into() }).await.unwrap_err();
    assert_eq!(kicked.reason(), reason::PANICKED);
    let lost = second.await.unwrap().unwrap_err();
    assert_eq!((lost.reason(), lost.effect()), (reason::LOST, Effect::MayHaveRun));
    assert!(!first.is_finished());
    drop(blocked);
    assert_eq!(first.await.unwrap().unwrap(), 5);
    assert_eq!(info(&cx, "ann").await.unwrap().points, 5);
}

#[tokio::test(start_paused = true)]
async fn a_draining_app_waits_for_the_commits_that_replies_need() {
    let store = TestStore::default();
    let app = app(&[], &store).await;
    let cx = app.cx();
    join(&cx, "ann").await.unwrap();
    let blocked = store.block().await;
    let (first, second) = (earning(&cx, "ann", 5), earning(&cx, "ann", 10));
    settle().await;
    let ended = spawn(app.shutdown());
    settle().await;
    drop(blocked);
    assert_eq!((first.await.unwrap().unwrap(), second.await.unwrap().unwrap()), (5, 15));
    ended.await.unwrap();
    assert_eq!(points(&store, "ann").await, Some(guildhall::store::Value::Int(15)));
}

/// What the store will never take is said at once, and not at the deadline.
#[tokio::test(start_paused = true)]
async fn a_change_that_the_store_does_not_take_fails_the_replies_that_need_it() {
    let store = TestStore::default();
    let app = app(&[], &store).await;
    let cx = app.cx();
    join(&cx, "ann").await.unwrap();
    store.fail_next(&[Failure::Invalid]);
    let began = cx.env().now();
    let status = earn(&cx, "ann", 5).await.unwrap_err();
    assert_eq!((status.reason(), status.effect()), (reason::STORE, Effect::Ran));
    assert!(cx.env().now() - began < Duration::from_millis(100));
    let req = EarnReq { player: "ann".into(), points: 1 };
    let member = MemberClient::new(&cx).earn(req).await.unwrap().member.unwrap();
    assert_eq!(member.points, 1, "it is not in what comes after it");
}
