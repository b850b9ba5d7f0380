//! Clubs are always active, whoever calls them, until they are dissolved.

use std::collections::BTreeSet;
use std::time::Duration;

use demo::club::ClubActor;
use guildhall_testkit::Cluster;

use crate::town::{CALLER, cancel, create, register, start, start_app};

const ONE: &str = "demo.w1.club.1";
const TWO: &str = "demo.w1.club.2";
const OTHERS: &str = "demo.w1.others.1";
const CLUBS: usize = 12;

/// Longer than a crashed app's lease, and a walk over all clubs.
const TAKEN_OVER: Duration = Duration::from_secs(9);

/// The clubs that are active in these apps.
fn active(cluster: &Cluster, apps: &[&str]) -> BTreeSet<u64> {
    let mut clubs = BTreeSet::new();
    for app in apps {
        cluster.cx(app).actors::<ClubActor>().each(|key| {
            let club = key.as_str().parse().unwrap();
            assert!(clubs.insert(club), "club {club} is active in two apps");
        });
    }
    clubs
}

#[tokio::test(start_paused = true)]
async fn a_club_that_nobody_calls_is_active_until_it_is_dissolved() {
    let mut cluster = Cluster::new(11);
    for club in [ONE, TWO] {
        // What is not always active leaves soon.
        start_app(&mut cluster, club, &["club"], &[("actor.club.idle_ms", "1000")]).await;
    }
    start(&mut cluster, &[(OTHERS, &["role", "clubrole", "uid", "online"])]).await;
    cluster.settled().await;
    let cx = cluster.cx(CALLER);
    let mut all = BTreeSet::new();
    for n in 0..CLUBS {
        let role = format!("r{n}");
        register(&cx, &role).await;
        all.insert(create(&cx, &role).await.unwrap());
    }
    cluster.advance(Duration::from_secs(30)).await;
    assert_eq!(active(&cluster, &[ONE, TWO]), all, "none is idle");
    assert!([ONE, TWO].iter().all(|app| !active(&cluster, &[app]).is_empty()));

    cluster.kill(ONE);
    cluster.advance(TAKEN_OVER).await;
    assert_eq!(active(&cluster, &[TWO]), all, "nobody has called those of the app that died");

    cluster.kill(TWO);
    for club in [ONE, TWO] {
        cluster.restart(club).await.unwrap();
    }
    cluster.linked().await;
    cluster.settled().await;
    cluster.advance(TAKEN_OVER).await;
    assert_eq!(active(&cluster, &[ONE, TWO]), all, "nobody has called them since all restarted");

    for n in [0, 1] {
        let dissolved = cancel(&cx, &format!("r{n}")).await.unwrap();
        assert!(all.remove(&dissolved), "{dissolved} was a club");
    }
    cluster.advance(Duration::from_secs(3)).await;
    assert_eq!(active(&cluster, &[ONE, TWO]), all, "those that were dissolved are not active");
    for club in [ONE, TWO] {
        cluster.restart(club).await.unwrap();
    }
    cluster.linked().await;
    cluster.settled().await;
    cluster.advance(TAKEN_OVER).await;
    assert_eq!(active(&cluster, &[ONE, TWO]), all, "and not after a restart either");
}
