//! Residents: always active, in one app, wherever their keys fall.

use std::time::Duration;

use guildhall::{Actor, ActorCx, App, Config, Status};
use guildhall_testkit::Cluster;
use proto::counter::{
    AddReq, Counter, CounterClient, CounterRsp, CounterServer, CounterStateEntity, GetReq,
};

const ONE: &str = "dev.w1.warden.1";
const TWO: &str = "dev.w1.warden.2";
const CALLER: &str = "dev.w1.caller.1";

/// Longer than a crashed app's lease and the look of the others for it.
const SETTLED: Duration = Duration::from_secs(7);

/// Counts its activations, in the store.
struct Warden {
    state: CounterStateEntity,
}

impl Actor for Warden {
    const NAME: &'static str = "warden";
    type Key = String;
    type State = CounterStateEntity;

    async fn activate(cx: &ActorCx, _key: String, mut state: Self::State) -> Result<Self, Status> {
        *state.value_mut() += 1;
        state.set_note(cx.app_id().to_string());
        Ok(Self { state })
    }

    fn state(&mut self) -> &mut Self::State {
        &mut self.state
    }
}

impl Counter for Warden {
    async fn add(&mut self, cx: &ActorCx, req: AddReq) -> Result<CounterRsp, Status> {
        assert!(req.note != "panic", "asked to");
        self.get(cx, GetReq::default()).await
    }

    async fn get(&mut self, _cx: &ActorCx, _req: GetReq) -> Result<CounterRsp, Status> {
        Ok(CounterRsp { value: self.state.value, note: self.state.note.clone() })
    }
}

fn wardens(app: App) -> App {
    app.actor::<Warden>(CounterServer)
}

/// Two apps with `count` residents, and one that calls them.
async fn cluster(count: &str) -> Cluster {
    let mut cluster = Cluster::new(7);
    let settings = [("actor.warden.resident", count), ("actor.warden.idle_ms", "1000")];
    for id in [ONE, TWO] {
        cluster.start_with(id, &settings, wardens).await.unwrap();
    }
    cluster.start(CALLER, |app| app).await.unwrap();
    cluster.linked().await;
    cluster.advance(SETTLED).await;
    cluster
}

/// Whom an app has.
fn at(cluster: &Cluster, app: &str) -> Vec<String> {
    let mut keys = Vec::new();
    cluster.cx(app).actors::<Warden>().each(|key| keys.push(key.to_string()));
    keys
}

/// How often a resident was activated, and where it is.
async fn ask(cluster: &Cluster, key: &str) -> (i64, String) {
    let cx = cluster.cx(CALLER);
    let rsp = CounterClient::new(&cx).get(GetReq { id: key.into() }).await.unwrap();
    (rsp.value, rsp.note)
}

#[tokio::test(start_paused = true)]
async fn residents_are_active_in_one_app_each_though_nobody_calls_them() {
    let cluster = cluster("16").await;
    let (one, two) = (at(&cluster, ONE), at(&cluster, TWO));
    assert!(!one.is_empty() && !two.is_empty(), "{one:?} {two:?}");
    let mut all: Vec<u32> = one.iter().chain(&two).map(|key| key.parse().unwrap()).collect();
    all.sort_unstable();
    assert_eq!(all, (1..=16).collect::<Vec<_>>());
    // The first app had all of them until the second one came.
    for (app, keys, activations) in [(ONE, one, 1), (TWO, two, 2)] {
        for key in keys {
            assert_eq!(ask(&cluster, &key).await, (activations, app.to_owned()), "{key}");
        }
    }
    cluster.advance(Duration::from_secs(60)).await;
    assert_eq!(at(&cluster, ONE).len() + at(&cluster, TWO).len(), 16, "they are never idle");
}

#[tokio::test(start_paused = true)]
async fn residents_go_to_another_app_when_theirs_dies_and_back_when_it_is_back() {
    let mut cluster = cluster("16").await;
    let (one, two) = (at(&cluster, ONE), at(&cluster, TWO));
    // What they have changed is saved.
    cluster.advance(Duration::from_secs(6)).await;
    cluster.kill(ONE);
    cluster.advance(SETTLED).await;
    assert_eq!(at(&cluster, TWO).len(), 16);
    cluster.restart(ONE).await.unwrap();
    cluster.linked().await;
    cluster.advance(SETTLED).await;
    assert_eq!((at(&cluster, ONE), at(&cluster, TWO)), (one.clone(), two.clone()));
    for key in &one {
        // The app in between has saved them in time, though no save interval was over.
        assert_eq!(ask(&cluster, key).await, (3, ONE.to_owned()), "{key}");
    }
    for key in &two {
        assert_eq!(ask(&cluster, key).await, (2, TWO.to_owned()), "{key}");
    }
}

