//! An INTERLEAVED service: one task polls all its calls, which access the shared state between their awaits.
//!
//! ```text
//! cargo run -p guildhall --example interleaved
//! ```
//!
//! Output:
//!
//!     the gate opens at 3
//!     everybody is in: 3

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

// ANCHOR: interleaved
use std::time::Duration;

use guildhall::{App, Config, Cx, Interleaved, Status};
use proto::models::{AddReq, Lobby, LobbyClient, LobbyServer, SumRsp};

struct Hall;

impl Lobby for Hall {
    type State = i64;

    async fn add(&self, cx: &Cx, sum: &Interleaved<i64>, req: AddReq) -> Result<SumRsp, Status> {
        // Other calls run while this one waits, but none runs inside `with`: no change is lost.
        cx.env().sleep(Duration::from_millis(req.wait_ms.into())).await;
        let sum = sum.with(|sum| {
            *sum += req.add;
            *sum
        });
        Ok(SumRsp { sum })
    }

    async fn reach(&self, cx: &Cx, sum: &Interleaved<i64>, req: AddReq) -> Result<SumRsp, Status> {
        loop {
            let now = sum.with(|sum| *sum);
            if now >= req.add {
                return Ok(SumRsp { sum: now });
            }
            cx.env().sleep(Duration::from_millis(1)).await;
        }
    }

    async fn note(&self, _cx: &Cx, sum: &Interleaved<i64>, req: AddReq) -> Result<(), Status> {
        sum.with(|sum| *sum += req.add);
        Ok(())
    }

    /// A panic fails its own call only; the state stays as the call left it.
    async fn panic(&self, _cx: &Cx, _sum: &Interleaved<i64>, _req: AddReq) -> Result<(), Status> {
        panic!("asked to")
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let service = LobbyServer::new(Hall, 0);
    let app = App::with(Config::builder().build()?).serve(service).start().await?;
    let cx = app.cx();
    let lobby = LobbyClient::new(&cx);
    let enter = || lobby.add(AddReq { add: 1, wait_ms: 20, ..AddReq::default() });
    // The first call waits for the others.
    let opens = lobby.reach(AddReq { add: 3, ..AddReq::default() });
    let (opens, _, _, _) = tokio::try_join!(opens, enter(), enter(), enter())?;
    println!("the gate opens at {}", opens.sum);
    println!("everybody is in: {}", lobby.add(AddReq::default()).await?.sum);
    app.shutdown().await;
    Ok(())
}
// ANCHOR_END: interleaved
