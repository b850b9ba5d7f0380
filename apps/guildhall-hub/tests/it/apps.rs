//! Whole apps that know nothing but the address of a hub.

use std::time::Duration;

use bytes::Bytes;
use guildhall::{App, Config, Cx, Env, RunningApp, Status};
use guildhall_hub::Hub;
use proto::hello::{Greeter, GreeterClient, GreeterServer, HelloReq, HelloRsp};
use proto::routing::{AskReq, AskRsp, Desk, DeskClient, DeskServer, TellMsg};
use tokio::sync::mpsc;

use crate::world::{WITHIN, World, until_it_works};

struct Hello;

impl Greeter for Hello {
    async fn say(&self, _cx: &Cx, req: HelloReq) -> Result<HelloRsp, Status> {
        Ok(HelloRsp { text: format!("hello, {}", req.name) })
    }
}

async fn say(cx: &Cx) -> Result<String, Status> {
    Ok(GreeterClient::new(cx).say(HelloReq { name: "you".into() }).await?.text)
}

/// An app that knows of its hub by `app.discovery` alone.
async fn app(world: &World, id: &str) -> App {
    let url = world.url().await;
    let config = Config::builder()
        .set("app.id", id)
        .set("link.listen", "127.0.0.1:0")
        .set("link.secret", "secret")
        .set("link.redial_ms", 20)
        .set("app.discovery", url.as_str());
    App::with(config.build().unwrap()).plugin(Hub).env(Env::real())
}

async fn start(world: &World, id: &str) -> RunningApp {
    let app = app(world, id).await;
    let app = if id.contains(".greeter.") { app.serve(GreeterServer::new(Hello)) } else { app };
    Box::pin(app.start()).await.unwrap()
}

#[tokio::test]
async fn apps_find_each_other_by_a_hub_and_calls_go_on_while_it_is_away() {
    let world = World::new();
    world.restart().await;
    let greeter = start(&world, "test.w1.greeter.1").await;
    let caller = start(&world, "test.w1.caller.1").await;
    let (cx, env) = (caller.cx(), Env::real());
    let (text, _) = until_it_works(&env, "say", async || say(&cx).await).await;
    assert_eq!(text, "hello, you");

    world.kill().await;
    for _ in 0..20 {
        assert_eq!(say(&cx).await.as_deref(), Ok("hello, you"), "the hub carries no calls");
    }
    world.restart().await;
    // Who comes now finds those that were there.
    let late = start(&world, "test.w1.late.1").await;
    let late_cx = late.cx();
    let (_, gap) = until_it_works(&env, "say", async || say(&late_cx).await).await;
    println!("found by a new app {gap:?} after that had started");
    assert!(gap < Duration::from_secs(5), "they registered {gap:?} after the hub was back");
    assert_eq!(say(&cx).await.as_deref(), Ok("hello, you"));
    for app in [greeter, caller, late] {
        app.shutdown().await;
    }
}

#[tokio::test]
async fn queues_and_leases_of_an_app_are_opened_when_they_are_first_used() {
    let world = World::new();
    world.restart().await;
    // A hub serves all worlds of its env.
    let app = start(&world, "test.w2.caller.1").await;
    let queue = app.cx().queue().await.unwrap();
    assert_eq!(queue.capabilities().ack_wait, Some(Duration::from_secs(5)), "it is the hub's");
    assert!(app.cx().leases().await.unwrap().capabilities().durable_epochs);

    let config = Config::builder().set("app.queue", "static:127.0.0.1:1").build().unwrap();
    let app = Box::pin(App::with(config).start()).await.unwrap();
    let status = app.cx().queue().await.map(drop).unwrap_err();
    assert!(status.message().contains("app.queue = \"static:127.0.0.1:1\""), "{status}");
    let config = Config::builder().set("app.leases", "nowhere:1").build().unwrap();
    let error = Box::pin(App::with(config).start()).await.unwrap_err().to_string();
    assert!(error.contains("app.leases") && error.contains("no plugin"), "{error}");
}

/// Passes on what it is told.
struct Listening(mpsc::Sender<String>);

impl Desk for Listening {
    async fn ask(&self, cx: &Cx, _req: AskReq) -> Result<AskRsp, Status> {
        Ok(AskRsp { app: cx.app_id().to_string() })
    }

    async fn first(&self, cx: &Cx, req: AskReq) -> Result<AskRsp, Status> {
        self.ask(cx, req).await
    }

    async fn least(&self, cx: &Cx, req: AskReq) -> Result<AskRsp, Status> {
        self.ask(cx, req).await
    }

    async fn tell(&self, _cx: &Cx, msg: TellMsg) -> Result<(), Status> {
        self.0.send(msg.text).await.unwrap();
        Ok(())
    }
}

#[tokio::test]
async fn topics_and_queues_cross_processes_where_app_discovery_alone_names_a_hub() {
    let (world, env) = (World::new(), Env::real());
    world.restart().await;
    let (told, mut hears) = mpsc::channel(1);
    let listening = app(&world, "test.w1.desk.1").await.serve(DeskServer::new(Listening(told)));
    let listening = Box::pin(listening.start()).await.unwrap();
    let speaking = start(&world, "test.w1.caller.1").await;

    let _subscribed = DeskClient::subscribe(&listening.cx(), "room.1").await.unwrap();
    let tell = TellMsg { text: "across".into() };
    DeskClient::topic(&speaking.cx(), "room.1").tell(tell).await.unwrap();
    let heard = env.until(env.now() + WITHIN, hears.recv()).await;
    assert_eq!(heard, Some(Some("across".to_owned())), "a cast by topic to another process");

    let pushes = speaking.cx().queue().await.unwrap();
    pushes.push("work", Bytes::from_static(b"dig")).await.unwrap();
    let pops = listening.cx().queue().await.unwrap();
    let item = pops.pop("work", WITHIN).await.unwrap().expect("what another process has pushed");
    assert_eq!(item.body, "dig");
    for app in [listening, speaking] {
        app.shutdown().await;
    }
}
