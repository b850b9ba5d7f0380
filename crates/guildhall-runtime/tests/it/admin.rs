//! What the operator sees: pages over HTTP, and which part of an app is not well.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use guildhall::discovery::memory::MemoryDiscovery;
use guildhall::discovery::{Change, Discovery, DiscoveryError, NodeRecord};
use guildhall::env::ConnIo;
use guildhall::{App, AppId, BoxFuture, Component, Config, Cx, Env, RunningApp, StartError};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::{mpsc, oneshot};

use crate::exposition::read;
use crate::rooms::{self, TestStore};

const ADMIN: &str = "127.0.0.1:0";

/// Sends `request` to the pages of an app and reads to the end.
async fn send(cx: &Cx, request: &[u8]) -> String {
    let addr = cx.admin_addr().unwrap().to_string();
    let mut conn = ConnIo::new(cx.env().net().connect(&addr).await.unwrap());
    conn.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    conn.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

/// The code and the body of a page.
async fn get(cx: &Cx, path: &str) -> (u16, String) {
    let answer = send(cx, format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let length = format!("Content-Length: {}", body.len());
    assert!(head.lines().any(|line| line == length), "{head}");
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

fn config() -> Config {
    Config::builder().set("admin.listen", ADMIN).build().unwrap()
}

#[tokio::test]
async fn the_pages_say_that_it_runs_that_it_is_ready_and_what_it_counted() {
    let app = App::with(config()).start().await.unwrap();
    let cx = app.cx();
    assert_eq!(get(&cx, "/livez").await, (200, "ok\n".into()));
    assert_eq!(get(&cx, "/readyz?verbose").await, (200, "ready\n".into()));
    let (code, text) = get(&cx, "/metrics").await;
    assert_eq!(code, 200);
    assert!(read(&text).contains_key("guildhall_calls_in_flight"), "{text}");
    let (code, there_are) = get(&cx, "/").await;
    assert!(code == 404 && there_are.contains("/readyz"), "{code} {there_are}");
    app.shutdown().await;
}

#[tokio::test]
async fn without_an_address_there_are_no_pages() {
    let app = App::with(Config::builder().build().unwrap()).start().await.unwrap();
    assert_eq!(app.cx().admin_addr(), None);
    app.shutdown().await;
}

#[tokio::test]
async fn what_is_no_short_get_is_refused() {
    let app = App::with(config()).start().await.unwrap();
    let cx = app.cx();
    let code = async |request: &[u8]| send(&cx, request).await[9..12].to_owned();
    assert_eq!(code(b"POST /livez HTTP/1.1\r\n\r\n").await, "405");
    assert_eq!(code(b"\x16\x03\x01\x02\x00\x01\r\n\r\n").await, "400");
    let long = format!("GET /livez HTTP/1.1\r\nCookie: {}", "x".repeat(8 << 10));
    assert_eq!(code(long.as_bytes()).await, "431");
    let head = send(&cx, b"HEAD /livez HTTP/1.1\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.ends_with("\r\n\r\n"), "{head}");
    app.shutdown().await;
}

#[tokio::test]
async fn who_says_nothing_is_cut_off_and_one_connection_too_many_too() {
    let config = Config::builder().set("admin.listen", ADMIN).set("admin.request_ms", 50);
    let app = App::with(config.set("admin.connections_max", 1).build().unwrap());
    let app = app.start().await.unwrap();
    let cx = app.cx();
    let addr = cx.admin_addr().unwrap().to_string();
    let mut silent = ConnIo::new(cx.env().net().connect(&addr).await.unwrap());
    let mut refused = ConnIo::new(cx.env().net().connect(&addr).await.unwrap());
    for conn in [&mut refused, &mut silent] {
        assert_eq!(conn.read(&mut [0; 16]).await.unwrap_or(0), 0, "closed without an answer");
    }
    assert_eq!(get(&cx, "/livez").await.0, 200);
    app.shutdown().await;
}

#[tokio::test]
async fn a_crowd_that_says_nothing_does_not_keep_the_operator_out() {
    let config = Config::builder().set("admin.listen", ADMIN).set("admin.connections_max", 4);
    let app = App::with(config.set("admin.request_ms", 60_000).build().unwrap());
    let app = app.start().await.unwrap();
    let cx = app.cx();
    let addr = cx.admin_addr().unwrap().to_string();
    let mut crowd = Vec::new();
    for number in 0..40 {
        let mut conn = ConnIo::new(cx.env().net().connect(&addr).await.unwrap());
        if number % 2 == 0 {
            conn.write_all(b"GET /livez HTTP/1.1\r\nX: ").await.unwrap();
        }
        crowd.push(conn);
        assert_eq!(get(&cx, "/readyz").await, (200, "ready\n".into()));
    }
    app.shutdown().await;
}

/// Takes its time to start and to drain.
struct Slow {
    start: parking_lot::Mutex<Option<oneshot::Receiver<()>>>,
    drain: parking_lot::Mutex<Option<oneshot::Receiver<()>>>,
    told: mpsc::Sender<Cx>,
}

impl Component for Slow {
    fn start<'a>(
        self: Arc<Self>,
        _config: &'a Config,
        cx: Cx,
    ) -> BoxFuture<'a, Result<(), StartError>> {
        Box::pin(async move {
            self.told.send(cx).await.unwrap();
            let go_on = self.start.lock().take().unwrap();
            go_on.await.map_err(|_| StartError::game("the test is over"))
        })
    }

    fn drain(self: Arc<Self>, cx: Cx) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            self.told.send(cx).await.unwrap();
            let go_on = self.drain.lock().take().unwrap();
            let _over = go_on.await;
        })
    }
}

