//! Reminders: they fire whatever dies meanwhile.

use std::time::Duration;

use guildhall_testkit::Cluster;
use proto::bank::{BankClient, OwnerReq, SaveReq};

use crate::outbox::{ONE, TestBank, cluster, open, show};

async fn save(cluster: &Cluster, req: SaveReq) {
    let cx = cluster.cx(ONE);
    BankClient::new(&cx).save(SaveReq { owner: "ann".into(), ..req }).await.unwrap();
}

fn every(seconds: u64) -> SaveReq {
    SaveReq { every_ms: seconds * 1000, ..SaveReq::default() }
}

#[tokio::test(start_paused = true)]
async fn a_reminder_fires_in_its_time_also_where_its_actor_sleeps() {
    let cluster = cluster(&[("actor.bank.idle_ms", "1000")]).await;
    open(&cluster, "ann", 0).await;
    save(&cluster, SaveReq { after_ms: 60_000, ..SaveReq::default() }).await;
    cluster.advance(Duration::from_secs(59)).await;
    let active = cluster.cx(ONE).actors::<TestBank>().count();
    assert_eq!(active, 0, "it is idle meanwhile");
    assert_eq!(show(&cluster, "ann").await.interests, Vec::<u64>::new());
    cluster.advance(Duration::from_secs(3)).await;
    assert_eq!(show(&cluster, "ann").await.interests, [1]);
    cluster.advance(Duration::from_secs(200)).await;
    assert_eq!(show(&cluster, "ann").await.interests, [1], "once");
}

#[tokio::test(start_paused = true)]
async fn a_reminder_survives_a_crash_and_counts_what_it_has_missed() {
    let mut cluster = cluster(&[]).await;
    open(&cluster, "ann", 0).await;
    save(&cluster, every(10)).await;
    cluster.advance(Duration::from_secs(21)).await;
    assert_eq!(show(&cluster, "ann").await.interests, [1, 2]);
    cluster.kill(ONE);
    cluster.advance(Duration::from_secs(30)).await;
    cluster.restart(ONE).await.unwrap();
    cluster.linked().await;
    cluster.advance(Duration::from_secs(8)).await;
    assert_eq!(
        show(&cluster, "ann").await.interests[..3],
        [1, 2, 5],
        "three at once, and nobody called"
    );
}

#[tokio::test(start_paused = true)]
async fn a_reminder_that_is_set_again_goes_on_and_one_that_is_forgotten_does_not() {
    let cluster = cluster(&[]).await;
    open(&cluster, "ann", 0).await;
    save(&cluster, every(10)).await;
    cluster.advance(Duration::from_secs(6)).await;
    save(&cluster, every(10)).await;
    cluster.advance(Duration::from_secs(6)).await;
    assert_eq!(show(&cluster, "ann").await.interests, [1], "the same schedule goes on");
    save(&cluster, every(20)).await;
    cluster.advance(Duration::from_secs(15)).await;
    assert_eq!(show(&cluster, "ann").await.interests, [1], "another one begins anew");
    let cx = cluster.cx(ONE);
    BankClient::new(&cx).stop(OwnerReq { owner: "ann".into() }).await.unwrap();
    cluster.advance(Duration::from_secs(60)).await;
    assert_eq!(show(&cluster, "ann").await.interests, [1]);
}

#[tokio::test(start_paused = true)]
async fn a_reminder_by_the_calendar_fires_across_restarts() {
    let mut cluster = cluster(&[]).await;
    open(&cluster, "ann", 0).await;
    let minutes = SaveReq { cron: "*/5 * * * *".into(), zone: "UTC".into(), ..SaveReq::default() };
    save(&cluster, minutes).await;
    // It was a full hour when the cluster began.
    cluster.advance(Duration::from_secs(310)).await;
    assert_eq!(show(&cluster, "ann").await.interests, [1]);
    cluster.restart(ONE).await.unwrap();
    cluster.linked().await;
    cluster.advance(Duration::from_secs(300)).await;
    assert_eq!(show(&cluster, "ann").await.interests, [1, 2]);
    let cx = cluster.cx(ONE);
    let never = SaveReq { cron: "at noon".into(), zone: "UTC".into(), ..SaveReq::default() };
    let refused = BankClient::new(&cx).save(SaveReq { owner: "ann".into(), ..never }).await;
    assert!(refused.unwrap_err().message().contains("at noon"));
}
