//! Limits and breakers, by paused time: what is let through, what is held back, and what is turned away.

use std::sync::Arc;
use std::time::Duration;

use guildhall::status::reason;
use guildhall::{App, Code, Config, Cx, Effect, Reason, RunningApp, Status};
use parking_lot::Mutex;
use proto::hello::{Greeter, GreeterClient, GreeterServer, HelloReq, HelloRsp};
use proto::models::{AddReq, Ledger, LedgerClient, LedgerServer, SumRsp};
use proto::room::{RoomClient, SayReq, WaitReq};
use tokio::task::JoinHandle;

use crate::world::{say, spawn};

/// Does what the name says: `fail CODE`, `wait MS`, or a greeting. Notes what reaches it.
#[derive(Default)]
struct Noting {
    ran: Arc<Mutex<Vec<String>>>,
}

impl Greeter for Noting {
    async fn say(&self, cx: &Cx, req: HelloReq) -> Result<HelloRsp, Status> {
        self.ran.lock().push(req.name.clone());
        match req.name.split_once(' ') {
            Some(("fail", "internal")) => Err(Status::new(Code::Internal, "asked to")),
            Some(("fail", _)) => Err(Status::new(Code::InvalidArgument, "asked to")),
            Some(("wait", ms)) => {
                cx.env().sleep(Duration::from_millis(ms.parse().unwrap())).await;
                Ok(HelloRsp { text: req.name })
            }
            _ => Ok(HelloRsp { text: req.name }),
        }
    }
}

struct Sum(i64);

impl Ledger for Sum {
    async fn add(&mut self, cx: &Cx, req: AddReq) -> Result<SumRsp, Status> {
        cx.env().sleep(Duration::from_millis(req.wait_ms.into())).await;
        self.0 += req.add;
        Ok(SumRsp { sum: self.0 })
    }

    async fn note(&mut self, _cx: &Cx, req: AddReq) -> Result<(), Status> {
        self.0 += req.add;
        Ok(())
    }

    async fn panic(&mut self, _cx: &Cx, _req: AddReq) -> Result<(), Status> {
        panic!("asked to")
    }
}

struct Limited {
    app: RunningApp,
    cx: Cx,
    ran: Arc<Mutex<Vec<String>>>,
    dir: tempfile::TempDir,
}

/// An app with this configuration.
async fn limited(config: &str) -> Limited {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("app.toml"), config).unwrap();
    let config = Config::builder().file(dir.path().join("app.toml")).build().unwrap();
    let greeter = Noting::default();
    let ran = Arc::clone(&greeter.ran);
    let app = App::with(config).serve(GreeterServer::new(greeter)).serve(LedgerServer::new(Sum(0)));
    let app = app.start().await.unwrap();
    Limited { cx: app.cx(), app, ran, dir }
}

impl Limited {
    fn ran(&self) -> usize {
        self.ran.lock().len()
    }

    /// A call from a task of its own.
    fn spawned(&self, name: &str) -> JoinHandle<Result<String, Status>> {
        let (cx, name) = (self.cx.clone(), name.to_owned());
        spawn(async move { say(&cx, &name).await })
    }

    async fn sleep(&self, ms: u64) {
        self.cx.env().sleep(Duration::from_millis(ms)).await;
    }

    /// Calls every `every_ms` for `of_ms`; how many went through.
    async fn hammer(&self, every_ms: u64, of_ms: u64) -> usize {
        let calls = (0..of_ms / every_ms).map(|n| async move {
            self.sleep(n * every_ms).await;
            say(&self.cx, "you").await.is_ok()
        });
        let passed = futures_util::future::join_all(calls).await;
        passed.into_iter().filter(|passed| *passed).count()
    }

    async fn reason(&self, name: &str) -> Reason {
        say(&self.cx, name).await.map_or_else(|status| status.reason(), |_| reason::NONE)
    }
}

/// Lets the tasks that were just spawned send their calls.
async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

const ERRORS: &str = r#"
[[limits."hello.Greeter/Say".breakers]]
on = "error_ratio"
threshold = 0.5
calls_min = 4
per_ms = 1000
open_ms = 2000
probes = 2
"#;

