//! What becomes of a call: it runs, it fails and says whether it ran, or it is dropped.

use std::sync::Arc;
use std::time::Duration;

use guildhall::discovery::memory::MemoryDiscovery;
use guildhall::status::reason;
use guildhall::{App, Code, Config, Effect, Env};
use proto::hello::GreeterClient;

use crate::world::{config, pair, pair_with, say, spawn};

#[tokio::test]
async fn a_call_reaches_another_app_over_a_link() {
    let pair = pair().await;
    assert_eq!(say(&pair.caller.cx(), "you").await.unwrap(), "hello, you");
}

#[tokio::test]
async fn apps_find_each_other_by_a_static_list() {
    let server = App::with(config("dev.w1.greeter.1", "127.0.0.1:0", "secret"))
        .serve(proto::hello::GreeterServer::new(Plain));
    let server = server.start().await.unwrap();
    let list = format!("static:{}", server.link_addr().unwrap());
    let caller = Config::builder().set("app.id", "dev.w1.caller.1").set("app.discovery", list);
    let caller = App::with(caller.set("link.secret", "secret").build().unwrap());
    let caller = caller.start().await.unwrap();
    crate::world::linked(&caller).await;
}

struct Plain;

impl proto::hello::Greeter for Plain {
    async fn say(
        &self,
        _cx: &guildhall::Cx,
        req: proto::hello::HelloReq,
    ) -> Result<proto::hello::HelloRsp, guildhall::Status> {
        Ok(proto::hello::HelloRsp { text: req.name })
    }
}

#[tokio::test]
async fn a_handlers_error_says_that_it_ran() {
    let pair = pair().await;
    let status = say(&pair.caller.cx(), "fail").await.unwrap_err();
    assert_eq!((status.code(), status.effect()), (Code::NotFound, Effect::Ran));
    assert_eq!(status.message(), "nobody of that name");
}

#[tokio::test]
async fn a_panic_is_its_callers_error_and_nobody_elses() {
    let pair = pair().await;
    let cx = pair.caller.cx();
    let status = say(&cx, "panic").await.unwrap_err();
    assert_eq!((status.reason(), status.effect()), (reason::PANICKED, Effect::MayHaveRun));
    assert_eq!(say(&cx, "you").await.unwrap(), "hello, you");
}

#[tokio::test]
async fn a_lost_connection_fails_its_calls_at_once() {
    let mut pair = pair().await;
    let cx = pair.caller.cx();
    let call = spawn(async move { say(&cx, "wait").await });
    assert_eq!(pair.events.recv().await, Some("begun"));
    pair.server_env.kill();
    let status = call.await.unwrap().unwrap_err();
    assert_eq!((status.reason(), status.effect()), (reason::LOST, Effect::MayHaveRun));
}

#[tokio::test]
async fn a_dropped_call_drops_its_handler() {
    let mut pair = pair().await;
    let cx = pair.caller.cx();
    let call = spawn(async move { say(&cx, "wait").await });
    assert_eq!(pair.events.recv().await, Some("begun"));
    call.abort();
    assert_eq!(pair.events.recv().await, Some("dropped"));
}

#[tokio::test]
async fn a_call_past_its_deadline_fails_and_drops_its_handler() {
    let mut pair = pair().await;
    let cx = pair.caller.cx().within(Duration::from_millis(50));
    let status = say(&cx, "wait").await.unwrap_err();
    assert_eq!((status.code(), status.reason()), (Code::DeadlineExceeded, reason::EXPIRED));
    assert_eq!(pair.events.recv().await, Some("begun"));
    assert_eq!(pair.events.recv().await, Some("dropped"));
}

#[tokio::test]
async fn an_expired_call_is_not_sent() {
    let pair = pair().await;
    let cx = pair.caller.cx().within(Duration::ZERO);
    let status = say(&cx, "you").await.unwrap_err();
    assert_eq!((status.reason(), status.effect()), (reason::EXPIRED, Effect::NotRun));
}

#[tokio::test]
async fn the_deadline_travels_as_time_left() {
    let pair = pair().await;
    let cx = pair.caller.cx().within(Duration::from_secs(2));
    let left: u64 = say(&cx, "left").await.unwrap().parse().unwrap();
    assert!((1000..=2010).contains(&left), "{left} ms left of 2000");
}

#[tokio::test]
async fn a_time_left_beyond_the_header_travels_in_the_head() {
    let mut pair = pair().await;
    let server = pair.server.cx().app_id().clone();
    let long = Config::builder().set("app.id", "dev.w1.caller.2").set("call.timeout_ms", 3_600_000);
    let list = format!("static:{}", pair.server.link_addr().unwrap());
    let long = long.set("app.discovery", list).set("link.secret", "secret").build().unwrap();
    let caller = App::with(long).start().await.unwrap();
    crate::world::linked(&caller).await;
    let cx = caller.cx();
    let req = proto::hello::HelloReq { name: "left".into() };
    let left = GreeterClient::new(&cx).at(&server).say(req).await.unwrap().text;
    let left: u64 = left.parse().unwrap();
    assert!((3_500_000..=3_600_000).contains(&left), "{left} ms left of an hour");
    pair.events.close();
}

#[tokio::test]
async fn the_caller_is_the_peer_of_the_connection() {
    let pair = pair().await;
    assert_eq!(say(&pair.caller.cx(), "caller").await.unwrap(), "dev.w1.caller.1");
}

#[tokio::test]
async fn a_call_that_nobody_serves_says_so_and_did_not_run() {
    let app = App::with(Config::builder().build().unwrap()).start().await.unwrap();
    let status = say(&app.cx(), "you").await.unwrap_err();
    assert_eq!((status.reason(), status.effect()), (reason::NO_ROUTE, Effect::NotRun));
    assert!(status.message().contains("hello.Greeter"), "{status}");
}

