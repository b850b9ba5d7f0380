//! Leader election with a resident: an actor that is always active in exactly one app, also without calls. An actor type with one
//! resident elects a leader: `activate` runs when an app becomes the leader. Here the leading app of two stops.
//!
//! ```text
//! cargo run -p guildhall --example leader
//! ```
//!
//! Output:
//!
//!     dev.w1.app.1 leads, term 1
//!     dev.w1.app.2 leads, term 2

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

// ANCHOR: leader
use std::sync::Arc;
use std::time::Duration;

use guildhall::discovery::memory::MemoryDiscovery;
use guildhall::leases::memory::MemoryLeases;
use guildhall::store::memory::MemoryStore;
use guildhall::{Actor, ActorCx, App, Config, Env, RunningApp, Status};
use proto::counter::{
    AddReq, Counter, CounterClient, CounterRsp, CounterServer, CounterStateEntity, GetReq,
};

/// Counts the leader's terms in the store.
struct Leader {
    state: CounterStateEntity,
}

impl Actor for Leader {
    const NAME: &'static str = "leader";
    type Key = String;
    type State = CounterStateEntity;

    /// This app becomes the leader.
    async fn activate(cx: &ActorCx, _key: String, mut state: Self::State) -> Result<Self, Status> {
        *state.value_mut() += 1;
        state.set_note(cx.app_id().to_string());
        Ok(Self { state })
    }

    fn state(&mut self) -> &mut Self::State {
        &mut self.state
    }
}
// ANCHOR_END: leader

impl Counter for Leader {
    async fn add(&mut self, _cx: &ActorCx, _req: AddReq) -> Result<CounterRsp, Status> {
        Ok(CounterRsp { value: self.state.value, note: self.state.note.clone() })
    }

    async fn get(&mut self, _cx: &ActorCx, _req: GetReq) -> Result<CounterRsp, Status> {
        Ok(CounterRsp { value: self.state.value, note: self.state.note.clone() })
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let discovery = Arc::new(MemoryDiscovery::new(Env::real()));
    // Separate processes would share these through a hub, for example.
    let (store, leases) = (Arc::new(MemoryStore::new()), Arc::new(MemoryLeases::new(Env::real())));
    let start = async |id: &str| {
        let config = Config::builder()
            .set("app.id", id)
            .set("link.listen", "127.0.0.1:0")
            .set("actor.leader.resident", 1);
        let app = App::with(config.build()?).discovery(discovery.clone()).store(store.clone());
        app.leases(leases.clone()).actor::<Leader>(CounterServer).start().await
    };
    let mut apps = vec![start("dev.w1.app.1").await?];
    wait_for_leader(&apps).await?;
    apps.push(start("dev.w1.app.2").await?);
    apps.remove(0).shutdown().await;
    wait_for_leader(&apps).await?;
    for app in apps {
        app.shutdown().await;
    }
    Ok(())
}

/// Says which app leads.
async fn wait_for_leader(apps: &[RunningApp]) -> Result<(), Status> {
    let leads = |app: &RunningApp| app.cx().actors::<Leader>().count() > 0;
    loop {
        if let Some(place) = apps.iter().position(leads) {
            let cx = apps[place].cx();
            let leader = CounterClient::new(&cx).get(GetReq { id: "1".into() }).await?;
            println!("{} leads, term {}", leader.note, leader.value);
            return Ok(());
        }
        apps[0].cx().env().sleep(Duration::from_millis(5)).await;
    }
}
