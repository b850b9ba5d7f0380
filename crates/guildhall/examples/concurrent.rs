//! A CONCURRENT service: handlers run in parallel on `&self` and synchronize access to shared state themselves.
//!
//! ```text
//! cargo run -p guildhall --example concurrent
//! ```
//!
//! Output:
//!
//!     hello, alice; 3 of us are here
//!     hello, bob; 3 of us are here
//!     hello, carol; 3 of us are here

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

// ANCHOR: concurrent
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use guildhall::{App, Config, Cx, Status};
use proto::hello::{Greeter, GreeterClient, GreeterServer, HelloReq, HelloRsp};

#[derive(Default)]
struct Hello {
    here: AtomicUsize,
}

impl Greeter for Hello {
    async fn say(&self, cx: &Cx, req: HelloReq) -> Result<HelloRsp, Status> {
        self.here.fetch_add(1, Ordering::Relaxed);
        // Other calls run meanwhile. If this call is cancelled, its future is dropped here.
        cx.env().sleep(Duration::from_millis(50)).await;
        let here = self.here.load(Ordering::Relaxed);
        Ok(HelloRsp { text: format!("hello, {}; {here} of us are here", req.name) })
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let service = GreeterServer::new(Hello::default());
    let app = App::with(Config::builder().build()?).serve(service).start().await?;
    let cx = app.cx();
    let greeter = GreeterClient::new(&cx);
    let say = |name: &str| greeter.say(HelloReq { name: name.into() });
    let (alice, bob, carol) = tokio::try_join!(say("alice"), say("bob"), say("carol"))?;
    for reply in [alice, bob, carol] {
        println!("{}", reply.text);
    }
    app.shutdown().await;
    Ok(())
}
// ANCHOR_END: concurrent
