//! ractor: one task and several channels per actor; calls without a time limit.

use anyhow::{Context as _, Result, anyhow};
use ractor::rpc::CallResult;
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};

use super::contender::Contender;

struct Adder;

pub(super) enum Letter {
    Call(u64, RpcReplyPort<u64>),
    Tell(u64),
}

impl Actor for Adder {
    type Msg = Letter;
    type State = u64;
    type Arguments = ();

    async fn pre_start(&self, _me: ActorRef<Letter>, (): ()) -> Result<u64, ActorProcessingErr> {
        Ok(0)
    }

    async fn handle(
        &self,
        _me: ActorRef<Letter>,
        letter: Letter,
        told: &mut u64,
    ) -> Result<(), ActorProcessingErr> {
        match letter {
            Letter::Call(value, reply) => reply.send(value + *told)?,
            Letter::Tell(value) => *told += value,
        }
        Ok(())
    }
}

pub(super) struct Ractor(Vec<ActorRef<Letter>>);

async fn spawn() -> Result<ActorRef<Letter>> {
    let spawned = Actor::spawn(None, Adder, ()).await;
    Ok(spawned.map_err(|error| anyhow!("{error}"))?.0)
}

async fn call(actor: &ActorRef<Letter>, value: u64) -> Result<u64> {
    let called = actor.call(|reply| Letter::Call(value, reply), None).await;
    match called.map_err(|error| anyhow!("{error}"))? {
        CallResult::Success(reply) => Some(reply),
        _ => None,
    }
    .context("no reply")
}

impl Contender for Ractor {
    const NAME: &'static str = "ractor";
    type Kept = ActorRef<Letter>;

    async fn start(actors: usize) -> Result<Self> {
        let mut all = Vec::new();
        for _ in 0..actors {
            all.push(spawn().await?);
        }
        Ok(Self(all))
    }

    async fn call(&self, actor: usize, value: u64) -> Result<u64> {
        call(&self.0[actor], value).await
    }

    async fn tell(&self, actor: usize, value: u64) -> Result<()> {
        self.0[actor].cast(Letter::Tell(value)).map_err(|error| anyhow!("{error}"))
    }

    async fn activate(&self, _number: usize) -> Result<Self::Kept> {
        let actor = spawn().await?;
        call(&actor, 7).await?;
        Ok(actor)
    }

    fn end(&self, actor: Self::Kept) {
        actor.stop(None);
    }
}
