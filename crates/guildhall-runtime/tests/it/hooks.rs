//! What a game does besides its services: hooks of the start and of the end, and background tasks.

use std::sync::Arc;
use std::time::Duration;

use guildhall::discovery::memory::MemoryDiscovery;
use guildhall::discovery::{Change, Discovery};
use guildhall::{App, Config, Cx, Env, HookError};
use parking_lot::Mutex;
use proto::room::{RoomClient, RoomServer, SayReq};

use crate::rooms::TestRoom;

/// What happened, in its order.
#[derive(Clone, Default)]
struct Story(Arc<Mutex<Vec<String>>>);

impl Story {
    fn add(&self, what: impl Into<String>) {
        self.0.lock().push(what.into());
    }

    fn told(&self) -> Vec<String> {
        self.0.lock().clone()
    }
}

fn app(settings: &[(&str, &str)]) -> App {
    let mut config = Config::builder().set("app.id", "dev.w1.room.1");
    for (key, value) in settings {
        config = config.flag(&format!("{key}={value}"));
    }
    App::with(config.build().unwrap()).actor::<TestRoom>(RoomServer)
}

async fn said(cx: &Cx) -> Result<u64, HookError> {
    Ok(RoomClient::new(cx).say(SayReq { id: 7, text: "hi".into() }).await?.number)
}

#[tokio::test(start_paused = true)]
async fn start_hooks_run_in_order_before_the_app_is_announced() {
    let (story, discovery) = (Story::default(), Arc::new(MemoryDiscovery::new(Env::real())));
    let mut watch = discovery.watch().await.unwrap();
    assert!(matches!(watch.recv().await, Some(Change::Synced)));
    let (first, second, ready) = (story.clone(), story.clone(), story.clone());
    let app = app(&[]).discovery(discovery);
    let app = app.on_ready(move |_| ready.add("ready"));
    let app = app.on_start(async move |cx: Cx| {
        let number = said(&cx).await?;
        cx.env().sleep(Duration::from_secs(1)).await;
        first.add(format!("the room has been told {number} times"));
        Ok(())
    });
    let app = app.on_start(async move |cx| {
        let found = cx.env().until(cx.env().now() + Duration::from_secs(30), watch.recv()).await;
        second.add(if found.is_none() { "nobody knows of it" } else { "somebody knows of it" });
        Ok(())
    });
    let app = app.start().await.unwrap();
    let told = ["the room has been told 0 times", "nobody knows of it", "ready"];
    assert_eq!(story.told(), told);
    assert_eq!(said(&app.cx()).await.unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_start_hook_that_fails_stops_the_start_and_is_named() {
    let ran = Story::default();
    let later = ran.clone();
    let app = app(&[]).on_start(async |_| Err("no maps".into()));
    let app = app.on_start(async move |_| {
        later.add("ran");
        Ok(())
    });
    let error = app.start().await.unwrap_err().to_string();
    assert!(error.contains("on_start") && error.contains("hooks.rs:"), "{error}");
    assert!(error.contains("failed: no maps"), "{error}");
    assert!(ran.told().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_start_hook_that_panics_or_hangs_stops_the_start() {
    let panics = app(&[]).on_start(async |_| panic!("asked to")).start().await;
    let error = panics.unwrap_err().to_string();
    assert!(error.contains("failed: it panicked"), "{error}");
    let hangs = app(&[("app.start_ms", "200")]).on_start(async |_| std::future::pending().await);
    let error = hangs.start().await.unwrap_err().to_string();
    assert!(error.contains("200 ms (app.start_ms)"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_background_task_is_told_of_the_drain_and_waited_for() {
    let story = Story::default();
    let (task, drain) = (story.clone(), story.clone());
    let app = app(&[]).spawn("background", async move |cx| {
        task.add("begun");
        cx.draining().await;
        // Actors can still be called.
        said(&cx).await?;
        cx.env().sleep(Duration::from_secs(1)).await;
        task.add("ended");
        Ok(())
    });
    let app = app.on_drain(async move |cx| {
        said(&cx).await?;
        drain.add("drain");
        Ok(())
    });
    let app = app.start().await.unwrap();
    let (cx, env) = (app.cx(), app.cx().env().clone());
    env.sleep(Duration::from_secs(60)).await;
    assert_eq!(story.told(), ["begun"]);
    let began = env.now();
    app.shutdown().await;
    assert_eq!(story.told(), ["begun", "drain", "ended"]);
    assert!(env.now() - began < Duration::from_secs(2));
    drop(cx);
}

#[tokio::test(start_paused = true)]
async fn tasks_and_hooks_that_do_not_end_leave_half_of_the_time_to_the_actors() {
    /// Tells that the task was dropped.
    struct Dropped(Story);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.add("dropped");
        }
    }
    let story = Story::default();
    let dropped = Dropped(story.clone());
    let app = app(&[("app.drain_ms", "1000")]).spawn("endless", async move |_| {
        let _until_dropped = &dropped;
        std::future::pending().await
    });
    let app = app.on_drain(async |_| std::future::pending().await).start().await.unwrap();
    let cx = app.cx();
    said(&cx).await.unwrap();
    let began = cx.env().now();
    app.shutdown().await;
    let took = cx.env().now() - began;
    assert!((500..600).contains(&took.as_millis()), "{took:?}");
    assert!(cx.metrics().text().contains("guildhall_actor_deactivations_total 1\n"));
    assert_eq!(story.told(), ["dropped"]);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_panics_or_fails_is_not_the_apps_end() {
    let app = app(&[]).spawn("panics", async |_| panic!("asked to"));
    let app = app.spawn("fails", async |_| Err("as asked".into())).start().await.unwrap();
    let cx = app.cx();
    cx.env().sleep(Duration::from_secs(1)).await;
    assert_eq!(said(&cx).await.unwrap(), 0);
    assert!(cx.metrics().text().contains("guildhall_task_panics_total 1\n"));
    let began = cx.env().now();
    app.shutdown().await;
    assert!(cx.env().now() - began < Duration::from_secs(1), "it waited for tasks that are over");
}
