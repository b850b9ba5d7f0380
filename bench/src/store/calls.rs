//! How long a durable call takes.

use std::time::Instant;

use anyhow::Result;
use guildhall::{Actor, ActorCx, App, Config, Status};

use super::places::Place;

mod saved {
    guildhall::include_proto!("saved");
}
use saved::{SaveReq, SaveRsp, Saved, SavedClient, SavedServer, SavedStateEntity};

/// Calls that are measured, one after the other.
const CALLS: usize = 1_000;

/// Calls before them.
const WARM_UP: usize = 100;

struct Keeper {
    state: SavedStateEntity,
}

impl Actor for Keeper {
    const NAME: &'static str = "keeper";
    type Key = String;
    type State = SavedStateEntity;

    async fn activate(_: &ActorCx, _: String, state: SavedStateEntity) -> Result<Self, Status> {
        Ok(Self { state })
    }

    fn state(&mut self) -> &mut SavedStateEntity {
        &mut self.state
    }
}

impl Saved for Keeper {
    async fn save(&mut self, _: &ActorCx, req: SaveReq) -> Result<SaveRsp, Status> {
        *self.state.value_mut() += req.value;
        Ok(SaveRsp { value: self.state.value })
    }
}

/// Seconds.
pub(crate) struct Times {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

/// The times of durable calls by one caller to one actor.
pub(crate) async fn durable(place: &Place) -> Result<Times> {
    let config = Config::builder().set("app.id", "bench.w1.calls.1");
    let config = config.set("app.store", &*place.url).set("log.level", "error").build()?;
    let app = guildhall_backends::all().into_iter().fold(App::with(config), App::plugin);
    let app = Box::pin(app.actor::<Keeper>(SavedServer).start()).await?;
    let cx = app.cx();
    let mut times = Vec::new();
    for call in 0..WARM_UP + CALLS {
        let begun = Instant::now();
        SavedClient::new(&cx).save(SaveReq { name: "hero".to_owned(), value: 1 }).await?;
        if call >= WARM_UP {
            times.push(begun.elapsed().as_secs_f64());
        }
    }
    app.shutdown().await;
    times.sort_by(f64::total_cmp);
    Ok(Times { p50: times[CALLS / 2], p99: times[CALLS * 99 / 100] })
}
