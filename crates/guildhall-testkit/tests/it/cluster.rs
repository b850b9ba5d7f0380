//! Apps of a cluster find each other, call each other, stop and start again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use guildhall::discovery::Change;
use guildhall::status::reason;
use guildhall::{Effect, Env};
use guildhall_testkit::Cluster;
use proto::hello::{GreeterClient, GreeterServer, HelloReq};

use crate::world::{CALLER, GREETER, Hello, SLOW, begin, pair, panic_of, say, spawn};

#[tokio::test(start_paused = true)]
async fn a_call_goes_over_the_simulated_net() {
    let cluster = pair(1).await;
    // What linking has sent arrives.
    cluster.advance(Duration::from_millis(10)).await;
    let before = cluster.trace().count();
    assert_eq!(say(&cluster.cx(CALLER), "you").await.unwrap(), "hello, you");
    assert_eq!(cluster.trace().count() - before, 2, "a request and a reply");
}

#[tokio::test(start_paused = true)]
async fn fifty_apps_are_linked() {
    let mut cluster = Cluster::new(1);
    cluster.close_idle_links(0);
    for n in 1..=50 {
        let id = format!("dev.w1.app.{n}");
        // Each change of the view weighs every slot of every service: few slots, few servers.
        let slots = [("app.slots", "64")];
        cluster
            .start_with(&id, &slots, move |app| match n {
                1..=5 => app.serve(GreeterServer::new(Hello)),
                _ => app,
            })
            .await
            .unwrap();
    }
    cluster.linked().await;
    assert_eq!(say(&cluster.cx("dev.w1.app.50"), "you").await.unwrap(), "hello, you");
}

#[tokio::test(start_paused = true)]
async fn links_that_are_missing_are_named() {
    let mut cluster = Cluster::new(1);
    cluster.close_idle_links(0);
    cluster.start(GREETER, |app| app.serve(GreeterServer::new(Hello))).await.unwrap();
    cluster.start_with(CALLER, &[("link.secret", "another")], |app| app).await.unwrap();
    let message = panic_of(async move { cluster.linked().await }).await;
    let (there, back) = (format!("{CALLER} -> {GREETER}"), format!("{GREETER} -> {CALLER}"));
    assert!(message.contains(&there) && message.contains(&back), "{message}");
}

#[tokio::test(start_paused = true)]
async fn an_app_starts_with_settings_of_its_own() {
    let mut cluster = pair(1).await;
    let hasty = "dev.w1.caller.2";
    cluster.start_with(hasty, &[("call.timeout_ms", "200")], |app| app).await.unwrap();
    cluster.linked().await;
    let env = cluster.env(hasty);
    let begun = env.now();
    let status = say(&cluster.cx(hasty), "slow").await.unwrap_err();
    assert_eq!(status.reason(), reason::EXPIRED);
    assert_eq!(env.now() - begun, Duration::from_millis(200));

    let wrong = cluster.start_with("dev.w1.caller.3", &[("link.lisen", "x")], |app| app).await;
    let message = wrong.unwrap_err().to_string();
    assert!(message.contains("link.listen"), "{message}");
}

#[tokio::test(start_paused = true)]
async fn a_killed_app_leaves_no_task() {
    let mut cluster = pair(1).await;
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let alone = tasks();
    cluster.start("dev.w1.greeter.2", |app| app.serve(GreeterServer::new(Hello))).await.unwrap();
    cluster.linked().await;
    let (cx, to) = (cluster.cx(CALLER), "dev.w1.greeter.2".parse().unwrap());
    let call = spawn(async move {
        GreeterClient::new(&cx).at(&to).say(HelloReq { name: "slow".into() }).await
    });
    cluster.advance(Duration::from_millis(10)).await;
    assert!(tasks() > alone);
    cluster.kill("dev.w1.greeter.2");
    assert_eq!(call.await.unwrap().unwrap_err().reason(), reason::LOST);
    // The others have still to learn that it is gone for good.
    cluster.advance(Duration::from_secs(60)).await;
    assert_eq!(tasks(), alone);
}

