//! `guildhall up restart`: one process after the other, with the program as it is on disk then.
#![cfg(unix)]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use guildhall::{App, Config, Cx, Effect, Env, RunningApp, Status};
use guildhall_hub::Hub;
use guildhall_testkit::process::{Program, free_addresses};
use proto::hello::{Greeter, GreeterClient, GreeterServer, HelloReq, HelloRsp};
use tempfile::TempDir;

use crate::clusters::{status, up_in, wait_for_states};
use crate::hubs::hub;
use crate::program::run;

/// Each says which version it is when it is ready, and drains with a word.
const CLUSTER: &str = r#"
command = "sh"
args = ["app.sh", "{app}.{inst}"]
[limits]
settle_ms = 0
backoff_ms = 1
restarts_max = 0
[apps.head]
count = 2
[apps.tail]
after = ["head"]
[apps.idle]
rolling = false
[apps.job]
restart = false
"#;

const ALL_READY: &[&str] =
    &["head.1 ready 0", "head.2 ready 0", "idle.1 ready 0", "job.1 ready 0", "tail.1 ready 0"];

fn write_app(folder: &Path, version: &str) {
    let app = format!(
        "trap 'echo $1 bye; exit 0' TERM; echo $1 is {version}; echo ready; while :; do sleep 0.05; done"
    );
    std::fs::write(folder.join("app.sh"), app).unwrap();
}

fn shells() -> (TempDir, Program) {
    let folder = tempfile::tempdir().unwrap();
    write_app(folder.path(), "v1");
    let up = up_in(&folder, CLUSTER);
    wait_for_states(folder.path(), ALL_READY);
    write_app(folder.path(), "v2");
    (folder, up)
}

/// The lines of `printed` about restarts and what happens in them, without times.
fn story(printed: &str) -> Vec<String> {
    let is_told =
        |line: &&str| line.contains("bye") || line.contains("v2") || line.contains("restart");
    let lines = printed.lines().filter(is_told).map(|line| {
        let line = line.split(" after ").next().unwrap();
        line.split(" | ").last().unwrap().to_owned()
    });
    lines.filter(|line| !line.starts_with("--")).collect()
}

#[test]
fn a_rolling_restart_takes_one_after_the_other_with_the_program_that_is_there_now() {
    let (folder, mut up) = shells();
    let (code, out, err) = run(folder.path(), &["up", "restart", "--rolling"]);
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    let first: Vec<&str> = out.lines().take(3).collect();
    let want = [
        "leaves out idle: rolling = false",
        "leaves out job: restart = false: it does not start again",
        "restarts head.1, head.2, tail.1",
    ];
    assert_eq!(first, want);
    assert_eq!(out.lines().last(), Some("all 3 are restarted"));
    up.wait_for("guildhall: restart: all 3 are restarted");
    let of = |name: &str| {
        [
            format!("guildhall: restart: {name} drains"),
            format!("{name} bye"),
            format!("guildhall: restart: {name} has ended"),
            format!("{name} is v2"),
            format!("guildhall: restart: {name} is ready"),
        ]
    };
    let want: Vec<String> = ["head.1", "head.2", "tail.1"].into_iter().flat_map(of).collect();
    let mut told = story(up.printed());
    let (first, last) = (told.iter().position(|line| *line == want[0]).unwrap(), told.len() - 1);
    assert_eq!(told[last], "guildhall: restart: all 3 are restarted");
    told.drain(..first);
    told.pop();
    // What a process prints and what is said of it take two ways.
    for (told, want) in told.chunks(5).zip(want.chunks(5)) {
        let sorted = |lines: &[String]| {
            let mut lines = lines.to_vec();
            lines.sort();
            lines
        };
        assert_eq!(sorted(told), sorted(want));
    }
    let now =
        ["head.1 ready 1", "head.2 ready 1", "idle.1 ready 0", "job.1 ready 0", "tail.1 ready 1"];
    wait_for_states(folder.path(), &now);
}

#[test]
fn one_instance_is_restarted_alone_also_one_that_a_rolling_restart_leaves_out() {
    let (folder, mut up) = shells();
    let folder = folder.path();
    assert_eq!(run(folder, &["up", "restart", "--app", "idle.1"]).0, 0);
    up.wait_for("idle.1 | idle.1 is v2");
    let now =
        ["head.1 ready 0", "head.2 ready 0", "idle.1 ready 1", "job.1 ready 0", "tail.1 ready 0"];
    wait_for_states(folder, &now);
    for (wrong, want) in [("idel.1", "did you mean `idle.1`?"), ("job.1", "there is no instance")] {
        let (code, _, err) = run(folder, &["up", "restart", "--app", wrong]);
        assert!(code == 1 && err.contains(want), "{err}");
    }
    assert_eq!(run(folder, &["up", "restart"]).0, 2);
}

#[test]
fn a_rolling_restart_stops_where_an_instance_does_not_come_back() {
    let (folder, _up) = shells();
    let folder = folder.path();
    std::fs::write(folder.join("app.sh"), "exit 3").unwrap();
    let before = status(folder)[1]["pid"].clone();
    let (code, out, _) = run(folder, &["up", "restart", "--rolling"]);
    assert_eq!(code, 1, "{out}");
    let last = out.lines().last().unwrap();
    assert!(last.starts_with("stops: head.1 stays down: exit status 3"), "{out}");
    assert!(last.ends_with("; left as they were: head.2, tail.1"), "{out}");
    assert_eq!(status(folder)[1]["pid"], before, "head.2 is as it was");
    // Nor does another one begin while not all are there.
    let (code, _, err) = run(folder, &["up", "restart", "--rolling"]);
    assert!(
        code == 1 && err.contains("head.1 is failed: a restart begins when all are ready"),
        "{err}"
    );
}

