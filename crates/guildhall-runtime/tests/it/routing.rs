//! Which app a call goes to: all, one, any by weight, one by name or number; and none that drains.

use std::collections::{BTreeMap, BTreeSet};

use guildhall::status::reason;
use guildhall::{AppId, Effect, LogicAddr};
use proto::routing::{AskReq, DeskClient};

use crate::town::{Town, sees, tell, where_is};
use crate::world::spawn;

#[tokio::test]
async fn a_broadcast_reaches_every_ready_app_and_the_caller_itself() {
    let mut town = Town::new();
    let one = town.start("dev.w1.desk.1").await;
    let _two = town.start("dev.w1.desk.2").await;
    let _three = town.start("dev.w1.desk.3").await;
    let cx = one.cx();
    sees(&cx, 3).await;
    DeskClient::all(&cx).tell(tell("all")).await.unwrap();
    let mut told = BTreeSet::new();
    for _ in 0..3 {
        told.insert(town.next().await);
    }
    let all = |n| (format!("dev.w1.desk.{n}"), "all".to_owned());
    assert_eq!(told, [all(1), all(2), all(3)].into());
    town.nothing_more();
}

#[tokio::test]
async fn single_goes_to_the_smallest_ready_instance_by_number() {
    let town = Town::new();
    let two = town.start("dev.w1.desk.2").await;
    let _ten = town.start("dev.w1.desk.10").await;
    let _three = town.start("dev.w1.desk.3").await;
    let _unwanted = town.start_with("dev.w1.desk.1", &[("app.weight", "0")]).await;
    let caller = town.app("dev.w1.caller.1", &[]).start().await.unwrap();
    let cx = caller.cx();
    sees(&cx, 5).await;
    let first = || async { DeskClient::new(&cx).first(AskReq::default()).await.unwrap().app };
    assert_eq!(first().await, "dev.w1.desk.2");
    two.shutdown().await;
    sees(&cx, 4).await;
    assert_eq!(first().await, "dev.w1.desk.3");
}

#[tokio::test]
async fn random_calls_follow_the_weights() {
    let town = Town::new();
    let _small = town.start_with("dev.w1.desk.1", &[("app.weight", "1")]).await;
    let _large = town.start_with("dev.w1.desk.2", &[("app.weight", "3")]).await;
    let _none = town.start_with("dev.w1.desk.3", &[("app.weight", "0")]).await;
    let caller = town.app("dev.w1.caller.1", &[]).start().await.unwrap();
    let cx = caller.cx();
    sees(&cx, 4).await;
    let mut answers = BTreeMap::new();
    for _ in 0..400 {
        *answers.entry(where_is(&DeskClient::new(&cx)).await).or_insert(0) += 1;
    }
    // 100 of 400 are expected; the bounds are seven standard deviations away.
    let small = answers["dev.w1.desk.1"];
    assert!((40..=160).contains(&small), "{answers:?}");
    assert_eq!(answers["dev.w1.desk.2"], 400 - small, "{answers:?}");
}

#[tokio::test]
async fn a_draining_app_gets_nothing_new() {
    let mut town = Town::new();
    let one = town.start("dev.w1.desk.1").await;
    let _two = town.start("dev.w1.desk.2").await;
    let caller = town.app("dev.w1.caller.1", &[]).start().await.unwrap();
    let (cx, inside) = (caller.cx(), one.cx());
    sees(&cx, 3).await;
    sees(&inside, 3).await;
    let (calling, first) = (cx.clone(), one.cx().app_id().clone());
    let held =
        spawn(async move { DeskClient::new(&calling).at(&first).ask(AskReq { hold: true }).await });
    assert_eq!(town.next().await.1, "holds");
    let draining = spawn(one.shutdown());
    sees(&cx, 2).await;
    for _ in 0..20 {
        assert_eq!(where_is(&DeskClient::new(&cx)).await, "dev.w1.desk.2");
        // Nor from itself, as long as there is another one.
        assert_eq!(where_is(&DeskClient::new(&inside)).await, "dev.w1.desk.2");
    }
    assert!(inside.apps("desk").all().iter().all(|app| app.inst() == "2"));
    town.go_on.add_permits(1);
    assert_eq!(held.await.unwrap().unwrap().app, "dev.w1.desk.1");
    draining.await.unwrap();
}

#[tokio::test]
async fn a_draining_app_calls_itself_where_there_is_no_other() {
    let mut town = Town::new();
    let one = town.start("dev.w1.desk.1").await;
    let cx = one.cx();
    let held = {
        let cx = cx.clone();
        spawn(async move { DeskClient::new(&cx).ask(AskReq { hold: true }).await })
    };
    assert_eq!(town.next().await.1, "holds");
    let draining = spawn(one.shutdown());
    while !cx.apps("desk").all().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(where_is(&DeskClient::new(&cx)).await, "dev.w1.desk.1");
    town.go_on.add_permits(1);
    assert!(held.await.unwrap().is_ok());
    draining.await.unwrap();
}

