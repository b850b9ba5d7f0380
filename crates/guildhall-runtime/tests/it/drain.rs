//! Apps that peers tell to drain.

use std::sync::Arc;
use std::time::Duration;

use guildhall::discovery::{Change, NodeRecord};
use guildhall::{App, AppId, Code, Config, Cx, Effect, RunningApp};
use guildhall_runtime::proto::{DrainReq, NodeClient};
use proto::room::{MemberServer, RoomClient, RoomServer, WaitReq};
use proto::routing::{AskReq, DeskClient};

use crate::entities::{info, join};
use crate::rooms::{TestMember, TestRoom, TestStore};
use crate::town::{Town, sees};
use crate::world::spawn;

/// In a thread of its own, because `run` is a program's.
#[tokio::test]
#[allow(clippy::disallowed_methods, reason = "a test is no app")]
async fn an_app_that_a_peer_tells_to_drain_ends_its_calls_and_then_itself() {
    let mut town = Town::new();
    let desk = town.app("dev.w1.desk.1", &[("app.drain_ms", "9000")]).serve(town.desk());
    let thread = std::thread::spawn(|| desk.run());
    let caller = town.app("dev.w1.caller.1", &[]).start().await.unwrap();
    let (cx, calling) = (caller.cx(), caller.cx());
    sees(&cx, 2).await;
    let desk = "dev.w1.desk.1".parse::<AppId>().unwrap();
    let held = spawn(async move { DeskClient::new(&calling).ask(AskReq { hold: true }).await });
    assert_eq!(town.next().await.1, "holds");
    let told = NodeClient::new(&cx).at(&desk).drain(DrainReq {}).await.unwrap();
    assert_eq!(told.drain_ms, 9000);
    sees(&cx, 1).await;
    town.go_on.add_permits(1);
    assert_eq!(held.await.unwrap().unwrap().app, "dev.w1.desk.1");
    let ended = tokio::task::spawn_blocking(|| thread.join().unwrap()).await.unwrap();
    assert!(ended.is_ok(), "{ended:?}");
}

#[tokio::test]
async fn a_program_that_has_started_its_app_hears_that_it_is_to_drain() {
    let town = Town::new();
    let desk = town.start("dev.w1.desk.1").await;
    let caller = town.app("dev.w1.caller.1", &[]).start().await.unwrap();
    let cx = caller.cx();
    sees(&cx, 2).await;
    let mut asked = Box::pin(desk.drain_asked());
    assert!(futures_util::poll!(&mut asked).is_pending());
    NodeClient::new(&cx).at(desk.cx().app_id()).drain(DrainReq {}).await.unwrap();
    asked.await;
    desk.drain_asked().await;
    desk.shutdown().await;
    sees(&cx, 1).await;
}

fn record(cx: &Cx, app: &RunningApp) -> NodeRecord {
    cx.nodes().into_iter().find(|record| record.id == *app.cx().app_id()).unwrap()
}

#[tokio::test]
async fn a_draining_app_is_not_registered_again() {
    let mut town = Town::new();
    // Renewed every 50 ms.
    let desk = town.start_with("dev.w1.desk.1", &[("app.discovery_ttl_ms", "150")]).await;
    let caller = town.app("dev.w1.caller.1", &[]).start().await.unwrap();
    let cx = caller.cx();
    sees(&cx, 2).await;
    let calling = cx.clone();
    let held = spawn(async move { DeskClient::new(&calling).ask(AskReq { hold: true }).await });
    assert_eq!(town.next().await.1, "holds");
    let mut changes = town.watch().await;
    while changes.recv().await.unwrap() != Change::Synced {}
    let (id, life) = (desk.cx().app_id().clone(), record(&cx, &desk).incarnation);
    let draining = spawn(desk.shutdown());
    while changes.recv().await.unwrap() != Change::Remove(id.clone(), life) {}
    cx.env().sleep(Duration::from_millis(120)).await;
    let mut after = std::iter::from_fn(|| changes.try_recv().ok());
    assert!(after.all(|change| !matches!(change, Change::Put(record) if record.id == id)));
    town.go_on.add_permits(1);
    assert!(held.await.unwrap().is_ok());
    draining.await.unwrap();
}

