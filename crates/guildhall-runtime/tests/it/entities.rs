//! Actors with state: claimed before, saved after, fenced in between.

use std::time::Duration;

use guildhall::status::reason;
use guildhall::{Code, Cx, Effect, Status};
use proto::room::{EarnReq, InfoReq, JoinReq, MemberClient, MemberState};

use crate::rooms::{Failure, LEAVES, TestStore, app, app_named};

pub(crate) async fn join(cx: &Cx, player: &str) -> Result<MemberState, Status> {
    let req = JoinReq { player: player.into(), name: format!("name of {player}") };
    Ok(MemberClient::new(cx).join(req).await?.member.unwrap())
}

pub(crate) async fn info(cx: &Cx, player: &str) -> Result<MemberState, Status> {
    let req = InfoReq { player: player.into() };
    Ok(MemberClient::new(cx).info(req).await?.member.unwrap())
}

pub(crate) async fn earn(cx: &Cx, player: &str, points: i64) -> Result<i64, Status> {
    let req = EarnReq { player: player.into(), points };
    Ok(MemberClient::new(cx).earn(req).await?.member.unwrap().points)
}

pub(crate) fn saved_points(row: Option<guildhall::store::Row>) -> Option<guildhall::store::Value> {
    let row = row.filter(|row| row.exists)?;
    row.fields.into_iter().find(|(number, _)| *number == 3).map(|(_, value)| value)
}

#[tokio::test(start_paused = true)]
async fn state_survives_a_restart_of_the_app() {
    let store = TestStore::default();
    let first = app(&[], &store).await;
    join(&first.cx(), "ann").await.unwrap();
    first.shutdown().await;
    let second = app(&[], &store).await;
    assert_eq!(info(&second.cx(), "ann").await.unwrap().name, "name of ann");
}