#[tokio::test]
async fn calls_and_casts_stay_in_their_own_world() {
    let mut town = Town::new();
    let _other = town.start("dev.w2.desk.1").await;
    let caller = town.app("dev.w1.caller.1", &[]).start().await.unwrap();
    let cx = caller.cx();
    sees(&cx, 2).await;
    let desk = DeskClient::new(&cx);
    assert_eq!(desk.ask(AskReq::default()).await.unwrap_err().reason(), reason::NO_ROUTE);
    DeskClient::all(&cx).tell(tell("nobody here")).await.unwrap();
    // By name it is reached all the same.
    let other = "dev.w2.desk.1".parse::<AppId>().unwrap();
    desk.at(&other).tell(tell("by name")).await.unwrap();
    assert_eq!(town.next().await.1, "by name");
}

#[tokio::test]
async fn the_apps_of_a_func_are_in_the_order_of_their_numbers() {
    let town = Town::new();
    let ten = town.start("dev.w1.desk.10").await;
    let _two = town.start("dev.w1.desk.2").await;
    let _elsewhere = town.start("dev.w2.desk.1").await;
    let _other = town.app("dev.w1.caller.1", &[]).start().await.unwrap();
    let cx = ten.cx();
    sees(&cx, 4).await;
    let desks = cx.apps("desk");
    let insts: Vec<&str> = desks.all().iter().map(|app| app.inst()).collect();
    assert_eq!(insts, ["2", "10"]);
    let nth = |n| desks.nth(n).unwrap().inst();
    assert_eq!((nth(0), nth(1), nth(2), nth(7)), ("2", "10", "2", "10"));
    assert!(desks.all().contains(desks.random().unwrap()));
    let nobody = cx.apps("nobody");
    assert_eq!((nobody.random(), nobody.nth(0), nobody.all().len()), (None, None, 0));
}

#[tokio::test]
async fn an_app_is_called_by_its_numbers() {
    let town = Town::new();
    let numbers = [("app.worlds.w1", "1"), ("app.funcs.desk", "2")];
    let one = town.start_with("dev.w1.desk.1", &numbers).await;
    let _seven = town.start_with("dev.w1.desk.7", &numbers).await;
    let _named = town.start_with("dev.w1.desk.blue", &[("app.logic_addr", "1.2.4095")]).await;
    let cx = one.cx();
    sees(&cx, 3).await;
    let at = |text: &str| DeskClient::new(&cx).at(text.parse::<LogicAddr>().unwrap());
    assert_eq!(where_is(&at("1.2.1")).await, "dev.w1.desk.1");
    assert_eq!(where_is(&at("1.2.7")).await, "dev.w1.desk.7");
    assert_eq!(where_is(&at("1.2.4095")).await, "dev.w1.desk.blue");
    let status = at("1.2.8").ask(AskReq::default()).await.unwrap_err();
    assert_eq!((status.reason(), status.effect()), (reason::NO_ROUTE, Effect::NotRun));
    assert!(status.message().contains("1.2.8"), "{status}");
}

#[tokio::test]
async fn wrong_numbers_are_an_error_that_names_them() {
    let town = Town::new();
    let wrong = |settings: Vec<(&'static str, &'static str)>| {
        let app = town.app("dev.w1.desk.blue", &settings);
        async { app.start().await.unwrap_err().to_string() }
    };
    let error = wrong(vec![("app.logic_addr", "1.256.1")]).await;
    assert!(error.contains("app.logic_addr") && error.contains("1.256.1"), "{error}");
    let error = wrong(vec![("app.worlds.w1", "1"), ("app.funcs.desk", "2")]).await;
    assert!(error.contains("app.funcs.desk = 2") && error.contains("`blue`"), "{error}");
}

#[tokio::test]
async fn type_255_of_logic_addresses_is_reserved() {
    let town = Town::new();
    let numbers = vec![("app.worlds.w1", "1"), ("app.funcs.desk", "255")];
    for settings in [vec![("app.logic_addr", "1.255.1")], numbers] {
        let error = town.app("dev.w1.desk.1", &settings).start().await.unwrap_err().to_string();
        assert!(error.contains("type 255") && error.contains("reserved"), "{error}");
        assert!(error.contains(settings[settings.len() - 1].0), "{error}");
    }
    assert!(town.app("dev.w1.desk.1", &[("app.logic_addr", "1.254.1")]).start().await.is_ok());
}