#[test]
fn a_restart_of_a_cluster_that_is_not_up_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let (code, _, err) = run(folder.path(), &["up", "restart", "--rolling", "mine.toml"]);
    assert!(
        code == 1 && err.contains("mine.toml is not up: start it with `guildhall up`"),
        "{err}"
    );
}

/// Answers after a moment, so that calls run when it drains.
struct Slow;

impl Greeter for Slow {
    async fn say(&self, cx: &Cx, req: HelloReq) -> Result<HelloRsp, Status> {
        cx.env().sleep(Duration::from_millis(10)).await;
        Ok(HelloRsp { text: format!("{} of {}", req.name, cx.app_id()) })
    }
}

fn settings(id: &str, hub: &str) -> guildhall::config::ConfigBuilder {
    let config = Config::builder().set("app.id", id).set("app.discovery", hub);
    config.set("link.listen", "127.0.0.1:0").set("link.secret", "among us")
}

/// This test's binary is the app of the next test, as a process of its own.
#[test]
#[ignore = "a process of another test"]
#[allow(clippy::print_stdout, reason = "this is a program")]
fn the_app_of_a_rolling_restart() {
    let var = |name| std::env::var(name).ok();
    let vars = ["ROLLING_ID", "ROLLING_HUB", "ROLLING_ADMIN"].map(var);
    // Whoever runs all that is ignored runs this too, and is not that test.
    let [Some(id), Some(hub), Some(admin)] = vars else { return };
    let config = settings(&id, &hub).set("admin.listen", admin);
    let app = App::with(config.build().unwrap()).plugin(Hub).serve(GreeterServer::new(Slow));
    // After what the test's own program prints on this line.
    app.on_ready(|_| println!("\nready")).run().unwrap();
}

/// What callers have met.
#[derive(Debug, Default)]
struct Met {
    answered: AtomicU64,
    /// Sent again by the caller, because they did not run.
    again: AtomicU64,
    failed: AtomicU64,
    over: AtomicBool,
}

async fn call_on(cx: Cx, met: Arc<Met>) {
    while !met.over.load(Ordering::Relaxed) {
        let end = cx.env().now() + Duration::from_secs(10);
        let met = loop {
            match GreeterClient::new(&cx).say(HelloReq { name: "a call".into() }).await {
                Ok(_) => break &met.answered,
                Err(status) if status.effect() == Effect::NotRun && cx.env().now() < end => {
                    met.again.fetch_add(1, Ordering::Relaxed);
                    cx.env().sleep(Duration::from_millis(5)).await;
                }
                Err(_) => break &met.failed,
            }
        };
        met.fetch_add(1, Ordering::Relaxed);
    }
}

async fn caller(hub: &str) -> RunningApp {
    let config = settings("dev.w1.caller.1", hub).build().unwrap();
    App::with(config).plugin(Hub).start().await.unwrap()
}

#[tokio::test]
async fn no_call_fails_in_a_rolling_restart() {
    let data = tempfile::tempdir().unwrap();
    let (_hub, url) = hub(&data).await;
    let program = std::env::current_exe().unwrap();
    let addresses: [String; 3] = free_addresses();
    let text = format!(
        "command = {:?}\nargs = [\"rolling::the_app_of_a_rolling_restart\", \"--exact\", \"--ignored\", \"--nocapture\"]\n\
         env = {{ ROLLING_HUB = \"{url}\" }}\n\
         [limits]\nsettle_ms = 300\n",
        program
    );
    let app = |nth: usize| {
        format!(
            "[apps.greeter{nth}]\nenv = {{ ROLLING_ID = \"dev.w1.greeter.{nth}\", ROLLING_ADMIN = \"{address}\" }}\n\
             readyz = \"http://{address}/readyz\"\n",
            address = addresses[nth]
        )
    };
    let folder = tempfile::tempdir().unwrap();
    let mut up = up_in(&folder, &(text + &app(0) + &app(1) + &app(2)));
    let (place, env) = (folder.path().to_owned(), Env::real());
    let ready = ["greeter0.1 ready 0", "greeter1.1 ready 0", "greeter2.1 ready 0"];
    let is_up = env.blocking(move || wait_for_states(&place, &ready));
    is_up.await.unwrap();
    let (caller, met) = (caller(&url).await, Arc::<Met>::default());
    let calling: Vec<_> =
        (0..8).map(|_| env.spawn("caller", call_on(caller.cx(), Arc::clone(&met)))).collect();
    let place = folder.path().to_owned();
    let restart = env.blocking(move || run(&place, &["up", "restart", "--rolling"]));
    let (code, out, err) = restart.await.unwrap();
    let answered = met.answered.load(Ordering::Relaxed);
    met.over.store(true, Ordering::Relaxed);
    for caller in calling {
        caller.await.unwrap().unwrap();
    }
    assert_eq!((code, err.as_str()), (0, ""), "{out}\n{}", up.printed());
    assert_eq!(met.failed.load(Ordering::Relaxed), 0, "{met:?}");
    assert!(answered > 100, "{met:?}");
}
