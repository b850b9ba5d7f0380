//! Slots of a pinned type when the lease backend is away or begins anew: nothing of that is a reason to balance.

use std::time::Duration;

use guildhall_testkit::{Cluster, Seam, SeamFaults};

use super::leases::held_by;
use super::{KEYS, ONE, SLOTS, TWO, add, all, cluster_with, counted, fill, pots};
use crate::world::CALLER;

const PINNED: [(&str, &str); 2] = [SLOTS, ("actor.pot.pinned", "true")];
const SUSPENSIONS: &str = "guildhall_suspensions_total";
const SERVED: &str = "guildhall_slots{actor=\"pot\"}";
const SECOND: Duration = Duration::from_secs(1);

/// Two apps of which the first one has all slots, half of which would belong to the other, and each key counts 1, saved.
async fn filled(seed: u64) -> Cluster {
    let mut cluster = cluster_with(seed, &[ONE], &PINNED).await;
    cluster.start_with(TWO, &PINNED, pots).await.unwrap();
    cluster.linked().await;
    fill(&cluster.cx(CALLER)).await;
    cluster.advance(10 * SECOND).await;
    assert_eq!(served(&cluster), [64, 0], "seed {seed}: pinned slots have moved to balance");
    cluster
}

fn served(cluster: &Cluster) -> [u64; 2] {
    [ONE, TWO].map(|app| counted(cluster, app, SERVED))
}

#[tokio::test(start_paused = true)]
async fn pinned_slots_stay_with_their_app_over_a_restart_of_the_lease_backend() {
    for seed in 0..3 {
        let cluster = filled(seed).await;
        let cx = cluster.cx(CALLER);
        let before = held_by(&cluster, ONE).await;
        assert_eq!(before.1.len(), 64);
        for away in [Duration::ZERO, 2 * SECOND, SECOND * 5 / 2] {
            cluster.set_faults_of_all(Seam::Leases, &SeamFaults::away());
            cluster.advance(away).await;
            cluster.restart_leases();
            cluster.set_faults_of_all(Seam::Leases, &SeamFaults::default());
            cluster.advance(2 * SECOND).await;
        }
        assert_eq!(held_by(&cluster, ONE).await, before, "seed {seed}: something was granted anew");
        assert_eq!(served(&cluster), [64, 0], "seed {seed}");
        assert!(all(&cx).await.iter().all(|it| *it == (1, ONE.to_owned(), 1)), "seed {seed}");
        assert_eq!(counted(&cluster, ONE, SUSPENSIONS), 0, "seed {seed}");
    }
}

/// The lease backend is away from all for longer than any lease, with a change of each key that is not saved.
async fn outage(cluster: &Cluster) {
    let cx = cluster.cx(CALLER);
    for key in 1..=KEYS {
        add(&cx, key, "").await.unwrap();
    }
    cluster.set_faults_of_all(Seam::Leases, &SeamFaults::away());
    cluster.advance(9 * SECOND).await;
    assert_eq!(served(cluster), [0, 0], "without a lease nothing is served");
}

#[tokio::test(start_paused = true)]
async fn pinned_slots_that_nobody_had_during_an_outage_go_on_where_they_were() {
    for (seed, restarts) in [(0, true), (1, false), (2, false), (3, false)] {
        let cluster = filled(seed).await;
        outage(&cluster).await;
        if restarts {
            cluster.restart_leases();
        } else {
            // It is there first.
            cluster.set_faults(ONE, Seam::Leases, SeamFaults::default());
            cluster.advance(2 * SECOND).await;
        }
        cluster.end_faults();
        cluster.advance(15 * SECOND).await;
        assert_eq!(served(&cluster), [64, 0], "seed {seed}");
        let pots = all(&cluster.cx(CALLER)).await;
        let as_before = pots.iter().all(|it| *it == (2, ONE.to_owned(), 2));
        assert!(as_before, "seed {seed}: it goes on with what was not saved: {pots:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn pinned_slots_whose_leases_have_ended_are_served_by_one_app_and_nothing_saved_is_lost() {
    // Their leases are free for whoever asks first: the one to which half of them belong, or whichever it is.
    for (seed, two_is_first) in [(0, true), (1, true), (2, false), (3, false), (4, false)] {
        let cluster = filled(seed).await;
        outage(&cluster).await;
        if two_is_first {
            cluster.set_faults(TWO, Seam::Leases, SeamFaults::default());
            cluster.advance(2 * SECOND).await;
        }
        cluster.end_faults();
        cluster.advance(15 * SECOND).await;
        let [one, two] = served(&cluster);
        assert_eq!(one + two, 64, "seed {seed}: {one} and {two} are served");
        assert!(two > 0 || !two_is_first, "seed {seed}: the other app has taken none");
        let cx = cluster.cx(CALLER);
        for (key, (value, app, beside)) in (1..).zip(all(&cx).await) {
            let saved = value >= 1;
            let right = if app == ONE { (value, beside) == (2, 2) } else { saved && beside == 0 };
            assert!(right, "seed {seed}: {key} is {value} and {beside} at {app}");
            assert_eq!(add(&cx, key, "").await.unwrap().value, value + 1, "seed {seed}: {key}");
        }
    }
}
