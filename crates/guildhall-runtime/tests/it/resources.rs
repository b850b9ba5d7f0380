//! Resources and reloads: one version at a time, whole or not at all.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use guildhall::env::TokioNet;
use guildhall::{App, Config, Cx, Env, Loading, ResourceError, RunningApp, Status};
use guildhall_runtime::proto::{NodeClient, ReloadReq};
use parking_lot::Mutex;
use proto::hello::{Greeter, GreeterClient, GreeterServer, HelloReq, HelloRsp};
use proto::models::{AddReq, Ledger, LedgerClient, LedgerServer, SumRsp};

use crate::world::{say, spawn};

/// By level.
#[derive(serde::Deserialize)]
struct Titles {
    version: u64,
    titles: Vec<String>,
}

/// What belongs to the titles of the same version.
struct Shop {
    version: u64,
    titles: Arc<Titles>,
}

fn titles(load: &Loading<'_>) -> Result<Titles, ResourceError> {
    load.json("titles.json")
}

fn shop(load: &Loading<'_>) -> Result<Shop, ResourceError> {
    #[derive(serde::Deserialize)]
    struct File {
        version: u64,
    }
    let file: File = load.toml("shop.toml")?;
    let titles = load.resource::<Titles>()?;
    if titles.version != file.version {
        return Err(ResourceError::new("shop.toml", 1, "is not of the version of the titles"));
    }
    Ok(Shop { version: file.version, titles })
}

/// Says what it sees, again and again for a while, and what a call that it makes sees.
struct Seer;

impl Greeter for Seer {
    async fn say(&self, cx: &Cx, req: HelloReq) -> Result<HelloRsp, Status> {
        if req.name == "none" {
            cx.env().sleep(Duration::from_millis(50)).await;
            return Ok(HelloRsp { text: cx.resource::<Titles>().version.to_string() });
        }
        let mut seen = Vec::new();
        if req.name == "later" {
            // The first to ask is the one that is called.
            cx.env().sleep(Duration::from_millis(2)).await;
            seen.push(LedgerClient::new(cx).add(AddReq::default()).await?.sum.to_string());
        }
        for _ in 0..3 {
            let (shop, titles) = (cx.resource::<Shop>(), cx.clone().resource::<Titles>());
            seen.extend([shop.version, shop.titles.version, titles.version].map(|v| v.to_string()));
            cx.env().sleep(Duration::from_millis(1)).await;
            seen.push(LedgerClient::new(cx).add(AddReq::default()).await?.sum.to_string());
        }
        seen.dedup();
        Ok(HelloRsp { text: seen.join(" and ") })
    }
}

struct Callee;

impl Ledger for Callee {
    async fn add(&mut self, cx: &Cx, _req: AddReq) -> Result<SumRsp, Status> {
        Ok(SumRsp { sum: i64::try_from(cx.resource::<Shop>().version).unwrap() })
    }

    async fn note(&mut self, _cx: &Cx, _req: AddReq) -> Result<(), Status> {
        Ok(())
    }

    async fn panic(&mut self, _cx: &Cx, _req: AddReq) -> Result<(), Status> {
        panic!("asked to")
    }
}

struct World {
    app: RunningApp,
    cx: Cx,
    dir: tempfile::TempDir,
}

fn write(dir: &Path, version: u64) {
    let titles = format!("{{\"version\": {version},\n\"titles\": [\"novice\"]}}\n");
    std::fs::write(dir.join("titles.json"), titles).unwrap();
    std::fs::write(dir.join("shop.toml"), format!("version = {version}\n")).unwrap();
}

fn app(dir: &Path, more: &str) -> App {
    std::fs::create_dir_all(dir.join("data")).unwrap();
    write(&dir.join("data"), 1);
    let data = dir.join("data").display().to_string();
    let text = format!("[resources]\ndir = {data:?}\n{more}");
    std::fs::write(dir.join("app.toml"), text).unwrap();
    let config = Config::builder().file(dir.join("app.toml")).build().unwrap();
    let app = App::with(config).resource::<Shop>(shop).resource::<Titles>(titles);
    app.serve(GreeterServer::new(Seer)).serve(LedgerServer::new(Callee))
}

async fn world(more: &str) -> World {
    let dir = tempfile::tempdir().unwrap();
    let app = app(dir.path(), more).start().await.unwrap();
    World { cx: app.cx(), app, dir }
}

impl World {
    fn write(&self, version: u64) {
        write(&self.dir.path().join("data"), version);
    }