#[tokio::test(start_paused = true)]
async fn as_many_calls_pass_as_the_rate_says() {
    let app = limited("[[limits.rates]]\ncalls = 50\nper_ms = 1000\n").await;
    let passed = app.hammer(10, 10_000).await;
    assert!((475..=525).contains(&passed), "{passed} of 500 calls in 10 s");
    assert_eq!(app.ran(), passed, "the others did not run");
}

#[tokio::test(start_paused = true)]
async fn calls_that_may_wait_pass_as_the_rate_says() {
    let config = "[[limits.rates]]\ncalls = 50\nper_ms = 1000\nwait_ms = 200\n";
    let app = limited(config).await;
    let passed = app.hammer(12, 10_000).await;
    assert!((475..=525).contains(&passed), "{passed} of 500 calls in 10 s");
}

#[tokio::test(start_paused = true)]
async fn a_call_over_the_rate_is_refused_at_once_and_did_not_run() {
    let app = limited("[[limits.\"hello.Greeter/Say\".rates]]\ncalls = 2\n").await;
    let began = app.cx.env().now();
    assert_eq!((app.reason("a").await, app.reason("b").await), (reason::NONE, reason::NONE));
    let refused = say(&app.cx, "c").await.unwrap_err();
    assert_eq!((refused.code(), refused.reason()), (Code::ResourceExhausted, reason::LIMITED));
    assert_eq!(refused.effect(), Effect::NotRun);
    assert!(refused.message().contains("limits.hello.Greeter/Say.rates[0]"), "{refused}");
    assert_eq!((app.cx.env().now() - began).as_millis(), 0);
    app.sleep(1000).await;
    assert_eq!(app.reason("d").await, reason::NONE, "a second later there is room again");
    assert!(
        app.cx
            .metrics()
            .text()
            .contains("guildhall_limited_total{rule=\"limits.hello.Greeter/Say\"} 1")
    );
}

