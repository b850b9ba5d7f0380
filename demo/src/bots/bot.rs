//! One player: connects, calls, hears others, and comes back when its connection is lost.

use std::sync::Arc;
use std::time::Duration;

use guildhall::env::Instant;
use guildhall::status::reason;
use guildhall::{Code, Effect, Method, Reason, Status};
use guildhall_client::{Client, Event, Events, Options};
use prost::Message;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::logins::{self, Login};
use super::model::{Club, Model};
use super::pushes::Players;
use super::score::Score;
use super::world::World;
use crate::proto::role::{Channel, LoginReq, RegisterReq, RoleClient, RoleEvents, RoleState};

/// A player that is connected.
pub(super) struct Bot {
    pub(super) world: Arc<World>,
    pub(super) players: Arc<Players>,
    pub(super) number: u32,
    pub(super) client: Client,
    events: Events,
    pub(super) rng: StdRng,
    pub(super) model: Model,
    pub(super) club: Club,
    pub(super) score: Score,
    /// Names taken and texts said, so that each is another one.
    pub(super) count: u64,
}

/// The connection is gone.
#[derive(Debug)]
pub(super) struct Lost {
    at: Instant,
    pub(super) why: String,
}

/// Pause before the next attempt to come back.
const AGAIN: Duration = Duration::from_millis(200);
/// How long a bot tries to come back.
const COME_BACK_MAX: Duration = Duration::from_secs(60);
/// How long a bot waits for a gate to know the game.
const READY_MAX: Duration = Duration::from_secs(10);

impl Bot {
    /// Connects, and makes the role if there is none.
    pub(super) async fn connect(
        world: &Arc<World>,
        players: &Arc<Players>,
        number: u32,
        login: Login,
    ) -> Result<Self, String> {
        let (client, events, role) = enter(world, number, login).await?;
        Ok(Self {
            model: Model::new(&role),
            rng: StdRng::seed_from_u64(world.seed ^ u64::from(number)),
            world: Arc::clone(world),
            players: Arc::clone(players),
            number,
            client,
            events,
            // Its account may have been played before.
            club: Club::Unsure,
            score: Score::default(),
            count: 0,
        })
    }

    /// Hears what it was sent before everybody stopped.
    pub(super) async fn hear_out(&mut self, end: Instant) {
        let player = self.client.player();
        while self.world.board.missing(&player) > 0 && self.world.env.now() < end {
            let next = (self.world.env.now() + AGAIN).min(end);
            if let Err(lost) = self.listen(next).await {
                self.score.wrong(format!("bot {} lost its connection: {}", self.number, lost.why));
                return;
            }
        }
    }

    /// Whether the failure of a call means that the connection is gone, or what was behind it.
    pub(super) fn lost(&self, status: &Status) -> Option<Lost> {
        use reason::{CANCELLED, GOING_AWAY, KICKED, LOST, NO_ROUTE};
        let is_lost = matches!(status.reason(), CANCELLED | GOING_AWAY | KICKED | LOST | NO_ROUTE);
        let at = self.world.env.now();
        (is_lost && status.effect() != Effect::Ran).then(|| Lost { at, why: status.to_string() })
    }

    /// Hears what others say until `next`.
    pub(super) async fn listen(&mut self, next: Instant) -> Result<(), Lost> {
        let env = self.world.env.clone();
        while let Some(event) = env.until(next, self.events.next()).await {
            let why = match event {
                Some(Event::Push(push)) => {
                    self.hear(&push);
                    continue;
                }
                Some(Event::Missed(count)) => {
                    self.score.wrong(format!("bot {} missed {count} pushes", self.number));
                    continue;
                }
                Some(Event::Back { .. }) => continue,
                Some(Event::Reset) => "the session was lost".into(),
                Some(Event::Lost(lost)) => lost.to_string(),
                Some(Event::Kicked(kick)) => {
                    format!("kicked, reason {}: {}", Reason::new(kick.reason), kick.message)
                }
                Some(Event::GaveUp(error)) => error.to_string(),
                None => "the client ended".into(),
            };
            return Err(Lost { at: env.now(), why });
        }
        Ok(())
    }