#[tokio::test(start_paused = true)]
async fn a_restarted_app_is_a_later_incarnation_and_is_called_again() {
    let mut cluster = Cluster::new(1);
    let built = Arc::new(AtomicUsize::new(0));
    let counts = Arc::clone(&built);
    let greeter = move |app: guildhall::App| {
        counts.fetch_add(1, Ordering::Relaxed);
        app.serve(GreeterServer::new(Hello))
    };
    cluster.start(GREETER, greeter).await.unwrap();
    cluster.start(CALLER, |app| app).await.unwrap();
    cluster.linked().await;
    let before = record(&cluster).await;
    cluster.kill(GREETER);
    cluster.restart(GREETER).await.unwrap();
    cluster.linked().await;
    let after = record(&cluster).await;
    assert!(after.incarnation > before.incarnation, "{after:?} after {before:?}");
    assert_eq!(after.endpoints, before.endpoints);
    assert_eq!(say(&cluster.cx(CALLER), "you").await.unwrap(), "hello, you");

    // Also one that still runs.
    cluster.restart(GREETER).await.unwrap();
    cluster.linked().await;
    assert!(record(&cluster).await.incarnation > after.incarnation);
    assert_eq!(say(&cluster.cx(CALLER), "you").await.unwrap(), "hello, you");
    assert_eq!(built.load(Ordering::Relaxed), 3);
}

#[tokio::test(start_paused = true)]
async fn restarts_in_a_row_are_later_incarnations_each() {
    let mut cluster = pair(1).await;
    let mut before = record(&cluster).await.incarnation;
    for _ in 0..8 {
        cluster.restart(GREETER).await.unwrap();
        // It registers, and no time passes.
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        let after = record(&cluster).await.incarnation;
        assert!(after > before, "{after} after {before}");
        before = after;
    }
}

async fn record(cluster: &Cluster) -> guildhall::discovery::NodeRecord {
    let mut watch = cluster.discovery().watch().await.unwrap();
    loop {
        match watch.recv().await.unwrap() {
            Change::Put(record) if record.id.as_str() == GREETER => return record,
            Change::Synced => panic!("{GREETER} is not registered"),
            _ => {}
        }
    }
}

#[tokio::test(start_paused = true)]
async fn shutdown_drains_and_leaves_nobody_to_call() {
    let mut cluster = pair(1).await;
    let call = begin(&cluster, CALLER, "slow").await;
    let begun = cluster.env(CALLER).now();
    cluster.shutdown(GREETER).await;
    let took = cluster.env(CALLER).now() - begun;
    assert!(took > SLOW / 2 && took < SLOW * 2, "drained in {took:?}");
    assert_eq!(call.await.unwrap().unwrap(), "hello, slow");
    let status = say(&cluster.cx(CALLER), "you").await.unwrap_err();
    assert_eq!((status.reason(), status.effect()), (reason::NO_ROUTE, Effect::NotRun));
    cluster.restart(GREETER).await.unwrap();
    cluster.linked().await;
    assert_eq!(say(&cluster.cx(CALLER), "you").await.unwrap(), "hello, you");
}

#[tokio::test(start_paused = true)]
async fn wall_clocks_go_with_virtual_time() {
    let cluster = pair(1).await;
    let day = Duration::from_secs(86_400);
    let env = cluster.env(GREETER);
    let before = env.wall();
    cluster.advance(day).await;
    assert_eq!(env.wall() - before, day);
    env.set_skew(1_000_000_000);
    assert_eq!(env.wall() - cluster.env(CALLER).wall(), Duration::from_secs(1));
}

#[tokio::test]
async fn time_that_runs_is_refused() {
    let message = panic_of(async { Cluster::new(1) }).await;
    assert!(message.contains("start_paused = true"), "{message}");
}

#[tokio::test(start_paused = true)]
async fn an_app_that_is_not_there_is_named() {
    let mut cluster = pair(1).await;
    let message = panic_of(async move { cluster.kill("dev.w1.nobody.1") }).await;
    assert!(message.contains("dev.w1.nobody.1"), "{message}");
}

#[tokio::test(start_paused = true)]
async fn random_numbers_come_from_the_seed_and_the_name() {
    let numbers = |seed| async move {
        let cluster = pair(seed).await;
        let of = |env: Env| (0..4).map(|_| env.random()).collect::<Vec<_>>();
        (of(cluster.env(GREETER)), of(cluster.env(CALLER)))
    };
    let (greeter, caller) = numbers(1).await;
    assert_ne!(greeter, caller);
    assert_eq!(numbers(1).await, (greeter.clone(), caller));
    assert_ne!(numbers(2).await.0, greeter);
}
