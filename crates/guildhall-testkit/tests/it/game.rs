//! A game in a cluster: actors that are killed with their app, and clients behind a gate.

use std::time::Duration;

use guildhall::gate::{Authenticate, Gate, Identity, SessionActor, SessionServer};
use guildhall::{Actor, ActorCx, App, Cx, Env, Status};
use guildhall_client::{Client, Event, Events, Options};
use guildhall_testkit::{Cluster, Trace};
use proto::chat::{Chat, ChatClient, ChatEvents, ChatServer, SaidMsg, SayReq, SayRsp};
use proto::counter::{
    AddReq, Counter, CounterClient, CounterRsp, CounterServer, CounterStateEntity, GetReq,
};

use crate::world::CALLER;

const COUNTER: &str = "dev.w1.counter.1";
pub(crate) const GATE: &str = "dev.w1.gate.1";
const ROOM: &str = "dev.w1.room.1";

struct Tally {
    state: CounterStateEntity,
}

impl Actor for Tally {
    const NAME: &'static str = "counter";
    type Key = String;
    type State = CounterStateEntity;

    async fn activate(
        _cx: &ActorCx,
        _id: String,
        state: CounterStateEntity,
    ) -> Result<Self, Status> {
        Ok(Self { state })
    }

    fn state(&mut self) -> &mut CounterStateEntity {
        &mut self.state
    }
}

impl Counter for Tally {
    async fn add(&mut self, _cx: &ActorCx, req: AddReq) -> Result<CounterRsp, Status> {
        *self.state.value_mut() += req.add;
        Ok(CounterRsp { value: self.state.value, ..CounterRsp::default() })
    }

    async fn get(&mut self, _cx: &ActorCx, _req: GetReq) -> Result<CounterRsp, Status> {
        Ok(CounterRsp { value: self.state.value, ..CounterRsp::default() })
    }
}

async fn add(cx: &Cx, add: i64) -> Result<i64, Status> {
    let req = AddReq { id: "x".into(), add, ..AddReq::default() };
    Ok(CounterClient::new(cx).add(req).await?.value)
}

async fn counters(seed: u64) -> Cluster {
    let mut cluster = Cluster::new(seed);
    let counter = |app: App| app.actor::<Tally>(CounterServer);
    cluster.start(COUNTER, counter).await.unwrap();
    cluster.start(CALLER, |app| app).await.unwrap();
    cluster.linked().await;
    cluster
}

#[tokio::test(start_paused = true)]
async fn a_killed_app_loses_nothing_older_than_the_save_interval() {
    for seed in 0..20 {
        let mut cluster = counters(seed).await;
        let cx = cluster.cx(CALLER);
        // An answer per 100 ms, and a kill at any of them.
        let mut answers = Vec::new();
        let kill_at = cx.env().now() + Duration::from_millis(8_000 + 370 * seed);
        while cx.env().now() < kill_at {
            answers.push((cx.env().now(), add(&cx, 1).await.unwrap()));
            cluster.advance(Duration::from_millis(100)).await;
        }
        let killed = cx.env().now();
        cluster.kill(COUNTER);
        cluster.restart(COUNTER).await.unwrap();
        cluster.linked().await;
        let left = CounterClient::new(&cx).get(GetReq { id: "x".into() }).await.unwrap().value;
        let save = Duration::from_secs(5);
        let safe = answers.iter().rev().find(|(at, _)| killed.duration_since(*at) > save);
        let (safe, last) = (safe.unwrap().1, answers.last().unwrap().1);
        assert!((safe..=last).contains(&left), "seed {seed}: {safe} was safe, {left} is left");
    }
}

#[tokio::test(start_paused = true)]
async fn a_drained_app_loses_nothing() {
    let mut cluster = counters(1).await;
    let cx = cluster.cx(CALLER);
    for n in 1..=10 {
        assert_eq!(add(&cx, 1).await.unwrap(), n);
    }
    cluster.shutdown(COUNTER).await;
    cluster.restart(COUNTER).await.unwrap();
    cluster.linked().await;
    assert_eq!(add(&cx, 1).await.unwrap(), 11);
}

