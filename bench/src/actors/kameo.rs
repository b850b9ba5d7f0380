//! kameo: one task per actor, with the mailbox that has no bound.

use anyhow::{Result, anyhow};
use kameo::actor::{Actor, ActorRef, Spawn as _};
use kameo::error::Infallible;
use kameo::mailbox;
use kameo::message::{Context, Message};

use super::contender::Contender;

pub(super) struct Adder(u64);

impl Actor for Adder {
    type Args = Self;
    type Error = Infallible;

    async fn on_start(adder: Self, _me: ActorRef<Self>) -> Result<Self, Infallible> {
        Ok(adder)
    }
}

struct Call(u64);

impl Message<Call> for Adder {
    type Reply = u64;

    async fn handle(&mut self, Call(value): Call, _cx: &mut Context<Self, u64>) -> u64 {
        value + self.0
    }
}

struct Tell(u64);

impl Message<Tell> for Adder {
    type Reply = ();

    async fn handle(&mut self, Tell(value): Tell, _cx: &mut Context<Self, ()>) {
        self.0 += value;
    }
}

pub(super) struct Kameo(Vec<ActorRef<Adder>>);

fn spawn() -> ActorRef<Adder> {
    Adder::spawn_with_mailbox(Adder(0), mailbox::unbounded())
}

impl Contender for Kameo {
    const NAME: &'static str = "kameo";
    type Kept = ActorRef<Adder>;

    async fn start(actors: usize) -> Result<Self> {
        Ok(Self((0..actors).map(|_| spawn()).collect()))
    }

    async fn call(&self, actor: usize, value: u64) -> Result<u64> {
        self.0[actor].ask(Call(value)).send().await.map_err(|error| anyhow!("{error}"))
    }

    async fn tell(&self, actor: usize, value: u64) -> Result<()> {
        self.0[actor].tell(Tell(value)).try_send().map_err(|error| anyhow!("{error}"))
    }

    async fn activate(&self, _number: usize) -> Result<Self::Kept> {
        let actor = spawn();
        actor.ask(Call(7)).send().await.map_err(|error| anyhow!("{error}"))?;
        Ok(actor)
    }

    fn end(&self, actor: Self::Kept) {
        actor.kill();
    }
}
