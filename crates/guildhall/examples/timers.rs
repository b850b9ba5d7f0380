//! Actor timers: a message that an actor sends to itself later runs as a call in a turn of its own.
//!
//! ```text
//! cargo run -p guildhall --example timers
//! ```
//!
//! Output:
//!
//!     water boils
//!     tea is ready
//!     tea is cold

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

// ANCHOR: timers
use std::time::Duration;

use guildhall::{Actor, ActorCx, App, Config, Status, Timer};
use proto::alarm::{
    Alarm, AlarmClient, AlarmServer, OwnerReq, RingReq, RungRsp, SetReq, SetRsp, StopReq,
};

/// An alarm clock.
struct Clock {
    timers: Vec<Timer>,
    rung: Vec<String>,
}

impl Actor for Clock {
    const NAME: &'static str = "clock";
    type Key = String;
    type State = ();

    async fn activate(_cx: &ActorCx, _owner: String, _state: ()) -> Result<Self, Status> {
        Ok(Self { timers: Vec::new(), rung: Vec::new() })
    }
}

impl Alarm for Clock {
    async fn set(&mut self, cx: &ActorCx, req: SetReq) -> Result<SetRsp, Status> {
        let (delay, ring) = (Duration::from_millis(req.ms.into()), AlarmClient::RING);
        let message = RingReq { text: req.text, ..RingReq::default() };
        // One more than `actor.clock.timers` is an error.
        self.timers.push(match req.repeat {
            true => cx.every(delay, ring, message)?,
            false => cx.after(delay, ring, message)?,
        });
        Ok(SetRsp { number: u32::try_from(self.timers.len() - 1).unwrap_or(u32::MAX) })
    }

    async fn stop(&mut self, _cx: &ActorCx, req: StopReq) -> Result<(), Status> {
        // A cancelled timer does not fire, even if its message is already in the mailbox.
        self.timers.get(req.number as usize).inspect(|timer| timer.cancel());
        Ok(())
    }

    /// Runs in a turn like any call, in order with the calls that wait.
    async fn ring(&mut self, _cx: &ActorCx, req: RingReq) -> Result<(), Status> {
        println!("{}", req.text);
        self.rung.push(req.text);
        Ok(())
    }

    async fn rung(&mut self, _cx: &ActorCx, _req: OwnerReq) -> Result<RungRsp, Status> {
        Ok(RungRsp { texts: self.rung.clone() })
    }
}
// ANCHOR_END: timers

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let app = App::with(Config::builder().build()?);
    let app = app.actor::<Clock>(AlarmServer).start().await?;
    let cx = app.cx();
    let clock = AlarmClient::new(&cx);
    let owner = || "ann".to_owned();
    let set =
        |ms, text: &str| clock.set(SetReq { owner: owner(), ms, text: text.into(), repeat: false });
    set(100, "tea is ready").await?;
    set(10, "water boils").await?;
    let cake = set(400, "cake is ready").await?;
    set(500, "tea is cold").await?;
    // There will be no cake.
    clock.stop(StopReq { owner: owner(), number: cake.number }).await?;
    while clock.rung(OwnerReq { owner: owner() }).await?.texts.len() < 3 {
        cx.env().sleep(Duration::from_millis(5)).await;
    }
    app.shutdown().await;
    Ok(())
}
