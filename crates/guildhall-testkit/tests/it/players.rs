//! What players do first in any game, through a gate, each service in an app of its own: hello; and a player's life from its
//! registration to the time when the server forgets about it.

use std::time::Duration;

use guildhall::gate::{Gate, SessionActor, SessionServer};
use guildhall::{Actor, ActorCx, App, Code, DeactivateReason, Status};
use guildhall_client::{Client, Event, Events};
use guildhall_testkit::Cluster;
use proto::hello::{GreeterClient, GreeterServer, HelloReq};
use proto::player::{
    ExitedMsg, InfoRsp, Player, PlayerClient, PlayerError, PlayerEvents, PlayerReq, PlayerServer,
    PlayerStateEntity, RegisterReq,
};

use crate::game::{Everybody, GATE, enter};
use crate::world::{GREETER, Hello};

const PLAYERS: &str = "dev.w1.player.1";

/// How long players stay in memory.
const IDLE: Duration = Duration::from_secs(60);

struct Hero {
    state: PlayerStateEntity,
}

impl Actor for Hero {
    const NAME: &'static str = "player";
    type Key = String;
    type State = PlayerStateEntity;

    async fn activate(_cx: &ActorCx, _player: String, state: Self::State) -> Result<Self, Status> {
        Ok(Self { state })
    }

    fn state(&mut self) -> &mut Self::State {
        &mut self.state
    }

    async fn deactivate(&mut self, cx: &ActorCx, reason: DeactivateReason) {
        if reason == DeactivateReason::Idle {
            let exited = ExitedMsg { name: self.state.name.clone() };
            PlayerEvents::to(cx, self.state.player.as_str()).exited(exited).await.unwrap();
        }
    }
}

impl Hero {
    fn told(&self) -> Result<InfoRsp, Status> {
        Ok(InfoRsp { name: self.state.name.clone(), level: self.state.level })
    }

    fn name(&mut self, name: String) -> Result<InfoRsp, Status> {
        if name.is_empty() {
            return Err(PlayerError::Name.into());
        }
        self.state.set_name(name);
        self.told()
    }
}

impl Player for Hero {
    async fn register(&mut self, _cx: &ActorCx, req: RegisterReq) -> Result<InfoRsp, Status> {
        if self.state.exists() {
            return Err(PlayerError::Registered.into());
        }
        self.name(req.name)
    }

    async fn login(&mut self, _cx: &ActorCx, _req: PlayerReq) -> Result<InfoRsp, Status> {
        self.told()
    }

    async fn info(&mut self, _cx: &ActorCx, _req: PlayerReq) -> Result<InfoRsp, Status> {
        self.told()
    }

    async fn level_up(&mut self, _cx: &ActorCx, _req: PlayerReq) -> Result<InfoRsp, Status> {
        *self.state.level_mut() += 1;
        self.told()
    }

    async fn rename(&mut self, _cx: &ActorCx, req: RegisterReq) -> Result<InfoRsp, Status> {
        self.name(req.name)
    }
}

/// A gate, players with their sessions, and one that greets: three apps.
async fn game(seed: u64) -> Cluster {
    let mut cluster = Cluster::new(seed);
    let players = |app: App| {
        let app = app.actor::<Hero>(PlayerServer);
        app.actor::<SessionActor>(SessionServer)
    };
    let idle = IDLE.as_millis().to_string();
    cluster.start_with(PLAYERS, &[("actor.player.idle_ms", &idle)], players).await.unwrap();
    cluster.start(GREETER, |app| app.serve(GreeterServer::new(Hello))).await.unwrap();
    let gate = |app: App| app.component(Gate::new().authenticate(Everybody));
    let listen = format!("{GATE}:7000");
    cluster.start_with(GATE, &[("gate.tcp", &listen)], gate).await.unwrap();
    cluster.linked().await;
    cluster
}

async fn login(cluster: &mut Cluster, player: &str) -> (Client, Events) {
    enter(&cluster.client_env(), player).await
}

fn named(name: &str) -> RegisterReq {
    // Whose name it is says the session: what stands here is void.
    RegisterReq { player: "somebody else".into(), name: name.into() }
}

fn me() -> PlayerReq {
    PlayerReq::default()
}

fn info(name: &str, level: u32) -> InfoRsp {
    InfoRsp { name: name.into(), level }
}

#[tokio::test(start_paused = true)]
async fn a_client_says_hello_through_a_gate() {
    let mut cluster = game(1).await;
    let (client, _events) = login(&mut cluster, "june").await;
    let hello = client.call(GreeterClient::SAY, HelloReq { name: "June".into() }).await.unwrap();
    assert_eq!(hello.text, "hello, June");
}

#[tokio::test(start_paused = true)]
async fn a_player_registers_plays_and_is_told_when_it_is_forgotten() {
    let mut cluster = game(2).await;
    let (june, mut heard) = login(&mut cluster, "june").await;
    assert_eq!(june.call(PlayerClient::LOGIN, me()).await.unwrap_err().code(), Code::NotFound);
    let nameless = june.call(PlayerClient::REGISTER, named("")).await.unwrap_err();
    assert!(nameless.is(PlayerError::Name), "{nameless}");
    assert_eq!(june.call(PlayerClient::REGISTER, named("June")).await.unwrap(), info("June", 0));
    let again = june.call(PlayerClient::REGISTER, named("June")).await.unwrap_err();
    assert!(again.is(PlayerError::Registered), "{again}");
    assert_eq!(june.call(PlayerClient::LOGIN, me()).await.unwrap(), info("June", 0));
    assert_eq!(june.call(PlayerClient::INFO, me()).await.unwrap(), info("June", 0));
    assert_eq!(june.call(PlayerClient::LEVEL_UP, me()).await.unwrap(), info("June", 1));
    assert_eq!(june.call(PlayerClient::RENAME, named("Mike")).await.unwrap(), info("Mike", 1));
    assert_eq!(june.call(PlayerClient::INFO, me()).await.unwrap(), info("Mike", 1));
    let last_call = cluster.env(GATE).now();

    let exited = match heard.next().await.unwrap() {
        Event::Push(push) => push.decode(PlayerEvents::EXITED).unwrap().unwrap(),
        event => panic!("{event:?}"),
    };
    assert_eq!(exited.name, "Mike");
    let idle = cluster.env(GATE).now() - last_call;
    assert!(idle >= IDLE && idle < IDLE + Duration::from_secs(1), "after {idle:?}");
    cluster.advance(Duration::from_secs(1)).await;
    assert_eq!(cluster.cx(PLAYERS).actors::<Hero>().count(), 0);
    assert_eq!(june.call(PlayerClient::INFO, me()).await.unwrap(), info("Mike", 1), "it was saved");
}

#[tokio::test(start_paused = true)]
async fn players_are_nobody_elses() {
    let mut cluster = game(3).await;
    let (june, _) = login(&mut cluster, "june").await;
    let (mike, _) = login(&mut cluster, "mike").await;
    june.call(PlayerClient::REGISTER, named("June")).await.unwrap();
    assert_eq!(mike.call(PlayerClient::INFO, me()).await.unwrap_err().code(), Code::NotFound);
    mike.call(PlayerClient::REGISTER, named("Mike")).await.unwrap();
    mike.call(PlayerClient::LEVEL_UP, PlayerReq { player: "june".into() }).await.unwrap();
    assert_eq!(june.call(PlayerClient::INFO, me()).await.unwrap(), info("June", 0));
    assert_eq!(mike.call(PlayerClient::INFO, me()).await.unwrap(), info("Mike", 1));
}