#[tokio::test(start_paused = true)]
async fn calls_that_are_held_back_begin_in_order_and_evenly() {
    let config = "[[limits.\"hello.Greeter\".rates]]\ncalls = 10\nwait_ms = 1000\n";
    let app = limited(config).await;
    let began = app.cx.env().now();
    let calls: Vec<_> = (0..5).map(|n| app.spawned(&n.to_string())).collect();
    settle().await;
    let cx = app.cx.clone();
    LedgerClient::new(&cx).add(AddReq::default()).await.unwrap();
    assert_eq!((cx.env().now() - began).as_millis(), 0, "other services do not wait");
    for (n, call) in (0..).zip(calls) {
        call.await.unwrap().unwrap();
        let ms = (cx.env().now() - began).as_millis();
        assert!((n * 100..n * 100 + 10).contains(&ms), "call {n} after {ms} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn what_would_wait_too_long_is_refused_at_once() {
    let config = "[[limits.rates]]\ncalls = 10\nwait_ms = 250\nwaiting_max = 2\n";
    let app = limited(config).await;
    let calls: Vec<_> = (0..3).map(|n| app.spawned(&n.to_string())).collect();
    settle().await;
    let began = app.cx.env().now();
    assert_eq!(app.reason("one over waiting_max").await, reason::LIMITED);
    let soon = app.cx.within(Duration::from_millis(50));
    assert_eq!(say(&soon, "its deadline").await.unwrap_err().reason(), reason::LIMITED);
    assert_eq!((app.cx.env().now() - began).as_millis(), 0);
    for call in calls {
        call.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_while_it_is_held_back_does_not_run() {
    let app = limited("[[limits.rates]]\ncalls = 1\nwait_ms = 5000\n").await;
    say(&app.cx, "first").await.unwrap();
    let (dropped, last) = (app.spawned("dropped"), app.spawned("last"));
    settle().await;
    dropped.abort();
    last.await.unwrap().unwrap();
    assert_eq!(app.ran(), 2);
}

#[tokio::test(start_paused = true)]
async fn concurrency_is_counted_from_begin_to_end() {
    let app = limited("[limits.\"hello.Greeter/Say\"]\nconcurrency = 2\n").await;
    let calls = [app.spawned("wait 100"), app.spawned("wait 200")];
    settle().await;
    let refused = say(&app.cx, "three").await.unwrap_err();
    assert_eq!((refused.reason(), refused.effect()), (reason::LIMITED, Effect::NotRun));
    assert!(refused.message().contains("hello.Greeter/Say.concurrency"), "{refused}");
    app.sleep(150).await;
    assert_eq!(app.reason("again").await, reason::NONE);
    for call in calls {
        call.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_limited_call_does_not_get_into_the_queue_of_its_service() {
    // The queue has room for one call, which stands there, so whatever else got there would be OVERLOADED.
    let config =
        "[service.models.Ledger]\nqueue = 1\n[limits.\"models.Ledger\"]\nconcurrency = 2\n";
    let app = limited(config).await;
    let add = |wait_ms| {
        let cx = app.cx.clone();
        spawn(async move {
            let req = AddReq { add: 1, wait_ms, ..AddReq::default() };
            LedgerClient::new(&cx).add(req).await
        })
    };
    let runs = add(100);
    settle().await;
    let waits = add(100);
    settle().await;
    assert_eq!(add(0).await.unwrap().unwrap_err().reason(), reason::LIMITED);
    assert_eq!(runs.await.unwrap().unwrap().sum + waits.await.unwrap().unwrap().sum, 3);
}

#[tokio::test(start_paused = true)]
async fn a_limited_call_does_not_get_into_the_mailbox_of_an_actor() {
    let settings = [
        ("actor.room.mailbox", "1"),
        ("limits.room.Room/Wait.concurrency", "1"),
        ("limits.room.Room/Say.rates", "[{ calls = 1, per_ms = 50, wait_ms = 1000 }]"),
    ];
    let app = crate::rooms::app(&settings, &crate::rooms::TestStore::default()).await;
    let (cx, wait) = (app.cx(), app.cx());
    let turn = spawn(async move { RoomClient::new(&wait).wait(WaitReq { id: 7, ms: 100 }).await });
    settle().await;
    let room = RoomClient::new(&cx);
    let wait = || room.wait(WaitReq { id: 7, ms: 0 });
    assert_eq!(wait().await.unwrap_err().reason(), reason::LIMITED);
    assert_eq!(wait().await.unwrap_err().reason(), reason::LIMITED);
    let say = || room.say(SayReq { id: 7, text: "hi".into() });
    // The first stands in the mailbox when the second is let through, and would fill it.
    let (first, second) = futures_util::join!(say(), say());
    assert_eq!((first.unwrap().number, second.unwrap_err().reason()), (1, reason::OVERLOADED));
    turn.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_limit_of_the_app_counts_all_methods_together_and_not_the_frameworks() {
    let app = limited("[[limits.rates]]\ncalls = 2\n").await;
    assert_eq!(app.reason("one").await, reason::NONE);
    let add = || LedgerClient::new(&app.cx).add(AddReq::default());
    add().await.unwrap();
    assert_eq!(add().await.unwrap_err().reason(), reason::LIMITED);
    assert_eq!(app.reason("four").await, reason::LIMITED);
    let node = guildhall_runtime::proto::NodeClient::new(&app.cx);
    node.services(()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_call_that_one_rate_refuses_costs_the_others_nothing() {
    let config = "[[limits.rates]]\ncalls = 1\n[[limits.\"hello.Greeter\".rates]]\ncalls = 2\nper_ms = 60000\n";
    let app = limited(config).await;
    assert_eq!(app.reason("one").await, reason::NONE);
    for _ in 0..5 {
        assert_eq!(app.reason("over the limit of the app").await, reason::LIMITED);
    }
    app.sleep(1000).await;
    assert_eq!(app.reason("two of the service").await, reason::NONE);
    app.sleep(1000).await;
    assert_eq!(app.reason("three of the service").await, reason::LIMITED);
}

#[tokio::test(start_paused = true)]
async fn a_breaker_opens_tries_and_closes() {
    let app = limited(ERRORS).await;
    for name in ["ok", "ok", "fail internal"] {
        assert_ne!(app.reason(name).await, reason::BREAKER_OPEN);
    }
    let _fourth = say(&app.cx, "fail internal").await;
    let refused = say(&app.cx, "you").await.unwrap_err();
    assert_eq!((refused.code(), refused.reason()), (Code::Unavailable, reason::BREAKER_OPEN));
    assert_eq!((refused.effect(), app.ran()), (Effect::NotRun, 4));
    app.sleep(1990).await;
    assert_eq!(app.reason("you").await, reason::BREAKER_OPEN);
    app.sleep(10).await;
    // Half open: as many as there are probes, and no more.
    let probes = [app.spawned("wait 50"), app.spawned("wait 50")];
    settle().await;
    assert_eq!(app.reason("third").await, reason::BREAKER_OPEN);
    for probe in probes {
        probe.await.unwrap().unwrap();
    }
    assert_eq!(app.reason("closed").await, reason::NONE);
    // What failed before counts no more.
    assert_eq!(app.hammer(10, 100).await, 10);
    let metrics = app.cx.metrics().text();
    assert!(
        metrics.contains("guildhall_breaker_opened_total{rule=\"limits.hello.Greeter/Say\"} 1")
    );
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_fails_opens_the_breaker_again() {
    let app = limited(ERRORS).await;
    for _ in 0..4 {
        let _failed = say(&app.cx, "fail internal").await;
    }
    for _ in 0..3 {
        app.sleep(2000).await;
        let before = app.ran();
        let _failed = say(&app.cx, "fail internal").await;
        assert_eq!(app.reason("you").await, reason::BREAKER_OPEN);
        assert_eq!(app.ran(), before + 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_is_dropped_gives_its_place_to_another() {
    let app = limited(&ERRORS.replace("probes = 2", "probes = 1")).await;
    for _ in 0..4 {
        let _failed = say(&app.cx, "fail internal").await;
    }
    app.sleep(2000).await;
    let probe = app.spawned("wait 1000");
    settle().await;
    assert_eq!(app.reason("you").await, reason::BREAKER_OPEN);
    probe.abort();
    settle().await;
    assert_eq!(app.reason("you").await, reason::NONE);
}

#[tokio::test(start_paused = true)]
async fn what_began_before_a_breaker_opened_does_not_close_it() {
    let app = limited(&ERRORS.replace("probes = 2", "probes = 1")).await;
    let long = app.spawned("wait 2050");
    settle().await;
    for _ in 0..4 {
        let _failed = say(&app.cx, "fail internal").await;
    }
    app.sleep(2000).await;
    let probe = app.spawned("wait 500");
    long.await.unwrap().unwrap();
    assert_eq!(app.reason("you").await, reason::BREAKER_OPEN);
    probe.await.unwrap().unwrap();
    assert_eq!(app.reason("you").await, reason::NONE);
}

#[tokio::test(start_paused = true)]
async fn errors_of_callers_do_not_open_a_breaker() {
    let app = limited(ERRORS).await;
    for _ in 0..20 {
        assert_ne!(app.reason("fail argument").await, reason::BREAKER_OPEN);
    }
    let named = format!("{ERRORS}errors = [\"INVALID_ARGUMENT\"]\n");
    let app = limited(&named).await;
    for _ in 0..4 {
        let _failed = say(&app.cx, "fail argument").await;
    }
    assert_eq!(app.reason("you").await, reason::BREAKER_OPEN, "unless they are named");
}

#[tokio::test(start_paused = true)]
async fn a_breaker_opens_by_the_number_of_errors() {
    let config = ERRORS.replace("error_ratio", "error_count").replace("0.5", "3");
    let app = limited(&config).await;
    assert_eq!(app.hammer(10, 500).await, 50);
    for n in 0..3 {
        assert_ne!(app.reason("fail internal").await, reason::BREAKER_OPEN, "error {n}");
    }
    assert_eq!(app.reason("you").await, reason::BREAKER_OPEN);
    // Errors of different intervals do not add up.
    let app = limited(&config).await;
    for _ in 0..10 {
        assert_eq!(app.hammer(10, 600).await, 60);
        assert_ne!(app.reason("fail internal").await, reason::BREAKER_OPEN);
    }
}

#[tokio::test(start_paused = true)]
async fn a_breaker_opens_by_the_share_of_slow_calls() {
    let config = ERRORS.replace("error_ratio", "slow_ratio") + "slow_ms = 100\n";
    let app = limited(&config).await;
    for name in ["wait 90", "fail internal", "fail internal", "wait 150", "wait 150"] {
        assert_ne!(app.reason(name).await, reason::BREAKER_OPEN, "{name}");
    }
    let _third_of_six = app.reason("wait 150").await;
    assert_eq!(app.reason("you").await, reason::BREAKER_OPEN);
    app.sleep(2000).await;
    let _slow_probe = app.reason("wait 100").await;
    assert_eq!(app.reason("you").await, reason::BREAKER_OPEN, "a slow probe opens it again");
}

#[tokio::test(start_paused = true)]
async fn calls_that_nobody_waits_for_any_longer_are_errors() {
    let app = limited(ERRORS).await;
    let hurried = app.cx.within(Duration::from_millis(100));
    let calls = (0..4).map(|_| say(&hurried, "wait 1000"));
    for call in futures_util::future::join_all(calls).await {
        assert_eq!(call.unwrap_err().code(), Code::DeadlineExceeded);
    }
    settle().await;
    assert_eq!(app.reason("you").await, reason::BREAKER_OPEN);
}

/// The test mode of the frameworks before: five calls back to back, two per second allowed.
#[tokio::test(start_paused = true)]
async fn break_hello() {
    let app = limited(
        r#"
        [[limits."hello.Greeter/Say".rates]]
        calls = 2
        per_ms = 1000
        [[limits."hello.Greeter/Say".breakers]]
        on = "error_count"
        threshold = 1
        per_ms = 1000
        open_ms = 2000
        calls_min = 2
        "#,
    )
    .await;
    let mut reasons = Vec::new();
    for _ in 0..5 {
        reasons.push(app.reason("Hello").await);
    }
    assert_eq!(
        reasons,
        [reason::NONE, reason::NONE, reason::LIMITED, reason::LIMITED, reason::LIMITED]
    );
    app.sleep(1000).await;
    assert_eq!(
        (app.reason("Hello").await, app.ran()),
        (reason::NONE, 3),
        "what was limited is no error"
    );
    let _second_with_an_error = say(&app.cx, "fail internal").await;
    app.sleep(1999).await;
    assert_eq!(app.reason("Hello").await, reason::BREAKER_OPEN);
    app.sleep(1).await;
    assert_eq!(
        (app.reason("Hello").await, app.reason("Hello").await),
        (reason::NONE, reason::NONE)
    );
}

#[tokio::test(start_paused = true)]
async fn limits_change_at_a_reload_and_what_runs_counts_on() {
    let app = limited("[limits]\nconcurrency = 3\n").await;
    let calls = [app.spawned("wait 100"), app.spawned("wait 200")];
    settle().await;
    std::fs::write(app.dir.path().join("app.toml"), "[limits]\nconcurrency = 2\n").unwrap();
    let reloaded = app.app.reload().await.unwrap();
    assert_eq!(reloaded.changed, ["limits.concurrency"]);
    assert_eq!(app.reason("third").await, reason::LIMITED);
    app.sleep(110).await;
    assert_eq!(app.reason("second").await, reason::NONE);
    std::fs::write(app.dir.path().join("app.toml"), "").unwrap();
    app.app.reload().await.unwrap();
    let unlimited: Vec<_> = (0..10).map(|_| app.spawned("wait 50")).collect();
    for call in calls.into_iter().chain(unlimited) {
        call.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn wrong_limits_are_refused_with_what_to_write() {
    for (config, want) in [
        ("[[limits.rates]]\nper_ms = 5\n", "limits.rates[0].calls must be at least 1"),
        ("[[limits.rates]]\ncals = 5\n", "unknown field `cals`, expected one of `calls`"),
        ("[[limits.breakers]]\nthreshold = 1.5\n", "limits.breakers[0].threshold must be a share"),
        ("[[limits.breakers]]\non = \"moon\"\n", "unknown variant `moon`"),
        ("[[limits.breakers]]\nerrors = [\"BAD\"]\n", "names of codes; \"BAD\" is none"),
        ("[limits.\"hello.Greeter/Sai\"]\n", "did you mean `limits.hello.Greeter/Say`?"),
        ("[limits]\nconcurency = 1\n", "did you mean `limits.concurrency`?"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("app.toml"), config).unwrap();
        let built = Config::builder().file(dir.path().join("app.toml")).build().unwrap();
        let app = App::with(built).serve(GreeterServer::new(Noting::default()));
        let error = app.start().await.unwrap_err().to_string();
        assert!(error.contains(want), "{config}: {error}");
    }
}

#[tokio::test]
async fn a_method_without_limits_runs_beside_one_that_has_reached_them() {
    let app = limited("[limits.\"models.Ledger/Add\"]\nconcurrency = 1\n").await;
    let call = GreeterClient::new(&app.cx).say(HelloReq { name: "you".into() });
    assert_eq!(call.await.unwrap().text, "you");
}