#[tokio::test]
async fn an_app_that_starts_or_drains_runs_and_is_not_ready() {
    let (told, mut events) = mpsc::channel(1);
    let ((started, start), (drained, drain)) = (oneshot::channel(), oneshot::channel());
    let slow = Slow { start: Some(start).into(), drain: Some(drain).into(), told };
    let (ready, mut is_ready) = mpsc::channel(1);
    let app = App::with(config()).component(slow);
    let app = app.on_ready(move |cx| ready.try_send(cx.problems()).unwrap());
    let starting = crate::world::spawn(app.start());
    let cx = events.recv().await.unwrap();
    assert_eq!(get(&cx, "/readyz").await, (503, "starting\n".into()));
    started.send(()).unwrap();
    let app = starting.await.unwrap().unwrap();
    assert_eq!(is_ready.recv().await, Some(Vec::new()), "hooks find it ready");
    let draining = crate::world::spawn(app.shutdown());
    let cx = events.recv().await.unwrap();
    assert_eq!(get(&cx, "/readyz").await, (503, "draining\n".into()));
    assert_eq!(get(&cx, "/livez").await.0, 200);
    drained.send(()).unwrap();
    draining.await.unwrap();
}

fn up(cx: &Cx, part: &str) -> Option<f64> {
    let part = [("component".to_owned(), part.to_owned())].to_vec();
    let parts = read(&cx.metrics().text()).remove("guildhall_component_up")?;
    parts.lines.get(&("guildhall_component_up".to_owned(), part)).copied()
}

#[tokio::test]
async fn a_check_of_the_games_makes_it_not_ready_and_says_why() {
    let open = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&open);
    let app = App::with(config()).health("season", move |_| match seen.load(Ordering::Relaxed) {
        true => Ok(()),
        false => Err("it begins tomorrow".to_owned()),
    });
    let app = app.start().await.unwrap();
    let cx = app.cx();
    assert_eq!(get(&cx, "/readyz").await, (503, "season: it begins tomorrow\n".into()));
    assert_eq!(up(&cx, "season"), Some(0.0));
    open.store(true, Ordering::Relaxed);
    let (_, metrics) = get(&cx, "/metrics").await;
    assert!(metrics.contains("guildhall_component_up{component=\"season\"} 1\n"), "{metrics}");
    assert_eq!(get(&cx, "/readyz").await.0, 200);
    app.shutdown().await;
}

/// A discovery that can go away.
struct Flaky {
    inner: MemoryDiscovery,
    away: AtomicBool,
    /// Dropped to end the watches.
    watches: parking_lot::Mutex<Vec<oneshot::Sender<()>>>,
    env: Env,
}

