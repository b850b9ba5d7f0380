//! What an actor costs at least: a task, a bounded channel, and a oneshot per call.

use anyhow::Result;
use tokio::sync::{mpsc, oneshot};

use super::contender::{CALLERS, Contender};

pub(super) enum Letter {
    Call(u64, oneshot::Sender<u64>),
    Tell(u64),
}

pub(super) struct Channel(Vec<mpsc::Sender<Letter>>);

fn spawn() -> mpsc::Sender<Letter> {
    let (sender, mut letters) = mpsc::channel(CALLERS);
    tokio::spawn(async move {
        let mut told = 0;
        while let Some(letter) = letters.recv().await {
            match letter {
                Letter::Call(value, reply) => {
                    let _caller_gone = reply.send(value + told);
                }
                Letter::Tell(value) => told += value,
            }
        }
    });
    sender
}

async fn call(actor: &mpsc::Sender<Letter>, value: u64) -> Result<u64> {
    let (sender, reply) = oneshot::channel();
    actor.send(Letter::Call(value, sender)).await?;
    Ok(reply.await?)
}

impl Contender for Channel {
    const NAME: &'static str = "channel";
    type Kept = mpsc::Sender<Letter>;

    async fn start(actors: usize) -> Result<Self> {
        Ok(Self((0..actors).map(|_| spawn()).collect()))
    }

    async fn call(&self, actor: usize, value: u64) -> Result<u64> {
        call(&self.0[actor], value).await
    }

    async fn tell(&self, actor: usize, value: u64) -> Result<()> {
        Ok(self.0[actor].send(Letter::Tell(value)).await?)
    }

    async fn activate(&self, _number: usize) -> Result<Self::Kept> {
        let actor = spawn();
        call(&actor, 7).await?;
        Ok(actor)
    }

    fn end(&self, actor: Self::Kept) {
        drop(actor);
    }
}
