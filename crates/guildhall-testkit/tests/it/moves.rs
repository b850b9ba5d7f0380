//! Slots move between apps: what their actors know goes with them, and calls find them.

mod balance;
mod damaged;
mod hung;
mod leases;
mod pauses;
mod pinned;
mod stays;
mod suspended;

use std::time::Duration;

use bytes::Bytes;
use guildhall::{Actor, ActorCx, App, Cx, Effect, Mutation, Status};
use guildhall_testkit::Cluster;
use proto::counter::{
    AddReq, Counter, CounterClient, CounterRsp, CounterServer, CounterStateEntity, GetReq,
};

use crate::world::CALLER;

pub(crate) const ONE: &str = "dev.w1.pot.1";
pub(crate) const TWO: &str = "dev.w1.pot.2";
const THREE: &str = "dev.w1.pot.3";
const KEYS: u32 = 40;

/// Enough for the keys: each takes its time to move.
const SLOTS: (&str, &str) = ("app.slots", "64");

/// Longer than a crashed app's lease and the look of the others for it.
const TAKEN_OVER: Duration = Duration::from_secs(7);

/// Counts in the store, and beside it.
struct Pot {
    state: CounterStateEntity,
    beside: i64,
}

impl Actor for Pot {
    const NAME: &'static str = "pot";
    type Key = String;
    type State = CounterStateEntity;

    async fn activate(
        _cx: &ActorCx,
        _id: String,
        state: CounterStateEntity,
    ) -> Result<Self, Status> {
        Ok(Self { state, beside: 0 })
    }

    fn state(&mut self) -> &mut CounterStateEntity {
        &mut self.state
    }

    fn move_out(&mut self) -> Bytes {
        Bytes::copy_from_slice(&std::mem::take(&mut self.beside).to_le_bytes())
    }

    fn move_in(&mut self, payload: Bytes) {
        self.beside += i64::from_le_bytes(payload[..].try_into().unwrap());
    }
}

impl Counter for Pot {
    async fn add(&mut self, cx: &ActorCx, req: AddReq) -> Result<CounterRsp, Status> {
        match req.note.as_str() {
            "slow" => cx.env().sleep(Duration::from_millis(300)).await,
            "long" => cx.env().sleep(Duration::from_secs(8)).await,
            _ => {}
        }
        *self.state.value_mut() += req.add;
        self.beside += req.add;
        self.get(cx, GetReq::default()).await
    }

    async fn get(&mut self, cx: &ActorCx, _req: GetReq) -> Result<CounterRsp, Status> {
        let note = format!("{} {}", cx.app_id(), self.beside);
        Ok(CounterRsp { value: self.state.value, note })
    }
}

pub(crate) fn pots(app: App) -> App {
    app.actor::<Pot>(CounterServer)
}

async fn cluster(seed: u64, apps: &[&str]) -> Cluster {
    cluster_with(seed, apps, &[SLOTS]).await
}

async fn cluster_with(seed: u64, apps: &[&str], settings: &[(&str, &str)]) -> Cluster {
    let mut cluster = Cluster::new(seed);
    for id in apps {
        cluster.start_with(id, settings, pots).await.unwrap();
    }
    cluster.start(CALLER, |app| app).await.unwrap();
    cluster.linked().await;
    cluster.advance(Duration::from_secs(1)).await;
    cluster
}

async fn add(cx: &Cx, key: u32, note: &str) -> Result<CounterRsp, Status> {
    let req = AddReq { id: key.to_string(), add: 1, note: note.into() };
    CounterClient::new(cx).add(req).await
}

async fn fill(cx: &Cx) {
    for key in 1..=KEYS {
        add(cx, key, "").await.unwrap();
    }
}

/// Where each key is, what it counts, and what it knows beside.
async fn all(cx: &Cx) -> Vec<(i64, String, i64)> {
    let mut all = Vec::new();
    for key in 1..=KEYS {
        let rsp = CounterClient::new(cx).get(GetReq { id: key.to_string() }).await.unwrap();
        let (app, beside) = rsp.note.split_once(' ').unwrap();
        all.push((rsp.value, app.to_owned(), beside.parse().unwrap()));
    }
    all
}

/// What a counter of an app shows.
fn counted(cluster: &Cluster, app: &str, counter: &str) -> u64 {
    let text = cluster.cx(app).metrics().text();
    let value = |line: &str| line.strip_prefix(counter)?.strip_prefix(' ')?.parse().ok();
    text.lines().find_map(value).unwrap()
}

fn count_at(all: &[(i64, String, i64)], app: &str) -> usize {
    all.iter().filter(|(_, at, _)| at == app).count()
}

#[tokio::test(start_paused = true)]
async fn a_planned_move_loses_nothing_and_takes_what_is_not_in_the_rows_along() {
    let mut cluster = cluster(1, &[ONE]).await;
    let cx = cluster.cx(CALLER);
    fill(&cx).await;
    cluster.start_with(TWO, &[SLOTS], pots).await.unwrap();
    cluster.linked().await;
    cluster.advance(Duration::from_secs(2)).await;
    let moved = all(&cx).await;
    assert!(moved.iter().all(|(value, _, beside)| (*value, *beside) == (1, 1)), "{moved:?}");
    assert!((10..30).contains(&count_at(&moved, TWO)), "{moved:?}");
    cluster.shutdown(TWO).await;
    let back = all(&cx).await;
    assert!(back.iter().all(|(value, _, beside)| (*value, *beside) == (1, 1)), "{back:?}");
    assert_eq!(count_at(&back, ONE), KEYS as usize);
}

