//! An actor: a counter per key whose state survives a restart.
//!
//! ```text
//! cargo run -p guildhall --example actor
//! ```
//!
//! Output:
//!
//!     before: NotFound
//!     added: 2
//!     added: 42
//!     after a restart: 42 (the answer)

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

// ANCHOR: actor
use std::path::Path;

use guildhall::{Actor, ActorCx, App, Config, RunningApp, Status};
use guildhall_redb::Redb;
use proto::counter::{
    AddReq, Counter, CounterClient, CounterRsp, CounterServer, CounterStateEntity, GetReq,
};

struct Tally {
    state: CounterStateEntity,
}

impl Actor for Tally {
    const NAME: &'static str = "counter";
    type Key = String;
    type State = CounterStateEntity;

    async fn activate(
        _cx: &ActorCx,
        _id: String,
        state: CounterStateEntity,
    ) -> Result<Self, Status> {
        Ok(Self { state })
    }

    fn state(&mut self) -> &mut CounterStateEntity {
        &mut self.state
    }
}

impl Counter for Tally {
    async fn add(&mut self, _cx: &ActorCx, req: AddReq) -> Result<CounterRsp, Status> {
        // Changed fields are saved within `save_ms`, and before the actor leaves memory.
        *self.state.value_mut() += req.add;
        if !req.note.is_empty() {
            self.state.set_note(req.note);
        }
        Ok(CounterRsp { value: self.state.value, note: self.state.note.clone() })
    }

    async fn get(&mut self, _cx: &ActorCx, _req: GetReq) -> Result<CounterRsp, Status> {
        Ok(CounterRsp { value: self.state.value, note: self.state.note.clone() })
    }
}
// ANCHOR_END: actor

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let first = start(folder.path()).await?;
    let cx = first.cx();
    let counters = CounterClient::new(&cx);
    let get = || GetReq { id: "x".into() };
    // `Get` may not create: a counter that was never added to is NotFound, and stays so.
    if let Err(status) = counters.get(get()).await {
        println!("before: {:?}", status.code());
    }
    for (add, note) in [(2, ""), (40, "the answer")] {
        let req = AddReq { id: "x".into(), add, note: note.into() };
        println!("added: {}", counters.add(req).await?.value);
    }
    first.shutdown().await;

    let second = start(folder.path()).await?;
    let counter = CounterClient::new(&second.cx()).get(get()).await?;
    println!("after a restart: {} ({})", counter.value, counter.note);
    second.shutdown().await;
    Ok(())
}

async fn start(folder: &Path) -> guildhall::Result<RunningApp> {
    let store = format!("redb:{}", folder.display());
    let config = Config::builder().set("app.store", store).build()?;
    let app = App::with(config).plugin(Redb);
    app.actor::<Tally>(CounterServer).start().await
}
