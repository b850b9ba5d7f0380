//! Rate limit and circuit breaker: calls over the limit are refused before the handler, and a failing method is not called for a while.
//!
//! ```text
//! cargo run -p guildhall --example limits
//! ```
//!
//! Output:
//!
//!     hello, alice
//!     hello, bob
//!     carol: ResourceExhausted, NotRun
//!     dave: Internal, Ran
//!     erin: Unavailable, NotRun
//!     hello, frank

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

// ANCHOR: limits
use std::time::Duration;

use guildhall::{App, Config, Cx, Status};
use proto::hello::{Greeter, GreeterClient, GreeterServer, HelloReq, HelloRsp};

/// The same in `guildhall.toml`:
///
/// ```toml
/// [[limits."hello.Greeter/Say".rates]]
/// calls = 2
/// per_ms = 500
///
/// [[limits."hello.Greeter/Say".breakers]]
/// on = "error_count"
/// threshold = 1
/// calls_min = 1
/// open_ms = 500
/// ```
const LIMITS: [&str; 2] = [
    "limits.hello.Greeter/Say.rates=[{ calls = 2, per_ms = 500 }]",
    "limits.hello.Greeter/Say.breakers=[{ on = 'error_count', threshold = 1, calls_min = 1, open_ms = 500 }]",
];

struct Hello;

impl Greeter for Hello {
    async fn say(&self, _cx: &Cx, req: HelloReq) -> Result<HelloRsp, Status> {
        match req.name.as_str() {
            "dave" => Err(Status::new(guildhall::Code::Internal, "who is dave?")),
            name => Ok(HelloRsp { text: format!("hello, {name}") }),
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let config = LIMITS.iter().fold(Config::builder(), |config, limit| config.flag(limit));
    let app = App::with(config.build()?).serve(GreeterServer::new(Hello)).start().await?;
    let cx = app.cx();
    for names in [&["alice", "bob", "carol"][..], &["dave", "erin"], &["frank"]] {
        for name in names {
            match GreeterClient::new(&cx).say(HelloReq { name: (*name).into() }).await {
                Ok(reply) => println!("{}", reply.text),
                Err(status) => println!("{name}: {:?}, {:?}", status.code(), status.effect()),
            }
        }
        cx.env().sleep(Duration::from_millis(600)).await;
    }
    app.shutdown().await;
    Ok(())
}
// ANCHOR_END: limits