#[tokio::test(start_paused = true)]
async fn a_guessed_key_leaves_nothing_behind() {
    let store = TestStore::default();
    let app = app(&[], &store).await;
    for n in 0..100 {
        let status = info(&app.cx(), &format!("guess{n}")).await.unwrap_err();
        assert_eq!((status.code(), status.effect()), (Code::NotFound, Effect::NotRun));
    }
    assert_eq!((store.claims(), store.commits()), (0, 0));
    assert!(store.member("guess1").await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_call_that_may_create_and_does_not_leaves_nothing_in_memory_and_claims_each_time() {
    let store = TestStore::default();
    let app = app(&[], &store).await;
    for n in 0..3 {
        let req = JoinReq { player: "guess".into(), name: String::new() };
        let status = MemberClient::new(&app.cx()).join(req).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        let actors = app.cx().actors::<crate::rooms::TestMember>();
        let deadline = app.cx().env().now() + Duration::from_secs(10);
        while actors.count() > 0 {
            assert!(app.cx().env().now() < deadline, "{} in memory after 10 s", actors.count());
            app.cx().env().sleep(Duration::from_millis(1)).await;
        }
        assert_eq!((store.claims(), store.commits()), (n + 1, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_create_makes_nothing() {
    let store = TestStore::default();
    let app = app(&[], &store).await;
    let cx = app.cx();
    let req = JoinReq { player: "ann".into(), name: String::new() };
    let status = MemberClient::new(&cx).join(req).await.unwrap_err();
    assert_eq!((status.code(), status.effect()), (Code::InvalidArgument, Effect::Ran));
    assert_eq!(info(&cx, "ann").await.unwrap_err().code(), Code::NotFound);
    assert_eq!(store.commits(), 0);
    assert!(cx.metrics().text().contains("guildhall_actor_deactivations_total 1\n"), "it has left");
}

#[tokio::test(start_paused = true)]
async fn an_error_of_activate_is_the_answer_and_the_call_did_not_run() {
    let app = app(&[], &TestStore::default()).await;
    let status = join(&app.cx(), "cursed").await.unwrap_err();
    assert_eq!((status.code(), status.effect()), (Code::PermissionDenied, Effect::NotRun));
}

#[tokio::test(start_paused = true)]
async fn while_the_store_is_away_new_actors_are_refused_and_nothing_of_it_is_told() {
    let store = TestStore::default();
    let app = app(&[], &store).await;
    let cx = app.cx();
    store.set_away(true);
    let status = join(&cx, "ann").await.unwrap_err();
    assert_eq!((status.code(), status.reason()), (Code::Unavailable, reason::STORE));
    assert_eq!(status.effect(), Effect::NotRun);
    assert!(!status.message().contains("/secret/path"), "{status}");
    store.set_away(false);
    join(&cx, "ann").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn changes_are_saved_within_the_save_interval_and_together() {
    let store = TestStore::default();
    let app = app(&[("actor.member.save_ms", "1000")], &store).await;
    let cx = app.cx();
    let saves = |count| format!("guildhall_saves_total {count}\n");
    for n in 0..20 {
        join(&cx, &format!("p{n}")).await.unwrap();
    }
    assert!(cx.metrics().text().contains(&saves(20)), "a new value of a unique field is at once");
    let before = store.commits();
    for n in 0..40 {
        join(&cx, &format!("p{}", n % 20)).await.unwrap();
    }
    cx.env().sleep(Duration::from_millis(700)).await;
    assert_eq!(store.commits(), before, "not before three quarters of it");
    cx.env().sleep(Duration::from_millis(400)).await;
    for n in 0..20 {
        // The claim, the first name, and the same name.
        assert_eq!(store.member(&format!("p{n}")).await.unwrap().version, 3, "p{n}");
    }
    assert!(cx.metrics().text().contains(&saves(40)), "one save for two changes");
}

#[tokio::test(start_paused = true)]
async fn a_durable_reply_comes_after_the_commit() {
    let store = TestStore::default();
    let app = app(&[], &store).await;
    let cx = app.cx();
    join(&cx, "ann").await.unwrap();
    store.fail_next(&[Failure::Unavailable, Failure::Unavailable]);
    assert_eq!(earn(&cx, "ann", 5).await.unwrap(), 5);
    assert_eq!(saved_points(store.member("ann").await), Some(guildhall::store::Value::Int(5)));
    assert_eq!(store.commits(), 1 + 3, "two failed, and the same was sent again");
}

#[tokio::test(start_paused = true)]
async fn a_durable_call_that_cannot_be_saved_in_time_says_so() {
    let store = TestStore::default();
    let app = app(&[], &store).await;
    let cx = app.cx();
    join(&cx, "ann").await.unwrap();
    store.fail_next(&[Failure::Unavailable; 12]);
    let status = earn(&cx.within(Duration::from_secs(3)), "ann", 5).await.unwrap_err();
    assert!(matches!(status.code(), Code::Unavailable | Code::DeadlineExceeded), "{status}");
    assert_eq!(status.effect(), Effect::MayHaveRun);
    cx.env().sleep(Duration::from_secs(60)).await;
    assert_eq!(saved_points(store.member("ann").await), Some(guildhall::store::Value::Int(5)));
}

#[tokio::test(start_paused = true)]
async fn a_save_whose_answer_is_lost_is_done_once() {
    let store = TestStore::default();
    let app = app(&[], &store).await;
    let cx = app.cx();
    join(&cx, "ann").await.unwrap();
    store.fail_next(&[Failure::AnswerLost, Failure::AnswerLost]);
    for n in 1..=3 {
        assert_eq!(earn(&cx, "ann", 1).await.unwrap(), n);
    }
    assert_eq!(saved_points(store.member("ann").await), Some(guildhall::store::Value::Int(3)));
    let row = store.member("ann").await.unwrap();
    // The claim, the name, then one write per save: repeats count for nothing.
    assert_eq!(row.version, 2 + 3, "{row:?}");
}

#[tokio::test(start_paused = true)]
async fn an_idle_actor_is_saved_with_what_its_last_turn_changed() {
    let store = TestStore::default();
    let settings = [("actor.member.idle_ms", "1000"), ("actor.member.save_ms", "60000")];
    let app = app(&settings, &store).await;
    let cx = app.cx();
    join(&cx, "ann").await.unwrap();
    cx.env().sleep(Duration::from_millis(1500)).await;
    assert_eq!(info(&cx, "ann").await.unwrap().visits, 1);
    assert_eq!(store.claims(), 2, "it was activated anew");
}

#[tokio::test(start_paused = true)]
async fn an_idle_actor_stays_in_memory_while_the_store_is_away() {
    let store = TestStore::default();
    let settings = [("actor.member.idle_ms", "1000"), ("actor.member.save_ms", "60000")];
    let app = app(&settings, &store).await;
    let cx = app.cx();
    join(&cx, "ann").await.unwrap();
    let version = async || store.member("ann").await.map(|row| row.version);
    let before = version().await.unwrap();
    store.fail_next(&[Failure::Unavailable; 8]);
    join(&cx, "ann").await.unwrap();
    cx.env().sleep(Duration::from_secs(12)).await;
    assert_eq!(info(&cx, "ann").await.unwrap().name, "name of ann");
    assert_eq!((store.claims(), version().await), (1, Some(before)), "it is there, unsaved");
    cx.env().sleep(Duration::from_secs(60)).await;
    assert!(version().await > Some(before));
}

#[tokio::test(start_paused = true)]
async fn of_two_writers_on_one_row_the_one_that_claimed_before_is_refused() {
    let store = TestStore::default();
    let old = app_named("dev.w1.room.1", &[], &store).await;
    let new = app_named("dev.w1.room.2", &[], &store).await;
    join(&old.cx(), "ann").await.unwrap();
    assert_eq!(earn(&old.cx(), "ann", 1).await.unwrap(), 1);
    assert_eq!(earn(&new.cx(), "ann", 10).await.unwrap(), 11, "the new owner sees what was saved");
    let refused = earn(&old.cx(), "ann", 100).await.unwrap_err();
    assert_eq!((refused.reason(), refused.effect()), (reason::NOT_THE_OWNER, Effect::MayHaveRun));
    assert_eq!(saved_points(store.member("ann").await), Some(guildhall::store::Value::Int(11)));
    // Its activation is gone: the next call claims, and sees what there is.
    assert_eq!(info(&old.cx(), "ann").await.unwrap().points, 11);
}

#[tokio::test(start_paused = true)]
async fn a_deleted_entity_is_missing_at_once_and_can_be_made_again() {
    let store = TestStore::default();
    let app = app(&[], &store).await;
    let cx = app.cx();
    join(&cx, "ann").await.unwrap();
    earn(&cx, "ann", 5).await.unwrap();
    MemberClient::new(&cx).leave(InfoReq { player: "ann".into() }).await.unwrap();
    assert_eq!(info(&cx, "ann").await.unwrap_err().code(), Code::NotFound);
    assert_eq!(join(&cx, "ann").await.unwrap().points, 0);
    app.shutdown().await;
    let row = store.member("ann").await.unwrap();
    assert!(row.exists);
    assert_ne!(saved_points(Some(row)), Some(guildhall::store::Value::Int(5)));
}

/// The caller goes away in the middle of a turn: the turn ends as if it had stayed.
#[tokio::test(start_paused = true)]
async fn a_cancelled_turn_is_not_torn() {
    use proto::room::{RoomClient, RoomReq, WaitReq};
    let app = app(&[], &TestStore::default()).await;
    let cx = app.cx();
    let short = cx.within(Duration::from_millis(50));
    let status = RoomClient::new(&short).wait(WaitReq { id: 7, ms: 200 }).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    assert_eq!(RoomClient::new(&cx).count(RoomReq { id: 7 }).await.unwrap().count, 1);
}

#[tokio::test(start_paused = true)]
async fn the_calls_of_a_cancelled_turn_fail() {
    use proto::room::{RelayReq, RoomClient, RoomReq};
    let app = app(&[], &TestStore::default()).await;
    let cx = app.cx();
    let short = cx.within(Duration::from_millis(50));
    let req = RelayReq { id: 1, to: vec![2], wait_ms: 200 };
    RoomClient::new(&short).relay(req).await.unwrap_err();
    cx.env().sleep(Duration::from_secs(1)).await;
    let status = RoomClient::new(&cx).count(RoomReq { id: 2 }).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound, "room 2 was never called");
}

#[tokio::test(start_paused = true)]
async fn a_copy_of_a_refused_write_that_comes_late_is_not_taken_for_the_next_write() {
    let store = TestStore::default();
    let app = app(&[], &store).await;
    let cx = app.cx();
    for player in ["ann", "bob"] {
        join(&cx, player).await.unwrap();
        earn(&cx, player, 1).await.unwrap();
    }
    // She takes his name: the first copy of the write is on its way, the second one is refused.
    let taken = JoinReq { player: "ann".into(), name: "name of bob".into() };
    store.fail_next(&[Failure::Late]);
    let refused = MemberClient::new(&cx).join(taken).await.unwrap_err();
    assert_eq!(refused.effect(), Effect::MayHaveRun, "the first copy may still be done: {refused}");
    // He is gone, and with him what has kept the first copy away.
    earn(&cx, "bob", LEAVES).await.unwrap();
    assert!(store.member("bob").await.is_none_or(|row| !row.exists));
    let known = info(&cx, "ann").await.unwrap().points;
    assert!(
        store.land().await.iter().all(Result::is_err),
        "the next activation's claim came first"
    );
    assert_eq!(earn(&cx, "ann", 5).await.unwrap(), known + 5);
    let saved = saved_points(store.member("ann").await);
    assert_eq!(
        saved,
        Some(guildhall::store::Value::Int(known + 5)),
        "what was acknowledged is there"
    );
}
