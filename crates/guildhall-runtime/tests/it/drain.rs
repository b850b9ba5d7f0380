//! Apps that peers tell to drain.

use std::time::Duration;

use guildhall::discovery::{Change, NodeRecord};
use guildhall::{AppId, Cx, RunningApp};
use guildhall_runtime::proto::{DrainReq, NodeClient};
use proto::routing::{AskReq, DeskClient};

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
    assert_eq!(ended, Ok(()));
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