/// How many of the keys a planned move has cost.
async fn lost_by_a_move(owners: fn(App) -> App) -> usize {
    let mut cluster = Cluster::new(1);
    cluster.start_with(ONE, &[SLOTS], owners).await.unwrap();
    cluster.start(CALLER, |app| app).await.unwrap();
    cluster.linked().await;
    cluster.advance(Duration::from_secs(1)).await;
    let cx = cluster.cx(CALLER);
    fill(&cx).await;
    // Before anything is saved in its time.
    cluster.start_with(TWO, &[SLOTS], owners).await.unwrap();
    cluster.linked().await;
    cluster.advance(Duration::from_secs(2)).await;
    let mut lost = 0;
    for key in 1..=KEYS {
        let kept = CounterClient::new(&cx).get(GetReq { id: key.to_string() }).await;
        lost += usize::from(!kept.is_ok_and(|rsp| rsp.value == 1));
    }
    lost
}

#[tokio::test(start_paused = true)]
async fn an_owner_that_gives_its_actors_away_unsaved_is_found_out() {
    assert_eq!(lost_by_a_move(pots).await, 0, "with all rules nothing is lost");
    let lost = lost_by_a_move(|app| pots(app).without(Mutation::SaveBeforeHandover)).await;
    assert!((10..30).contains(&lost), "{lost} of {KEYS} were lost: those that moved");
}

#[tokio::test(start_paused = true)]
async fn what_is_not_activated_on_the_way_keeps_its_payload_for_the_next_owner() {
    let mut cluster = cluster(2, &[ONE]).await;
    let cx = cluster.cx(CALLER);
    fill(&cx).await;
    // Two moves without a call in between.
    for (comes, goes) in [(TWO, ONE), (THREE, TWO)] {
        cluster.start_with(comes, &[SLOTS], pots).await.unwrap();
        cluster.linked().await;
        cluster.advance(Duration::from_secs(2)).await;
        cluster.shutdown(goes).await;
    }
    let moved = all(&cx).await;
    assert!(moved.iter().all(|it| *it == (1, THREE.to_owned(), 1)), "{moved:?}");
}

#[tokio::test(start_paused = true)]
async fn calls_during_moves_run_once_each() {
    for seed in 0..3 {
        let mut cluster = cluster(seed, &[ONE, TWO]).await;
        let cx = cluster.cx(CALLER);
        let caller = crate::world::spawn(async move {
            let mut done = 0;
            for round in 0..40 {
                for key in 1..=KEYS {
                    let note = if (round + key) % 7 == 0 { "slow" } else { "" };
                    match add(&cx, key, note).await {
                        Ok(_) => done += 1,
                        Err(status) => assert_eq!(status.effect(), Effect::NotRun, "{status}"),
                    }
                }
            }
            (done, cx)
        });
        cluster.start_with(THREE, &[SLOTS], pots).await.unwrap();
        cluster.advance(Duration::from_secs(4)).await;
        cluster.shutdown(ONE).await;
        cluster.advance(Duration::from_secs(4)).await;
        cluster.restart(ONE).await.unwrap();
        let (done, cx) = caller.await.unwrap();
        let sum: i64 = all(&cx).await.iter().map(|(value, ..)| *value).sum();
        assert_eq!(sum, done, "seed {seed}");
        assert!(done > i64::from(KEYS) * 39, "seed {seed}: {done} calls ran");
    }
}

#[tokio::test(start_paused = true)]
async fn the_actors_of_a_crashed_app_are_served_by_others_when_its_lease_is_over() {
    let mut cluster = cluster(3, &[ONE, TWO]).await;
    let cx = cluster.cx(CALLER);
    fill(&cx).await;
    // All is saved by then.
    cluster.advance(Duration::from_secs(6)).await;
    let before = all(&cx).await;
    assert!(count_at(&before, TWO) > 0);
    cluster.kill(TWO);
    let killed = cluster.env(CALLER).now();
    for key in 1..=KEYS {
        while add(&cx, key, "").await.is_err() {
            let waits = cluster.env(CALLER).now() - killed;
            assert!(waits < TAKEN_OVER, "{key} is not served after {waits:?}");
        }
    }
    let after = all(&cx).await;
    assert!(after.iter().all(|(value, at, _)| (*value, at.as_str()) == (2, ONE)), "{after:?}");
}

#[tokio::test(start_paused = true)]
async fn an_app_whose_lease_has_run_out_goes_on_with_its_memory_when_nobody_was_there_meanwhile() {
    let cluster = cluster(4, &[ONE]).await;
    let cx = cluster.cx(CALLER);
    fill(&cx).await;
    let env = cluster.env(ONE);
    // Its clock jumps over the TTL: as after a suspension of the machine.
    env.set_skew(i64::try_from(Duration::from_secs(60).as_nanos()).unwrap());
    cluster.advance(Duration::from_secs(3)).await;
    let after = all(&cx).await;
    assert!(after.iter().all(|it| *it == (1, ONE.to_owned(), 1)), "{after:?}");
    let text = cluster.cx(ONE).metrics().text();
    assert!(text.contains("guildhall_suspensions_total 1"), "{text}");
}

#[test]
fn two_runs_with_moves_are_equal() {
    let run = |seed| {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let mut cluster = cluster(seed, &[ONE, TWO]).await;
            let cx = cluster.cx(CALLER);
            fill(&cx).await;
            cluster.kill(TWO);
            cluster.advance(TAKEN_OVER).await;
            cluster.start_with(THREE, &[SLOTS], pots).await.unwrap();
            cluster.advance(Duration::from_secs(1)).await;
            cluster.shutdown(ONE).await;
            fill(&cx).await;
            cluster.trace()
        })
    };
    for seed in 0..2 {
        assert_eq!(run(seed).difference(&run(seed)), None, "seed {seed}");
    }
}
