//! Broadcast to all apps that serve a service, and multicast to the apps that subscribed to a topic.
//!
//! ```text
//! cargo run -p guildhall --example multicast
//! ```
//!
//! Output:
//!
//!     to all: dev.w1.desk.1 dev.w1.desk.2 dev.w1.desk.3
//!     to room.1: dev.w1.desk.1 dev.w1.desk.3

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::sync::Arc;

use guildhall::broker::memory::MemoryBroker;
use guildhall::discovery::memory::MemoryDiscovery;
use guildhall::{App, Config, Cx, Env, RunningApp, Status};
use proto::routing::{AskReq, AskRsp, Desk, DeskClient, DeskServer, TellMsg};
use tokio::sync::mpsc;

/// Reports which app received the cast.
struct Reception(mpsc::Sender<String>);

impl Desk for Reception {
    async fn tell(&self, cx: &Cx, _msg: TellMsg) -> Result<(), Status> {
        let _nobody_counts = self.0.send(cx.app_id().to_string()).await;
        Ok(())
    }

    async fn ask(&self, cx: &Cx, _req: AskReq) -> Result<AskRsp, Status> {
        Ok(AskRsp { app: cx.app_id().to_string() })
    }

    async fn first(&self, cx: &Cx, req: AskReq) -> Result<AskRsp, Status> {
        self.ask(cx, req).await
    }

    async fn least(&self, cx: &Cx, req: AskReq) -> Result<AskRsp, Status> {
        self.ask(cx, req).await
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Backends that all apps of a cluster share: in memory here, otherwise `app.discovery = ".."` and `app.broker = ".."`.
    let discovery = Arc::new(MemoryDiscovery::new(Env::real()));
    let broker = Arc::new(MemoryBroker::new());
    let (report, mut told) = mpsc::channel(16);
    let mut apps: Vec<RunningApp> = Vec::new();
    for inst in 1..=3 {
        let config = Config::builder().set("app.id", format!("dev.w1.desk.{inst}"));
        let app = App::with(config.set("link.listen", "127.0.0.1:0").build()?)
            .discovery(discovery.clone())
            .broker(broker.clone())
            .serve(DeskServer::new(Reception(report.clone())));
        apps.push(app.start().await?);
    }
    let cx = apps[0].cx();
    let mut changes = cx.mesh_changes();
    while cx.nodes().len() < 3 {
        changes.changed().await;
    }

    // ANCHOR: multicast
    DeskClient::all(&cx).tell(TellMsg { text: "good morning".into() }).await?;
    println!("to all: {}", who(&mut told, 3).await);

    // A cast to the topic calls the desk of each app that holds a subscription.
    let _first = DeskClient::subscribe(&apps[0].cx(), "room.1").await?;
    let _third = DeskClient::subscribe(&apps[2].cx(), "room.1").await?;
    DeskClient::topic(&cx, "room.1").tell(TellMsg { text: "hello, room".into() }).await?;
    println!("to room.1: {}", who(&mut told, 2).await);
    // ANCHOR_END: multicast

    for app in apps {
        app.shutdown().await;
    }
    Ok(())
}

async fn who(told: &mut mpsc::Receiver<String>, count: usize) -> String {
    let mut who = Vec::new();
    while who.len() < count
        && let Some(app) = told.recv().await
    {
        who.push(app);
    }
    who.sort();
    who.join(" ")
}