/// An app whose actors are saved when it drains and not before, with streams that never end.
async fn saves_at_the_end(store: &TestStore, drain_ms: i64) -> RunningApp {
    let config = Config::builder().set("app.id", "dev.w1.room.1").set("app.drain_ms", drain_ms);
    // What is refused is not sent again by this app, which ends.
    let config = config.set("actor.member.save_ms", 600_000).set("call.retries_max", 0);
    let config = config.build().unwrap();
    let app = App::with(config).store(Arc::new(store.clone()));
    let app = app.actor::<TestRoom>(RoomServer);
    let app = app.actor::<TestMember>(MemberServer);
    app.on_stream("endless", |_cx, _stream| std::future::pending()).start().await.unwrap()
}

/// A member with a change that waits for its time: the same name again. The first one is unique, so it is saved at once.
async fn join_unsaved(cx: &Cx, player: &str) {
    join(cx, player).await.unwrap();
    join(cx, player).await.unwrap();
}

/// The claim, the first name, and the same again.
async fn is_saved(store: &TestStore, player: &str) -> bool {
    store.member(player).await.is_some_and(|row| row.version == 3)
}

#[tokio::test(start_paused = true)]
async fn actors_are_saved_though_a_call_outlives_the_drain() {
    let store = TestStore::default();
    let app = saves_at_the_end(&store, 2000).await;
    let cx = app.cx();
    join_unsaved(&cx, "ann").await;
    let (calling, waiting) = (cx.clone(), cx.clone());
    let wait = |ms| WaitReq { id: 1, ms };
    let endless = spawn(async move { RoomClient::new(&calling).wait(wait(50_000)).await });
    let behind = spawn(async move { RoomClient::new(&waiting).wait(wait(1)).await });
    cx.env().sleep(Duration::from_millis(10)).await;
    assert!(!is_saved(&store, "ann").await, "the drain has nothing to save");
    let began = cx.env().now();
    app.shutdown().await;
    let took = (cx.env().now() - began).as_millis();
    assert!((1500..2000).contains(&took), "1500 ms for the call, then the save: {took} ms");
    assert!(is_saved(&store, "ann").await, "the last quarter of the drain is for saving");
    assert_eq!(endless.await.unwrap().unwrap_err().effect(), Effect::MayHaveRun);
    let refused = behind.await.unwrap().unwrap_err();
    assert_eq!((refused.code(), refused.effect()), (Code::Unavailable, Effect::NotRun));
}

#[tokio::test(start_paused = true)]
async fn actors_are_saved_though_a_stream_outlives_the_drain_and_it_is_closed() {
    let store = TestStore::default();
    let app = saves_at_the_end(&store, 2000).await;
    let cx = app.cx();
    join_unsaved(&cx, "ann").await;
    let mut stream = cx.open_stream(cx.app_id(), "endless").await.unwrap();
    let began = cx.env().now();
    let mut draining = spawn(app.shutdown());
    let mut end = Vec::new();
    let closed = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut end);
    let read = cx.env().until(began + Duration::from_millis(1600), closed).await;
    assert!(read.is_some_and(|read| read.unwrap() == 0), "not closed after 1500 ms");
    (&mut draining).await.unwrap();
    assert!(is_saved(&store, "ann").await, "the last quarter of the drain is for saving");
}

#[tokio::test(start_paused = true)]
async fn an_actor_whose_turn_outlives_the_drain_is_saved_as_earlier_turns_left_it() {
    let store = TestStore::default();
    let app = saves_at_the_end(&store, 1000).await;
    let cx = app.cx();
    join_unsaved(&cx, "slow").await;
    let calling = cx.clone();
    // A second, of which the drain gives three quarters.
    let turn = spawn(async move { info(&calling, "slow").await });
    cx.env().sleep(Duration::from_millis(10)).await;
    assert!(!is_saved(&store, "slow").await, "the drain has nothing to save");
    app.shutdown().await;
    assert!(is_saved(&store, "slow").await, "the turn ends, and what was before it is saved");
    assert_eq!(turn.await.unwrap().unwrap_err().effect(), Effect::MayHaveRun);
}