struct Hall;

impl Chat for Hall {
    async fn say(&self, cx: &Cx, req: SayReq) -> Result<SayRsp, Status> {
        let player = cx.player().unwrap_or_default().to_owned();
        let said = SaidMsg { player: player.clone(), text: req.text };
        ChatEvents::others(cx, player.as_str()).said(said).await?;
        Ok(SayRsp { player })
    }
}

pub(crate) struct Everybody;

impl Authenticate for Everybody {
    fn authenticate(&self, token: &str, _wall: Duration) -> Result<Identity, Status> {
        Ok(Identity { account: token.to_owned(), ..Identity::default() })
    }
}

async fn hall(seed: u64) -> Cluster {
    let mut cluster = Cluster::new(seed);
    let room = |app: App| {
        let app = app.serve(ChatServer::new(Hall));
        app.actor::<SessionActor>(SessionServer)
    };
    cluster.start(ROOM, room).await.unwrap();
    let listen = format!("{GATE}:7000");
    let gate = |app: App| app.component(Gate::new().authenticate(Everybody));
    cluster.start_with(GATE, &[("gate.tcp", &listen)], gate).await.unwrap();
    cluster.linked().await;
    cluster
}

pub(crate) async fn enter(env: &Env, player: &str) -> (Client, Events) {
    let address = format!("tcp://{GATE}:7000");
    Client::connect(env, &address, player, Options::default()).await.unwrap()
}

async fn say(client: &Client, text: &str) -> Result<String, Status> {
    Ok(client.call(ChatClient::SAY, SayReq { text: text.into() }).await?.player)
}

/// The next thing that somebody says.
async fn hear(events: &mut Events) -> String {
    loop {
        if let Event::Push(push) = events.next().await.unwrap()
            && let Some(said) = push.decode(ChatEvents::SAID).unwrap()
        {
            return format!("{}: {}", said.player, said.text);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn clients_play_through_a_gate_and_come_back_when_it_dies() {
    let mut cluster = hall(3).await;
    let (ann_env, bob_env) = (cluster.client_env(), cluster.client_env());
    let ((ann, mut lost), (_bob, mut heard)) =
        (enter(&ann_env, "ann").await, enter(&bob_env, "bob").await);
    assert_eq!(say(&ann, "hello").await.unwrap(), "ann");
    assert_eq!(hear(&mut heard).await, "ann: hello");
    cluster.kill(GATE);
    while !matches!(lost.next().await.unwrap(), Event::Lost(_)) {}
    assert!(say(&ann, "anybody?").await.is_err());
    cluster.restart(GATE).await.unwrap();
    while !matches!(lost.next().await.unwrap(), Event::Back { .. }) {}
    while !matches!(heard.next().await.unwrap(), Event::Back { .. }) {}
    assert_eq!(say(&ann, "again").await.unwrap(), "ann");
    assert_eq!(hear(&mut heard).await, "ann: again");
}

#[test]
fn two_runs_with_clients_and_actors_are_equal() {
    for seed in 0..5 {
        assert_eq!(played(seed).difference(&played(seed)), None, "seed {seed}");
    }
}

/// A runtime of its own for each run, as each test has.
fn played(seed: u64) -> Trace {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let mut cluster = hall(seed).await;
        let mut players = Vec::new();
        for n in 0..8 {
            players.push(enter(&cluster.client_env(), &format!("p{n}")).await);
        }
        for round in 0..10 {
            for (client, _) in &players {
                let _some_fail = say(client, &format!("round {round}")).await;
            }
            cluster.advance(Duration::from_millis(300)).await;
            if round == 5 {
                cluster.kill(ROOM);
                cluster.restart(ROOM).await.unwrap();
            }
        }
        cluster.shutdown(GATE).await;
        let trace = cluster.trace();
        assert!(trace.count() > 300, "little happened:\n{trace}");
        trace
    })
}