#[tokio::test(start_paused = true)]
async fn residents_of_a_draining_app_are_saved_and_go_to_another_one() {
    let mut cluster = cluster("16").await;
    let one = at(&cluster, ONE);
    cluster.shutdown(ONE).await;
    cluster.advance(SETTLED).await;
    assert_eq!(at(&cluster, TWO).len(), 16);
    for key in &one {
        assert_eq!(ask(&cluster, key).await, (2, TWO.to_owned()), "{key}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_resident_is_a_leader_and_a_panic_is_not_its_end() {
    let cluster = cluster("1").await;
    let (one, two) = (at(&cluster, ONE), at(&cluster, TWO));
    assert_eq!([one, two].concat(), ["1"]);
    let cx = cluster.cx(CALLER);
    let panic = AddReq { id: "1".into(), note: "panic".into(), add: 0 };
    CounterClient::new(&cx).add(panic).await.unwrap_err();
    cluster.advance(SETTLED).await;
    assert_eq!(at(&cluster, ONE).len() + at(&cluster, TWO).len(), 1);
    // Others of the type are as actors are.
    let add = AddReq { id: "2".into(), ..AddReq::default() };
    CounterClient::new(&cx).add(add).await.unwrap();
    assert_eq!(at(&cluster, ONE).len() + at(&cluster, TWO).len(), 2);
    cluster.advance(SETTLED).await;
    assert_eq!(at(&cluster, ONE).len() + at(&cluster, TWO).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn all_actors_of_a_table_are_always_active_and_go_with_their_slots() {
    let mut cluster = Cluster::new(9);
    let settings = [
        ("actor.warden.resident_rows", "true"),
        ("actor.warden.idle_ms", "1000"),
        ("actor.warden.wake_page", "4"),
    ];
    for id in [ONE, TWO] {
        cluster.start_with(id, &settings, wardens).await.unwrap();
    }
    cluster.start(CALLER, |app| app).await.unwrap();
    cluster.linked().await;
    cluster.advance(SETTLED).await;
    let cx = cluster.cx(CALLER);
    let mut all: Vec<String> = (0..30).map(|n| format!("club {n}")).collect();
    all.sort();
    for id in &all {
        CounterClient::new(&cx).add(AddReq { id: id.clone(), ..AddReq::default() }).await.unwrap();
    }
    let active = |cluster: &Cluster, apps: &[&str]| {
        let mut keys: Vec<String> = apps.iter().flat_map(|app| at(cluster, app)).collect();
        keys.sort();
        keys
    };
    cluster.advance(Duration::from_secs(60)).await;
    assert_eq!(active(&cluster, &[ONE, TWO]), all, "they are never idle");
    assert!(!at(&cluster, ONE).is_empty() && !at(&cluster, TWO).is_empty());
    cluster.kill(ONE);
    cluster.advance(SETTLED + Duration::from_secs(3)).await;
    assert_eq!(active(&cluster, &[TWO]), all, "nobody has called them");
    // A key without an entity is nobody's resident.
    let guessed = CounterClient::new(&cx).get(GetReq { id: "guessed".into() }).await;
    assert!(guessed.is_err());
    cluster.shutdown(TWO).await;
    cluster.restart(TWO).await.unwrap();
    cluster.linked().await;
    cluster.advance(SETTLED).await;
    assert_eq!(active(&cluster, &[TWO]), all, "nor after a restart of all");
}

#[tokio::test(start_paused = true)]
async fn residents_without_a_service_are_a_start_up_error() {
    let config = Config::builder().set("actor.warden.resident", 2).build().unwrap();
    let app = App::with(config).actor::<Warden>(());
    let error = app.start().await.unwrap_err().to_string();
    assert!(error.contains("actor.warden.resident is 2"), "{error}");
}
