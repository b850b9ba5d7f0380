//! A hub in the simulator, where the network does what a test says, and minutes pass at once.

use std::time::Duration;

use bytes::Bytes;
use guildhall_core::discovery::{Change, Discovery as _};
use guildhall_core::store::{Migrate, Store as _, StoreErrorKind};
use guildhall_core::{Config, Opening};
use guildhall_hub::HubClient;
use guildhall_hub_server::Hub;
use guildhall_testkit::Cluster;
use tokio::sync::mpsc;

use crate::restart::{create, node, row};

const HUB: &str = "dev.w1.hub.1";
const ROLE: &str = "dev.w1.role.1";
const TTL: Duration = Duration::from_secs(3600);

async fn cluster(data: &tempfile::TempDir) -> Cluster {
    let mut cluster = Cluster::new(7);
    let data = data.path().display().to_string();
    let settings = [("hub.data", data.as_str())];
    cluster.start_with(HUB, &settings, |app| app.component(Hub::default())).await.unwrap();
    cluster.start(ROLE, |app| app).await.unwrap();
    cluster
}

async fn client(cluster: &Cluster) -> HubClient {
    let (env, id) = (cluster.env(ROLE), ROLE.parse().unwrap());
    let config = Config::builder().set("link.secret", "simulated").build().unwrap();
    let url = format!("hub://{HUB}:7200");
    HubClient::connect(Opening { env: &env, config: &config, id: &id, url: &url }).await.unwrap()
}

fn changes(watch: &mut mpsc::Receiver<Change>) -> Vec<Change> {
    std::iter::from_fn(|| watch.try_recv().ok()).collect()
}

#[tokio::test(start_paused = true)]
async fn after_a_long_absence_of_the_hub_apps_are_registered_again_within_seconds() {
    let data = tempfile::tempdir().unwrap();
    let mut cluster = cluster(&data).await;
    let discovery = client(&cluster).await.discovery();
    discovery.register(&node(1), TTL).await.unwrap();
    cluster.kill(HUB);
    cluster.advance(Duration::from_secs(600)).await;
    cluster.restart(HUB).await.unwrap();
    cluster.advance(Duration::from_secs(2)).await;
    let mut watch = client(&cluster).await.discovery().watch().await.unwrap();
    cluster.advance(Duration::from_millis(100)).await;
    assert_eq!(changes(&mut watch), [Change::Put(node(1)), Change::Synced]);
}

#[tokio::test(start_paused = true)]
async fn a_commit_whose_reply_is_lost_is_unknown_and_its_repetition_says_what_happened() {
    let data = tempfile::tempdir().unwrap();
    let cluster = cluster(&data).await;
    let store = client(&cluster).await.store();
    store.prepare(&[row("1").table], Migrate::Auto).await.unwrap();
    let (token, batch) = create("1", Bytes::from_static(b"reply"));
    store.claim(&[row("1")], token).await.unwrap();

    // Its way there takes a second; before the answer is back, the line is cut.
    cluster.delay(HUB, ROLE, Duration::from_secs(1)..Duration::from_millis(1001));
    let mut commit = std::pin::pin!(store.commit(vec![batch.clone()]));
    let cut = async {
        cluster.advance(Duration::from_millis(1500)).await;
    };
    tokio::select! {
        biased;
        early = commit.as_mut() => panic!("{early:?} before its time"),
        () = cut => {}
    }
    cluster.partition(HUB, ROLE);
    let lost = commit.await.remove(0).unwrap_err();
    assert_eq!(lost.kind, StoreErrorKind::Unknown, "{lost}");

    cluster.heal_all();
    cluster.advance(Duration::from_secs(20)).await;
    let again = store.commit(vec![batch]).await.remove(0).unwrap();
    assert_eq!(again.versions, [2], "it was there, and is done once");
    assert_eq!(store.read(&[row("1")]).await.unwrap()[0].as_ref().unwrap().version, 2);
}