    fn put(&self, file: &str, text: &str) {
        std::fs::write(self.dir.path().join("data").join(file), text).unwrap();
    }

    fn configure(&self, from: &str, to: &str) {
        let file = self.dir.path().join("app.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(file, text.replace(from, to)).unwrap();
    }

    fn version(&self) -> u64 {
        self.cx.resource::<Shop>().version
    }

    /// Waits until this version is there.
    async fn reaches(&self, version: u64) {
        let deadline = self.cx.env().now() + Duration::from_secs(10);
        while self.version() != version {
            assert!(self.cx.env().now() < deadline, "version {} after 10 s", self.version());
            self.cx.env().sleep(Duration::from_millis(5)).await;
        }
    }
}

const QUIET: &str = "watch_ms = 0\n";

#[tokio::test]
async fn a_reload_shows_all_resources_of_the_new_version_to_new_calls() {
    let world = world(QUIET).await;
    assert_eq!((say(&world.cx, "you").await.unwrap().as_str(), world.version()), ("1", 1));
    world.write(2);
    assert_eq!(world.version(), 1);
    assert_eq!(world.app.reload().await.unwrap().changed, ["resources"]);
    assert_eq!((say(&world.cx, "you").await.unwrap().as_str(), world.version()), ("2", 2));
    assert_eq!(world.cx.resource::<Titles>().titles, ["novice"]);
}

#[tokio::test]
async fn files_that_begin_with_a_byte_order_mark_are_read_without_it() {
    let dir = tempfile::tempdir().unwrap();
    // The configuration and both resources.
    let app = app(dir.path(), QUIET);
    for file in ["data/titles.json", "data/shop.toml", "app.toml"] {
        let path = dir.path().join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(path, format!("\u{feff}{text}")).unwrap();
    }
    let config = Config::builder().file(dir.path().join("app.toml")).build().unwrap();
    assert_eq!(
        config.section::<toml::Table>("resources").unwrap()["watch_ms"].as_integer(),
        Some(0)
    );
    let app = app.start().await.unwrap();
    assert_eq!(app.cx().resource::<Titles>().titles, ["novice"]);
    assert_eq!(app.cx().resource::<Shop>().version, 1);
}

#[tokio::test(start_paused = true)]
async fn a_call_and_the_calls_it_makes_see_one_version_during_reloads() {
    let world = world(QUIET).await;
    let done = Arc::new(AtomicBool::new(false));
    let callers: Vec<_> = (0..16)
        .map(|n| {
            let (cx, done) = (world.cx.clone(), Arc::clone(&done));
            let name = if n % 2 == 0 { "at once" } else { "later" };
            spawn(async move {
                let mut seen = Vec::new();
                while !done.load(Ordering::Relaxed) {
                    seen.push(say(&cx, name).await.unwrap());
                }
                seen
            })
        })
        .collect();
    for version in 2..=40 {
        world.write(version);
        world.app.reload().await.unwrap();
        world.cx.env().sleep(Duration::from_millis(3)).await;
    }
    done.store(true, Ordering::Relaxed);
    let mut versions = std::collections::BTreeSet::new();
    for caller in callers {
        for seen in caller.await.unwrap() {
            let one = seen.parse::<u64>();
            versions.insert(one.unwrap_or_else(|_| panic!("one call saw the versions {seen}")));
        }
    }
    assert!(versions.len() > 10, "the reloads came between the calls: {versions:?}");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_asks_late_sees_the_version_of_its_beginning() {
    let world = world(QUIET).await;
    let cx = world.cx.clone();
    let call = spawn(async move { say(&cx, "none").await });
    world.cx.env().sleep(Duration::from_millis(10)).await;
    world.write(2);
    world.app.reload().await.unwrap();
    assert_eq!(call.await.unwrap().unwrap(), "1");
    assert_eq!(say(&world.cx, "none").await.unwrap(), "2");
}

#[tokio::test]
async fn a_broken_file_changes_nothing_and_says_where_and_why() {
    let world = world(QUIET).await;
    for (file, text, want) in [
        (
            "titles.json",
            "{\"version\": 2,\n\n\"titles\": 7}",
            "titles.json:3: invalid type: integer",
        ),
        ("shop.toml", "\nversion = 2 2\n", "shop.toml:2: "),
        ("shop.toml", "version = 7\n", "shop.toml:1: is not of the version of the titles"),
    ] {
        world.write(2);
        world.put(file, text);
        let error = world.app.reload().await.unwrap_err();
        assert!(error.message().contains(want), "{error}");
        assert_eq!(world.version(), 1);
        assert_eq!(say(&world.cx, "you").await.unwrap(), "1", "not even the loader that worked");
    }
    std::fs::remove_file(world.dir.path().join("data/titles.json")).unwrap();
    let error = world.app.reload().await.unwrap_err();
    assert!(error.message().contains("titles.json: No such file"), "{error}");
    world.write(3);
    world.app.reload().await.unwrap();
    assert_eq!(world.version(), 3);
}

#[tokio::test]
async fn an_app_whose_resources_do_not_load_does_not_start() {
    struct A;
    struct B;
    let dir = tempfile::tempdir().unwrap();
    let broken = app(dir.path(), "");
    std::fs::write(dir.path().join("data/shop.toml"), "version = ").unwrap();
    let error = broken.start().await.unwrap_err().to_string();
    assert!(error.contains("resources: shop.toml:1: "), "{error}");
    let app = App::with(Config::builder().build().unwrap());
    let app = app.resource(|load| load.resource::<B>().map(|_| A));
    let error = app.resource(|load| load.resource::<A>().map(|_| B)).start().await.unwrap_err();
    assert!(error.to_string().contains("need each other"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_change_in_the_folder_is_loaded_when_it_has_come_to_rest() {
    watches(Env::real()).await;
    watches(Env::simulated(1, Arc::new(TokioNet), Duration::from_secs(1_800_000_000))).await;
}

async fn watches(env: Env) {
    let dir = tempfile::tempdir().unwrap();
    let app = app(dir.path(), "watch_ms = 100\n").env(env).start().await.unwrap();
    let world = World { cx: app.cx(), app, dir };
    // Long enough for the first look.
    world.cx.env().sleep(Duration::from_millis(50)).await;
    world.write(20);
    world.reaches(20).await;
    // A broken file changes nothing; mended by a rename over it, it is loaded.
    world.put("shop.toml", "version = ");
    world.cx.env().sleep(Duration::from_secs(1)).await;
    assert_eq!(world.version(), 20);
    let data = world.dir.path().join("data");
    let new = data.join(".new");
    std::fs::create_dir(&new).unwrap();
    write(&new, 300);
    for file in ["titles.json", "shop.toml"] {
        std::fs::rename(new.join(file), data.join(file)).unwrap();
    }
    world.reaches(300).await;
}

#[tokio::test]
async fn what_cannot_change_at_a_reload_says_that_it_needs_a_restart() {
    let world = world("watch_ms = 0\n[call]\nretries_max = 3\n[link]\nping_ms = 5000\n").await;
    world.configure("retries_max = 3", "retries_max = 2");
    world.configure("[link]\nping_ms = 5000\n", "[limits]\nconcurrency = 9\n");
    world.configure("watch_ms = 0", "watch_ms = 1000");
    let reloaded = world.app.reload().await.unwrap();
    assert_eq!(reloaded.changed, ["limits.concurrency", "resources.watch_ms", "resources"]);
    assert_eq!(reloaded.needs_restart, ["call.retries_max", "link.ping_ms"]);
    let again = world.app.reload().await.unwrap();
    assert_eq!(again.changed, ["resources"]);
    assert_eq!(again.needs_restart, reloaded.needs_restart, "until it starts again");
}

#[tokio::test]
async fn a_wrong_configuration_changes_nothing_and_says_why() {
    let world = world("watch_ms = 0\n[limits]\nconcurrency = 9\n").await;
    world.write(2);
    for (to, want) in [
        ("[limts]\n", "did you mean `limits`?"),
        ("[limits]\nconcurrency = \"nine\"\n", "`limits.concurrency`"),
        ("[limits\n", "app.toml"),
    ] {
        world.configure("[limits]\nconcurrency = 9\n", to);
        let error = world.app.reload().await.unwrap_err();
        assert!(error.message().contains(want), "{error}");
        assert_eq!(world.version(), 1, "the new resources were fine, and are not shown");
        world.configure(to, "[limits]\nconcurrency = 9\n");
    }
    assert_eq!(world.app.reload().await.unwrap().changed, ["resources"]);
}

#[tokio::test]
async fn a_section_of_the_game_changes_at_a_reload_with_everything_else_or_not_at_all() {
    #[derive(Default, serde::Serialize, serde::Deserialize)]
    struct Game {
        speed: u64,
    }
    let dir = tempfile::tempdir().unwrap();
    let (speed, heard) = (Arc::new(AtomicU64::new(0)), Arc::new(Mutex::new(Vec::new())));
    let (set, hear) = (Arc::clone(&speed), Arc::clone(&heard));
    let app = app(dir.path(), "watch_ms = 0\n[game]\nspeed = 1\n");
    let app = app.reload_section("game", move |config| {
        let Game { speed } = config.section("game").map_err(|e| e.to_string())?;
        if speed > 100 {
            return Err(format!("game.speed is {speed}; it must be at most 100"));
        }
        let set = Arc::clone(&set);
        Ok(move || set.store(speed, Ordering::Relaxed))
    });
    let hook = move |cx: &Cx, reloaded: &guildhall::Reloaded| {
        hear.lock().push((cx.resource::<Shop>().version, reloaded.changed.clone()));
    };
    let app = app.on_reload(hook).start().await.unwrap();
    let world = World { cx: app.cx(), app, dir };
    assert_eq!(speed.load(Ordering::Relaxed), 1, "also at the start");
    world.configure("speed = 1", "speed = 2");
    world.write(2);
    world.app.reload().await.unwrap();
    assert_eq!(speed.load(Ordering::Relaxed), 2);
    let changed = vec!["game.speed".to_owned(), "resources".to_owned()];
    assert_eq!(*heard.lock(), [(2, changed)]);
    world.configure("speed = 2", "speed = 200");
    world.write(3);
    let error = world.app.reload().await.unwrap_err();
    assert!(error.message().contains("it must be at most 100"), "{error}");
    assert_eq!((speed.load(Ordering::Relaxed), world.version()), (2, 2));
    world.configure("speed = 200", "speed = 3");
    world.put("shop.toml", "version = ");
    world.app.reload().await.unwrap_err();
    assert_eq!((speed.load(Ordering::Relaxed), heard.lock().len()), (2, 1));
}

#[tokio::test]
async fn an_app_can_be_told_to_reload_by_a_call() {
    let world = world(QUIET).await;
    let node = NodeClient::new(&world.cx);
    world.write(2);
    let answer = node.reload(ReloadReq {}).await.unwrap();
    assert_eq!((answer.changed, world.version()), (vec!["resources".to_owned()], 2));
    world.put("shop.toml", "version = ");
    let error = node.reload(ReloadReq {}).await.unwrap_err();
    assert_eq!(error.code(), guildhall::Code::FailedPrecondition);
    assert!(error.message().contains("nothing was reloaded: shop.toml:1: "), "{error}");
}

/// In a thread of its own, because `run` is a program's.
#[cfg(unix)]
#[tokio::test]
#[allow(clippy::disallowed_methods, reason = "a test is no app")]
async fn sighup_reloads() {
    let dir = tempfile::tempdir().unwrap();
    let (ready, mut is_ready) = tokio::sync::mpsc::channel(1);
    let (heard, mut hears) = tokio::sync::mpsc::channel(1);
    let app = app(dir.path(), QUIET).on_ready(move |cx| ready.try_send(cx).unwrap());
    let app = app.on_reload(move |cx, _| heard.try_send(cx.resource::<Shop>().version).unwrap());
    let thread = std::thread::spawn(|| app.run().unwrap());
    is_ready.recv().await.unwrap();
    write(&dir.path().join("data"), 2);
    let kill = |signal: &str| {
        let pid = std::process::id().to_string();
        assert!(
            std::process::Command::new("kill").args([signal, &pid]).status().unwrap().success()
        );
    };
    kill("-HUP");
    assert_eq!(hears.recv().await, Some(2));
    // The app listens for this one; so the process does not end by it.
    kill("-TERM");
    tokio::task::spawn_blocking(|| thread.join().unwrap()).await.unwrap();
}

#[tokio::test]
async fn without_resources_nothing_is_asked_of_the_disk() {
    let config = Config::builder().set("resources.dir", "/nowhere").build().unwrap();
    let app = App::with(config).serve(GreeterServer::new(Quiet)).start().await.unwrap();
    assert_eq!(app.reload().await.unwrap(), guildhall::Reloaded::default());
    let cx = app.cx();
    let reply = GreeterClient::new(&cx).say(HelloReq { name: "you".into() }).await;
    assert_eq!(reply.unwrap().text, "you");
}

struct Quiet;

impl Greeter for Quiet {
    async fn say(&self, _cx: &Cx, req: HelloReq) -> Result<HelloRsp, Status> {
        Ok(HelloRsp { text: req.name })
    }
}