    fn hear(&mut self, push: &guildhall_client::Push) {
        self.score.pushes += 1;
        let heard = match push.decode(RoleEvents::CHANNEL) {
            Ok(Some(msg)) => {
                let player = self.client.player();
                if msg.channel() == Channel::Club {
                    self.world.board.heard(&player, &msg.text);
                }
                self.players.check(&player, &msg)
            }
            Ok(None) => Err(format!("a push of method {:#010x} is unknown", push.method)),
            Err(status) => Err(status.to_string()),
        };
        if let Err(why) = heard {
            self.score.wrong(why);
        }
    }

    /// Logs in again, and checks what the server remembers.
    pub(super) async fn come_back(&mut self, lost: &Lost, end: Instant) -> Result<(), String> {
        if !self.world.args.reconnect {
            return Err("and may not (--reconnect)".into());
        }
        let world = Arc::clone(&self.world);
        let (env, player) = (&world.env, self.client.player());
        world.board.lost(&player);
        let (client, events, role) = loop {
            let tried = async {
                let login = logins::again(&world, self.number).await?;
                enter(&world, self.number, login).await
            };
            match tried.await {
                Ok(back) => break back,
                Err(why) if env.now() > lost.at + COME_BACK_MAX => return Err(why),
                Err(_) => env.sleep(AGAIN).await,
            }
        };
        self.client = client;
        self.events = events;
        let now = env.now();
        world.board.back(&player, now);
        self.score.lost += now.min(end).saturating_duration_since(lost.at);
        if let Err(why) = self.model.check(&role) {
            self.score.wrong(format!("bot {} came back: {why}", self.number));
        }
        Ok(())
    }
}

/// Connects and asks for the role; makes it if there is none.
async fn enter(
    world: &World,
    number: u32,
    login: Login,
) -> Result<(Client, Events, RoleState), String> {
    let env = &world.env;
    let gate = usize::try_from(number).unwrap_or_default() % world.gates.len();
    let options = Options { client: "demo-bots".into(), attempts_max: 0, ..Options::default() };
    let connected = Client::connect(env, &world.gates[gate], login.token, options).await;
    let (client, events) = connected.map_err(|e| format!("{}: {e}", world.gates[gate]))?;
    if client.player() != login.player {
        return Err(format!("the gate says {}, the login {}", client.player(), login.player));
    }
    let ready = env.now() + READY_MAX;
    let role = loop {
        match client.call(RoleClient::LOGIN, LoginReq::default()).await {
            Ok(rsp) => break rsp.role,
            Err(status) if status.reason() == reason::NOT_READY && env.now() < ready => {
                env.sleep(AGAIN).await;
            }
            Err(status) if status.reason() == reason::NO_SUCH_ENTITY => {
                let name = world.name(number, 0);
                let req = RegisterReq { name, ..RegisterReq::default() };
                break client
                    .call(RoleClient::REGISTER, req)
                    .await
                    .map_err(|e| e.to_string())?
                    .role;
            }
            Err(status) => return Err(status.to_string()),
        }
    };
    let role = role.ok_or("the answer holds no role")?;
    Ok((client, events, role))
}

pub(super) async fn call<Req: Message, Rsp: Message + Default>(
    bot: &mut Bot,
    method: Method<Req, Rsp>,
    req: Req,
) -> Result<Rsp, Status> {
    let begin = bot.world.env.now();
    let answer = bot.client.call(method, req).await;
    let now = bot.world.env.now();
    if answer.as_ref().err().is_none_or(|status| bot.lost(status).is_none()) {
        bot.score.calls += 1;
        bot.score.times.push(now - begin);
    }
    answer
}

/// A failure that is no answer to what was asked: the connection is gone, or the server is wrong. What may have run is `noted`.
/// With --reconnect, a part of the game may be away for a while.
pub(super) fn unanswered(
    bot: &mut Bot,
    what: &str,
    status: &Status,
    noted: impl FnOnce(&mut Bot),
) -> Result<(), Lost> {
    if status.effect() != Effect::NotRun {
        noted(bot);
    }
    let is_away =
        matches!(status.code(), Code::Unavailable | Code::DeadlineExceeded | Code::Aborted);
    match bot.lost(status) {
        Some(lost) => Err(lost),
        None if bot.world.args.reconnect && is_away => Ok(()),
        None => {
            bot.score.wrong(format!("bot {}, {what}: {status}", bot.number));
            Ok(())
        }
    }
}