#[tokio::test]
async fn a_call_to_a_named_app_goes_nowhere_else() {
    let pair = pair().await;
    let cx = pair.caller.cx();
    let other = "dev.w1.greeter.2".parse().unwrap();
    let req = proto::hello::HelloReq { name: "you".into() };
    let status = GreeterClient::new(&cx).at(&other).say(req).await.unwrap_err();
    assert_eq!((status.reason(), status.effect()), (reason::NO_ROUTE, Effect::NotRun));
}

#[tokio::test]
async fn an_app_with_another_secret_is_not_linked() {
    let discovery = Arc::new(MemoryDiscovery::new(Env::real()));
    let server = App::with(config("dev.w1.greeter.1", "127.0.0.1:0", "ours"))
        .discovery(discovery.clone())
        .serve(proto::hello::GreeterServer::new(Plain));
    let _server = server.start().await.unwrap();
    let stranger = App::with(config("dev.w1.caller.1", "", "guessed")).discovery(discovery);
    let stranger = stranger.start().await.unwrap();
    for _ in 0..5 {
        let status = say(&stranger.cx(), "you").await.unwrap_err();
        assert_eq!(status.reason(), reason::NO_ROUTE);
    }
}

#[tokio::test]
async fn an_app_of_another_env_is_not_linked() {
    let discovery = Arc::new(MemoryDiscovery::new(Env::real()));
    let server = App::with(config("live.w1.greeter.1", "127.0.0.1:0", "secret"))
        .discovery(discovery.clone())
        .serve(proto::hello::GreeterServer::new(Plain));
    let _server = server.start().await.unwrap();
    let caller = App::with(config("dev.w1.caller.1", "", "secret")).discovery(discovery);
    let caller = caller.start().await.unwrap();
    for _ in 0..5 {
        let status = say(&caller.cx(), "you").await.unwrap_err();
        assert_eq!(status.reason(), reason::NO_ROUTE);
    }
}

#[tokio::test]
async fn outside_loopback_an_app_without_a_secret_does_not_start() {
    let open = App::with(config("dev.w1.greeter.1", "0.0.0.0:0", ""));
    let error = open.start().await.unwrap_err().to_string();
    assert!(error.contains("link.secret"), "{error}");
}

#[tokio::test]
async fn an_address_in_use_is_a_clear_error() {
    let first = App::with(config("dev.w1.greeter.1", "127.0.0.1:0", "")).start().await.unwrap();
    let addr = first.link_addr().unwrap().to_string();
    let second = App::with(config("dev.w1.greeter.2", &addr, "")).start().await;
    let error = second.unwrap_err().to_string();
    assert!(error.contains("link.listen") && error.contains(&addr), "{error}");
}

#[tokio::test]
async fn a_request_over_the_limit_is_refused_before_it_is_sent() {
    let pair = pair().await;
    let cx = pair.caller.cx();
    let status = say(&cx, &"x".repeat(5 << 20)).await.unwrap_err();
    assert_eq!((status.reason(), status.effect()), (reason::TOO_LARGE, Effect::NotRun));
    assert_eq!(say(&cx, "you").await.unwrap(), "hello, you");
}

#[tokio::test]
async fn shutdown_waits_for_the_calls_that_run() {
    let mut pair = pair().await;
    let cx = pair.caller.cx();
    let call = spawn(async move { say(&cx, "slow").await });
    assert_eq!(pair.events.recv().await, Some("begun"));
    pair.server.shutdown().await;
    assert_eq!(call.await.unwrap().unwrap(), "slowly");
    let status = say(&pair.caller.cx(), "you").await.unwrap_err();
    assert_eq!(status.effect(), Effect::NotRun);
}

#[tokio::test]
async fn a_restarted_app_is_linked_again() {
    let pair = pair().await;
    let addr = pair.server.link_addr().unwrap().to_string();
    pair.server.shutdown().await;
    let again = App::with(config("dev.w1.greeter.1", &addr, "secret"))
        .serve(proto::hello::GreeterServer::new(Plain));
    let _again = again.start().await.unwrap();
    let list = format!("static:{addr}");
    let caller = Config::builder().set("app.id", "dev.w1.caller.2").set("app.discovery", list);
    let caller = App::with(caller.set("link.secret", "secret").build().unwrap());
    crate::world::linked(&caller.start().await.unwrap()).await;
}

#[tokio::test]
async fn a_misspelt_key_names_the_one_that_was_meant() {
    let config = Config::builder().set("link.lisen", "127.0.0.1:0").build().unwrap();
    let error = App::with(config).start().await.unwrap_err().to_string();
    assert!(error.contains("link.listen"), "{error}");
}

#[tokio::test]
async fn metadata_travels_with_the_call() {
    let pair = pair().await;
    let cx = pair.caller.cx();
    assert_eq!(say(&cx, "colour").await.unwrap(), "none");
    let cx = cx.with_metadata("colour", "red");
    assert_eq!(say(&cx, "colour").await.unwrap(), "red");
}

#[tokio::test]
async fn large_calls_and_large_replies_do_not_wait_for_each_other() {
    // More both ways at once than all buffers between the two hold.
    let queued =
        |config: guildhall::config::ConfigBuilder| config.set("link.queued_max", 256 << 20);
    let pair = pair_with(queued).await;
    let cx = pair.caller.cx();
    let name = "x".repeat(3 << 20);
    let calls = (0..32).map(|_| say(&cx, &name));
    for reply in futures_util::future::join_all(calls).await {
        assert_eq!(reply.unwrap().len(), "hello, ".len() + name.len());
    }
    pair.caller.shutdown().await;
    pair.server.shutdown().await;
}
