//! Hooks and background tasks: code that runs at start, at drain, and beside the services.
//!
//! ```text
//! cargo run -p guildhall --example background
//! ```
//!
//! Output:
//!
//!     start: the greetings are loaded
//!     ready: dev.w1.app.1 serves
//!     background: hello, everybody
//!     drain: the greetings are put away
//!     background: the last one leaves

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

// ANCHOR: background
use std::sync::Arc;
use std::time::Duration;

use guildhall::{App, Config, Cx, HookError, Status};
use proto::hello::{Greeter, GreeterClient, GreeterServer, HelloReq, HelloRsp};
use tokio::sync::Notify;

struct Hello;

impl Greeter for Hello {
    async fn say(&self, _cx: &Cx, req: HelloReq) -> Result<HelloRsp, Status> {
        Ok(HelloRsp { text: format!("hello, {}", req.name) })
    }
}

/// Greets in regular intervals until the app drains.
async fn greet(cx: Cx, greeted: Arc<Notify>) -> Result<(), HookError> {
    const PAUSE: Duration = Duration::from_secs(60);
    let env = cx.env();
    loop {
        let reply = GreeterClient::new(&cx).say(HelloReq { name: "everybody".into() }).await?;
        println!("background: {}", reply.text);
        greeted.notify_one();
        if env.until(env.now() + PAUSE, cx.draining()).await.is_some() {
            break;
        }
    }
    // The app waits for this task, for at most half of `app.drain_ms`.
    env.sleep(Duration::from_millis(20)).await;
    println!("background: the last one leaves");
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let greeted = Arc::new(Notify::new());
    let task = Arc::clone(&greeted);
    let app = App::with(Config::builder().build()?)
        .serve(GreeterServer::new(Hello))
        // Runs before the app serves calls. An error stops the start.
        .on_start(async |_cx| {
            println!("start: the greetings are loaded");
            Ok(())
        })
        .on_ready(|cx| println!("ready: {} serves", cx.app_id()))
        .spawn("greet", |cx| greet(cx, task))
        .on_drain(async |_cx| {
            println!("drain: the greetings are put away");
            Ok(())
        })
        .start()
        .await?;
    greeted.notified().await;
    app.shutdown().await;
    Ok(())
}
// ANCHOR_END: background
