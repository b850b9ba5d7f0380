//! Ours: an app that calls its own actors by their keys.

use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Result;
use guildhall::{Actor, ActorCx, App, Config, Cx, RunningApp, Status};

mod keyed {
    guildhall::include_proto!("keyed");
}
use keyed::{Keyed, KeyedClient, KeyedMsg, KeyedServer};

use super::contender::{CALLERS, Contender, TELLS};

struct Adder {
    told: u64,
}

impl Actor for Adder {
    const NAME: &'static str = "adder";
    type Key = u64;
    type State = ();

    async fn activate(_cx: &ActorCx, _key: u64, (): ()) -> Result<Self, Status> {
        Ok(Self { told: 0 })
    }
}

impl Keyed for Adder {
    async fn say(&mut self, _cx: &ActorCx, req: KeyedMsg) -> Result<KeyedMsg, Status> {
        Ok(KeyedMsg { id: req.id, value: req.value + self.told })
    }

    async fn note(&mut self, _cx: &ActorCx, req: KeyedMsg) -> Result<(), Status> {
        self.told += req.value;
        Ok(())
    }
}

/// An app with actors.
pub(crate) struct Guildhall {
    /// Runs as long as this.
    _app: RunningApp,
    cx: Cx,
    /// Actors that calls of [`Guildhall::call_fresh`] have used.
    fresh: AtomicUsize,
}

pub(crate) async fn start(actors: usize) -> Result<Guildhall> {
    let config = Config::builder().set("app.id", "bench.w1.actor.1");
    // Room for all that is measured, and for what ends meanwhile.
    let config = config.set("actor.adder.mailbox", i64::try_from(CALLERS * (TELLS + 1))?);
    let config = config.set("actor.adder.actors_max", 1_000_000).build()?;
    let app = App::with(config).actor::<Adder>(KeyedServer).start().await?;
    let ours = Guildhall { cx: app.cx(), _app: app, fresh: AtomicUsize::new(actors) };
    for actor in 0..actors {
        ours.call(actor, 0).await?;
    }
    Ok(ours)
}

impl Guildhall {
    /// A call to one actor.
    pub(crate) fn call_one(&self) -> impl Future<Output = Result<()>> + Send + use<> {
        self.call_id(7)
    }

    /// A call to an actor that is not there.
    pub(crate) fn call_fresh(&self) -> impl Future<Output = Result<()>> + Send + use<> {
        self.call_id(key(self.fresh.fetch_add(1, Ordering::Relaxed)))
    }

    fn call_id(&self, id: u64) -> impl Future<Output = Result<()>> + Send + use<> {
        let cx = self.cx.clone();
        async move {
            let reply = KeyedClient::new(&cx).say(KeyedMsg { id, value: 7 }).await?;
            anyhow::ensure!(reply.value == 7, "a wrong reply");
            Ok(())
        }
    }
}

/// Keys begin at 1.
fn key(actor: usize) -> u64 {
    actor as u64 + 1
}

impl Contender for Guildhall {
    const NAME: &'static str = "guildhall";
    type Kept = u64;

    async fn start(actors: usize) -> Result<Self> {
        start(actors).await
    }

    async fn call(&self, actor: usize, value: u64) -> Result<u64> {
        let reply = KeyedClient::new(&self.cx).say(KeyedMsg { id: key(actor), value }).await?;
        Ok(reply.value)
    }

    async fn tell(&self, actor: usize, value: u64) -> Result<()> {
        KeyedClient::new(&self.cx).note(KeyedMsg { id: key(actor), value }).await?;
        Ok(())
    }

    async fn activate(&self, number: usize) -> Result<u64> {
        self.call(number, 7).await?;
        Ok(key(number))
    }

    fn end(&self, actor: u64) {
        self.cx.actors::<Adder>().close(&actor);
    }
}
