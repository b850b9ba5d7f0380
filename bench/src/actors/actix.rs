//! actix: one local task per actor; callers run where the actors do.

use actix::{Actor, Addr, Context, Handler, Message};
use anyhow::Result;

use super::contender::{CALLERS, Contender};

pub(super) struct Adder(u64);

impl Actor for Adder {
    type Context = Context<Self>;

    fn started(&mut self, cx: &mut Self::Context) {
        // Callers that find it full wait in a list, which costs more.
        cx.set_mailbox_capacity(CALLERS);
    }
}

#[derive(Clone, Copy)]
struct Call(u64);

impl Message for Call {
    type Result = u64;
}

impl Handler<Call> for Adder {
    type Result = u64;

    fn handle(&mut self, Call(value): Call, _cx: &mut Self::Context) -> u64 {
        value + self.0
    }
}

struct Tell(u64);

impl Message for Tell {
    type Result = ();
}

impl Handler<Tell> for Adder {
    type Result = ();

    fn handle(&mut self, Tell(value): Tell, _cx: &mut Self::Context) {
        self.0 += value;
    }
}

struct Stop;

impl Message for Stop {
    type Result = ();
}

impl Handler<Stop> for Adder {
    type Result = ();

    fn handle(&mut self, _stop: Stop, cx: &mut Self::Context) {
        actix::ActorContext::stop(cx);
    }
}

pub(super) struct Actix(Vec<Addr<Adder>>);

impl Contender for Actix {
    const NAME: &'static str = "actix";
    type Kept = Addr<Adder>;

    async fn start(actors: usize) -> Result<Self> {
        Ok(Self((0..actors).map(|_| Adder(0).start()).collect()))
    }

    async fn call(&self, actor: usize, value: u64) -> Result<u64> {
        Ok(self.0[actor].send(Call(value)).await?)
    }

    async fn tell(&self, actor: usize, value: u64) -> Result<()> {
        self.0[actor].do_send(Tell(value));
        Ok(())
    }

    async fn activate(&self, _number: usize) -> Result<Self::Kept> {
        let actor = Adder(0).start();
        actor.send(Call(7)).await?;
        Ok(actor)
    }

    fn end(&self, actor: Self::Kept) {
        actor.do_send(Stop);
    }

    fn spawn<F>(caller: F) -> tokio::task::JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        tokio::task::spawn_local(caller)
    }
}