impl Flaky {
    fn lose(&self) {
        self.away.store(true, Ordering::Relaxed);
        self.watches.lock().clear();
    }

    fn is_there(&self, operation: &'static str) -> Result<(), DiscoveryError> {
        match self.away.load(Ordering::Relaxed) {
            true => Err(DiscoveryError { operation, message: "it is away".into() }),
            false => Ok(()),
        }
    }
}

impl Discovery for Flaky {
    fn register<'a>(
        &'a self,
        node: &'a NodeRecord,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<(), DiscoveryError>> {
        Box::pin(async move {
            self.is_there("register")?;
            self.inner.register(node, ttl).await
        })
    }

    fn deregister<'a>(
        &'a self,
        id: &'a AppId,
        incarnation: guildhall_core::Incarnation,
    ) -> BoxFuture<'a, Result<(), DiscoveryError>> {
        self.inner.deregister(id, incarnation)
    }

    fn watch(&self) -> BoxFuture<'_, Result<mpsc::Receiver<Change>, DiscoveryError>> {
        Box::pin(async move {
            self.is_there("watch")?;
            let (alive, lost) = oneshot::channel::<()>();
            self.watches.lock().push(alive);
            let mut changes = self.inner.watch().await?;
            let (sender, receiver) = mpsc::channel(16);
            self.env.spawn("flaky", async move {
                let pass_on = async {
                    while let Some(change) = changes.recv().await {
                        sender.send(change).await.unwrap();
                    }
                };
                tokio::select! { biased; _ = lost => {}, () = pass_on => {} }
            });
            Ok(receiver)
        })
    }
}

/// Waits until `problems` of the app are as many.
async fn problems(app: &RunningApp, count: usize) -> Vec<String> {
    let cx = app.cx();
    let deadline = cx.env().now() + Duration::from_secs(60);
    loop {
        let problems = cx.problems();
        if problems.len() == count {
            return problems;
        }
        assert!(cx.env().now() < deadline, "not {count}: {problems:?}");
        cx.env().sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_app_whose_discovery_is_lost_says_so_and_is_well_when_it_is_back() {
    let env = Env::real();
    let discovery = Arc::new(Flaky {
        inner: MemoryDiscovery::new(env.clone()),
        away: AtomicBool::new(false),
        watches: parking_lot::Mutex::default(),
        env: env.clone(),
    });
    let app = App::with(Config::builder().build().unwrap()).env(env);
    let app = app.discovery(Arc::clone(&discovery) as _).start().await.unwrap();
    problems(&app, 0).await;
    discovery.lose();
    let both = problems(&app, 2).await.join("\n");
    assert!(both.contains("discovery.register: ") && both.contains("it is away"), "{both}");
    assert!(both.contains("discovery.watch: "), "{both}");
    assert_eq!(up(&app.cx(), "discovery.watch"), Some(0.0));
    discovery.away.store(false, Ordering::Relaxed);
    problems(&app, 0).await;
    assert_eq!(up(&app.cx(), "discovery.register"), Some(1.0));
    app.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn an_app_whose_store_is_away_says_so_and_is_well_when_it_is_back() {
    let store = TestStore::default();
    let app = rooms::app(&[], &store).await;
    let cx = app.cx();
    assert_eq!(up(&cx, "store"), Some(1.0));
    store.set_away(true);
    crate::entities::join(&cx, "ann").await.unwrap_err();
    let why = problems(&app, 1).await.remove(0);
    assert!(why.starts_with("store: "), "{why}");
    assert_eq!(up(&cx, "store"), Some(0.0));
    cx.env().sleep(Duration::from_secs(30)).await;
    assert_eq!(up(&cx, "store"), Some(0.0), "it has been asked again, and is still away");
    store.set_away(false);
    // Nobody calls: it is asked all the same.
    problems(&app, 0).await;
    let text = cx.metrics().text();
    let errors = "guildhall_store_errors_total{operation=\"claim\",kind=\"unavailable\"} 1\n";
    assert!(text.contains(errors), "{text}");
}
