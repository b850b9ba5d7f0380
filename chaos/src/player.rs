//! A player: asks for one thing after the other, sometimes for several at once, and writes down what came of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use demo::proto::ledger::{AppendReq, LedgerClient, ReadReq};
use demo::proto::role::{RegisterReq, RoleClient, RoleError};
use demo::proto::wallet::{TransferReq, WalletClient};
use futures_util::future::join_all;
use guildhall::{Effect, Env, Method, Status};
use prost::Message;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tokio::time::{Instant, sleep};

use crate::history::{Asked, At, History, Outcome, Record};
use crate::line::Line;

/// What all players share.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) env: Env,
    pub(crate) begun: Instant,
    /// Their ids.
    pub(crate) players: Vec<String>,
    /// Between what a player asks for and what it asks for next, in ms: half of it to all of it.
    pub(crate) pause_ms: u64,
    /// Nobody asks for anything new.
    pub(crate) over: AtomicBool,
}

/// One player.
pub(crate) struct Player {
    world: Arc<World>,
    number: usize,
    line: Line,
    rng: StdRng,
    /// The last operation.
    op: u64,
    history: History,
}

/// How long something is asked for again and again that did not run.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two of these times, in ms: half of it to all of it.
const AGAIN_MS: u64 = 200;
/// The first reason that is a game's own.
const GAME: u32 = 1000;
/// How long a player tries to come into the game.
const ENTER_MAX: Duration = Duration::from_secs(30);

impl Player {
    pub(crate) fn new(world: &Arc<World>, number: usize, seed: u64, line: Line) -> Self {
        let player = world.players[number].clone();
        Self {
            world: Arc::clone(world),
            number,
            line,
            rng: StdRng::seed_from_u64(seed ^ (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)),
            op: 0,
            history: History { player, ..History::default() },
        }
    }

    /// Makes the role.
    pub(crate) async fn enter(&self) -> Result<(), Status> {
        let end = Instant::now() + ENTER_MAX;
        loop {
            let name = format!("chaos {}", self.number);
            let req = RegisterReq { name, ..RegisterReq::default() };
            match self.line.call(RoleClient::REGISTER, req).await {
                Ok(_) => return Ok(()),
                Err(status) if status.is(RoleError::Registered) => return Ok(()),
                Err(status) if Instant::now() > end => return Err(status),
                Err(_) => again(&self.world.env).await,
            }
        }
    }

    /// Plays until it is over.
    pub(crate) async fn play(mut self) -> Self {
        loop {
            let pause = self.world.pause_ms;
            sleep(Duration::from_millis(self.rng.random_range(pause / 2..=pause))).await;
            if self.world.over.load(Ordering::Relaxed) {
                return self;
            }
            let wishes = match self.rng.random_range(0..100) {
                0..55 => vec![self.append()],
                55..62 => vec![self.append(), self.append(), self.append()],
                62..80 => vec![self.transfer()],
                _ => vec![Wish::Read],
            };
            self.fulfil(wishes).await;
        }
    }

    /// Calls a method that players do not call otherwise, until it ran or may have.
    pub(crate) async fn call<Req: Message + Clone, Rsp: Message + Default>(
        &self,
        method: Method<Req, Rsp>,
        req: Req,
    ) -> Result<Rsp, Status> {
        let end = Instant::now() + PATIENCE;
        loop {
            match self.line.call(method, req.clone()).await {
                Err(status) if status.effect() == Effect::NotRun && Instant::now() < end => {
                    again(&self.world.env).await;
                }
                told => return told,
            }
        }
    }

    /// Sees its ledger once more. Whether it was told.
    pub(crate) async fn look(&mut self) -> bool {
        self.fulfil(vec![Wish::Read]).await;
        self.history.records.last().is_some_and(|last| last.outcome.is_acked())
    }

    pub(crate) fn history(self) -> History {
        self.history
    }

    fn append(&mut self) -> Wish {
        self.op += 1;
        Wish::Append(self.op)
    }

    fn transfer(&mut self) -> Wish {
        let others = self.world.players.len();
        let other = (self.number + self.rng.random_range(1..others.max(2))) % others;
        let to = self.world.players[other].clone();
        Wish::Transfer(TransferReq {
            to,
            amount: self.rng.random_range(1..50),
            ..TransferReq::default()
        })
    }

    /// Asks for all of it at once.
    async fn fulfil(&mut self, wishes: Vec<Wish>) {
        let (line, world) = (&self.line, &*self.world);
        let mut done = join_all(wishes.into_iter().map(|wish| wish.fulfil(line, world))).await;
        done.sort_by_key(|done| done.ended);
        for Done { asked, begun, ended, told, repeats } in done {
            self.history.repeats += repeats;
            let by = told.as_ref().ok().and_then(Told::by);
            let outcome = match told {
                Ok(Told::Place(place, _)) => Outcome::Appended(place),
                Ok(Told::Number(number)) => Outcome::Paid(number),
                Ok(Told::List(list, _)) => self.history.listed(list),
                Err(status) => match status.effect() {
                    // The game's own reasons; the framework's are failures.
                    Effect::Ran if status.reason().number() >= GAME => Outcome::Refused,
                    Effect::NotRun => Outcome::NotRun,
                    _ => Outcome::Unknown(status.to_string()),
                },
            };
            self.history.records.push(Record { asked, begun, ended, outcome, by });
        }
    }
}

/// Something to be asked for.
enum Wish {
    Append(u64),
    Transfer(TransferReq),
    Read,
}

struct Done {
    asked: Asked,
    begun: At,
    ended: At,
    told: Result<Told, Status>,
    repeats: u64,
}

/// The answer, and the process that gave it.
enum Told {
    Place(u64, u64),
    Number(u64),
    List(Vec<u64>, u64),
}

impl Told {
    fn by(&self) -> Option<u64> {
        match self {
            Self::Place(_, by) | Self::List(_, by) => Some(*by),
            Self::Number(_) => None,
        }
    }
}

impl Wish {
    /// Asks until it ran, or may have.
    async fn fulfil(self, line: &Line, world: &World) -> Done {
        let (begun, mut repeats) = (world.begun.elapsed(), 0);
        let told = loop {
            match self.ask(line).await {
                Err(status) if status.effect() == Effect::NotRun => {
                    if world.begun.elapsed() > begun + PATIENCE {
                        break Err(status);
                    }
                    repeats += 1;
                    again(&world.env).await;
                }
                told => break told,
            }
        };
        let asked = match self {
            Self::Append(op) => Asked::Append(op),
            Self::Transfer(_) => Asked::Transfer,
            Self::Read => Asked::Read,
        };
        Done { asked, begun, ended: world.begun.elapsed(), told, repeats }
    }

    async fn ask(&self, line: &Line) -> Result<Told, Status> {
        match self {
            Self::Append(op) => {
                let req = AppendReq { op: *op, ..AppendReq::default() };
                let told = line.call(LedgerClient::APPEND, req).await?;
                Ok(Told::Place(told.place, told.process))
            }
            Self::Transfer(req) => {
                Ok(Told::Number(line.call(WalletClient::TRANSFER, req.clone()).await?.number))
            }
            Self::Read => {
                let told = line.call(LedgerClient::READ, ReadReq::default()).await?;
                Ok(Told::List(told.ops, told.process))
            }
        }
    }
}

async fn again(env: &Env) {
    let ms = AGAIN_MS / 2 + env.random_below(AGAIN_MS / 2);
    sleep(Duration::from_millis(ms)).await;
}
