//! A SERIAL service: one call at a time on `&mut self`, awaits included. The others wait in a bounded queue.
//!
//! ```text
//! cargo run -p guildhall --example serial
//! ```
//!
//! Output:
//!
//!     1, 3, 6
//!     no room: ResourceExhausted

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

// ANCHOR: serial
use std::time::Duration;

use guildhall::{App, Config, Cx, Status};
use proto::models::{AddReq, Ledger, LedgerClient, LedgerServer, SumRsp};

struct Sum(i64);

impl Ledger for Sum {
    async fn add(&mut self, cx: &Cx, req: AddReq) -> Result<SumRsp, Status> {
        let before = self.0;
        // No other call runs during this await.
        cx.env().sleep(Duration::from_millis(req.wait_ms.into())).await;
        self.0 = before + req.add;
        Ok(SumRsp { sum: self.0 })
    }

    async fn note(&mut self, _cx: &Cx, req: AddReq) -> Result<(), Status> {
        self.0 += req.add;
        Ok(())
    }

    /// A panic fails its own call; the state stays as the call left it.
    async fn panic(&mut self, _cx: &Cx, _req: AddReq) -> Result<(), Status> {
        panic!("asked to")
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let config = Config::builder().set("service.models.Ledger.queue", 3).build()?;
    let app = App::with(config).serve(LedgerServer::new(Sum(0))).start().await?;
    let cx = app.cx();
    let ledger = LedgerClient::new(&cx);
    let add = |add| ledger.add(AddReq { add, wait_ms: 20, ..AddReq::default() });
    // All arrive at once: three may wait in the queue, a fourth is refused.
    let (one, two, three, four) = tokio::join!(add(1), add(2), add(3), add(4));
    println!("{}, {}, {}", one?.sum, two?.sum, three?.sum);
    if let Err(status) = four {
        println!("no room: {:?}", status.code());
    }
    app.shutdown().await;
    Ok(())
}
// ANCHOR_END: serial
