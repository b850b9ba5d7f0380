//! A service and a call to it in one process, without any configuration.
//!
//! ```text
//! cargo run -p guildhall --example hello
//! ```
//!
//! Output:
//!
//!     hello, world

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

// ANCHOR: hello
use guildhall::{App, Config, Cx, Status};
use proto::hello::{Greeter, GreeterClient, GreeterServer, HelloReq, HelloRsp};

struct Hello;

impl Greeter for Hello {
    async fn say(&self, _cx: &Cx, req: HelloReq) -> Result<HelloRsp, Status> {
        Ok(HelloRsp { text: format!("hello, {}", req.name) })
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let app =
        App::with(Config::builder().build()?).serve(GreeterServer::new(Hello)).start().await?;
    let cx = app.cx();
    let reply = GreeterClient::new(&cx).say(HelloReq { name: "world".into() }).await?;
    println!("{}", reply.text);
    app.shutdown().await;
    Ok(())
}
// ANCHOR_END: hello
