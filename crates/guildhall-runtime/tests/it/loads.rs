//! LEAST_LOAD: of two apps the one with less to do.

use std::collections::BTreeSet;
use std::time::Duration;

use guildhall::{AppId, Cx, RunningApp, Status};
use proto::routing::{AskReq, AskRsp, DeskClient};
use tokio::task::JoinHandle;

use crate::town::{Town, sees};
use crate::world::spawn;

/// How soon loads are told here.
const SOON: (&str, &str) = ("route.load_ms", "50");

async fn least(cx: &Cx) -> String {
    DeskClient::new(cx).least(AskReq::default()).await.unwrap().app
}

/// Calls that run at a desk until they may end.
async fn hold(
    town: &mut Town,
    cx: &Cx,
    desk: &RunningApp,
    count: usize,
) -> Vec<JoinHandle<Result<AskRsp, Status>>> {
    let mut held = Vec::new();
    for _ in 0..count {
        let (cx, id): (Cx, AppId) = (cx.clone(), desk.cx().app_id().clone());
        let calling = async move { DeskClient::new(&cx).at(&id).ask(AskReq { hold: true }).await };
        held.push(spawn(calling));
        assert_eq!(town.next().await.1, "holds");
    }
    held
}

async fn end(town: &Town, held: Vec<JoinHandle<Result<AskRsp, Status>>>) {
    town.go_on.add_permits(held.len());
    for call in held {
        call.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn of_two_apps_the_one_with_less_to_do_is_called() {
    let mut town = Town::new();
    let one = town.start("dev.w1.desk.1").await;
    let _two = town.start("dev.w1.desk.2").await;
    let caller = town.app("dev.w1.caller.1", &[]).start().await.unwrap();
    let cx = caller.cx();
    sees(&cx, 3).await;
    let held = hold(&mut town, &cx, &one, 1).await;
    for _ in 0..20 {
        assert_eq!(least(&cx).await, "dev.w1.desk.2");
    }
    end(&town, held).await;
    let mut both = BTreeSet::new();
    while both.len() < 2 {
        both.insert(least(&cx).await);
    }
}

#[tokio::test]
async fn a_load_is_for_each_weight_and_who_has_none_is_not_called() {
    let mut town = Town::new();
    let one = town.start_with("dev.w1.desk.1", &[("app.weight", "100")]).await;
    let large = town.start_with("dev.w1.desk.2", &[("app.weight", "300")]).await;
    let _none = town.start_with("dev.w1.desk.3", &[("app.weight", "0")]).await;
    let caller = town.app("dev.w1.caller.1", &[]).start().await.unwrap();
    let cx = caller.cx();
    sees(&cx, 4).await;
    let mut held = hold(&mut town, &cx, &one, 2).await;
    held.extend(hold(&mut town, &cx, &large, 3).await);
    for _ in 0..20 {
        assert_eq!(least(&cx).await, "dev.w1.desk.2");
    }
    end(&town, held).await;
}

#[tokio::test]
async fn the_load_that_an_app_tells_counts_for_those_who_did_not_make_it() {
    let mut town = Town::new();
    let one = town.start_with("dev.w1.desk.1", &[SOON]).await;
    let _two = town.start_with("dev.w1.desk.2", &[SOON]).await;
    let busy = town.app("dev.w1.caller.1", &[]).start().await.unwrap();
    let caller = town.app("dev.w1.caller.2", &[]).start().await.unwrap();
    let cx = caller.cx();
    sees(&busy.cx(), 4).await;
    sees(&cx, 4).await;
    let held = hold(&mut town, &busy.cx(), &one, 12).await;
    is_told(&cx, "dev.w1.desk.1", |load| load >= 10).await;
    for _ in 0..20 {
        assert_eq!(least(&cx).await, "dev.w1.desk.2");
    }
    end(&town, held).await;
    is_told(&cx, "dev.w1.desk.1", |load| load < 10).await;
    let mut both = BTreeSet::new();
    while both.len() < 2 {
        both.insert(least(&cx).await);
    }
}

/// Waits until this app knows such a load of that one.
async fn is_told(cx: &Cx, id: &str, is: impl Fn(u32) -> bool) {
    let told = async {
        let known = || cx.nodes().into_iter().any(|node| node.id.as_str() == id && is(node.load));
        while !known() {
            cx.env().sleep(Duration::from_millis(5)).await;
        }
    };
    let end = cx.env().now() + Duration::from_secs(10);
    cx.env().until(end, told).await.expect("it is told within 10 s");
}
