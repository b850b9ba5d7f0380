//! An owner that cannot reach the lease backend serves nothing, keeps what it has in memory, and goes on when the backend is back.

use std::time::Duration;

use guildhall::Effect;
use guildhall_core::leases::LeaseChange;
use guildhall_testkit::{Cluster, Seam, SeamFaults};

use super::{KEYS, ONE, SLOTS, TWO, add, all, cluster_with, count_at, counted, fill, pots};
use crate::world::{CALLER, spawn};

const SUSPENSIONS: &str = "guildhall_suspensions_total";
const ACTIVATIONS: &str = "guildhall_actor_activations_total";

const SERVED: &str = "guildhall_slots{actor=\"pot\"}";

/// So early that a keep-alive may still reach the session of a suspended app.
const SETTINGS: [(&str, &str); 2] =
    [("ownership.margin_ms", "3000"), ("actor.pot.save_ms", "600000")];

/// Longer than the save interval.
const SAVED: Duration = Duration::from_secs(6);

/// The epochs of the slots that an app holds.
async fn epochs(cluster: &Cluster, app: &str) -> Vec<u64> {
    let mut watch = cluster.leases().watch("pot/").await.unwrap();
    let mut epochs = Vec::new();
    loop {
        match watch.recv().await.unwrap() {
            LeaseChange::Held(_, holding) if holding.holder.app.as_str() == app => {
                epochs.push(holding.epoch);
            }
            LeaseChange::Synced => return epochs,
            LeaseChange::Held(..) | LeaseChange::Free(_) => {}
        }
    }
}

/// Takes the lease backend away from all until one of two owners is suspended, and for `longer`; its epochs before and after. Were it
/// away from this owner alone, the other one would take over.
async fn suspended(seed: u64, longer: Duration) -> (Vec<u64>, Vec<u64>) {
    let cluster = cluster_with(seed, &[ONE, TWO], &SETTINGS).await;
    let cx = cluster.cx(CALLER);
    cluster.advance(Duration::from_secs(2)).await;
    fill(&cx).await;
    let (before, held) = (all(&cx).await, epochs(&cluster, ONE).await);
    let activations = counted(&cluster, ONE, ACTIVATIONS);
    let of_one = |(key, _): &(u32, &(i64, String, i64))| before[*key as usize - 1].1 == ONE;
    let keys: Vec<u32> = (1..=KEYS).zip(&before).filter(of_one).map(|(key, _)| key).collect();
    assert!(keys.len() > 5, "{before:?}");
    cluster.set_faults_of_all(Seam::Leases, &SeamFaults::away());
    while counted(&cluster, ONE, SUSPENSIONS) == 0 {
        cluster.advance(Duration::from_millis(10)).await;
    }
    // What is called now does not run, or runs when the leases are back.
    let refused = add(&cx.within(Duration::from_millis(300)), keys[0], "").await.unwrap_err();
    assert_eq!(refused.effect(), Effect::NotRun, "{refused}");
    let waiting = cx.within(Duration::from_secs(30));
    let waiting = cx.env().spawn("waiting", {
        let key = keys[1];
        async move { add(&waiting, key, "").await }
    });
    cluster.advance(longer).await;
    cluster.set_faults_of_all(Seam::Leases, &SeamFaults::default());
    let ran = match waiting.await.unwrap().unwrap() {
        Ok(_) => 1,
        Err(status) => {
            assert_eq!(status.effect(), Effect::NotRun, "{status}");
            0
        }
    };
    cluster.advance(Duration::from_secs(3)).await;
    let after = all(&cx).await;
    for (key, (before, after)) in (1..).zip(before.iter().zip(&after)) {
        let ran = if key == keys[1] { ran } else { 0 };
        let (value, app, beside) = before;
        assert_eq!(*after, (value + ran, app.clone(), beside + ran), "{key}");
    }
    assert_eq!(count_at(&after, ONE), keys.len());
    assert_eq!(counted(&cluster, ONE, ACTIVATIONS), activations, "something was loaded again");
    assert_eq!(counted(&cluster, ONE, SUSPENSIONS), 1);
    (held, epochs(&cluster, ONE).await)
}

#[tokio::test(start_paused = true)]
async fn a_suspended_owner_goes_on_with_its_memory_when_its_session_was_kept() {
    for seed in 0..3 {
        let (before, after) = suspended(seed, Duration::ZERO).await;
        assert_eq!(before, after, "seed {seed}: its session has ended");
    }
}

#[tokio::test(start_paused = true)]
async fn a_suspended_owner_goes_on_with_its_memory_when_its_session_has_expired() {
    for seed in 0..3 {
        let (before, after) = suspended(seed, Duration::from_secs(20)).await;
        assert!(before.iter().max() < after.iter().min(), "seed {seed}: its session has not ended");
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_session_held_is_acquired_anew_also_when_the_backend_fails_often() {
    for seed in 0..20 {
        let cluster = cluster_with(seed, &[ONE, TWO], &SETTINGS).await;
        let cx = cluster.cx(CALLER);
        cluster.advance(Duration::from_secs(2)).await;
        fill(&cx).await;
        let before = all(&cx).await;
        let often = SeamFaults { unavailable: 85, ..SeamFaults::default() };
        for (faults, seconds) in [(SeamFaults::away(), 20), (often, 10), (SeamFaults::default(), 5)]
        {
            cluster.set_faults_of_all(Seam::Leases, &faults);
            cluster.advance(Duration::from_secs(seconds)).await;
        }
        assert_eq!(all(&cx).await, before, "seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_slot_whose_session_ends_while_it_moves_is_served_by_one() {
    let mut moves = 0;
    for seed in 0..5 {
        let settings = [SLOTS, ("ownership.ttl_ms", "600"), ("ownership.margin_ms", "200")];
        let mut cluster = cluster_with(seed, &[ONE], &settings).await;
        let cx = cluster.cx(CALLER);
        // Once saved, and once not.
        fill(&cx).await;
        cluster.advance(SAVED).await;
        fill(&cx).await;
        // What is saved on the way out takes longer than a move may take, and than the session lives without its backend.
        let way = Duration::from_millis(1_200);
        cluster.set_faults(ONE, Seam::Store, SeamFaults::slow(way..way + Duration::from_millis(1)));
        cluster.start_with(TWO, &settings, pots).await.unwrap();
        cluster.linked().await;
        cluster.advance(Duration::from_millis(100)).await;
        moves += 64 - counted(&cluster, ONE, SERVED);
        cluster.set_faults(ONE, Seam::Leases, SeamFaults::away());
        cluster.advance(Duration::from_millis(700)).await;
        cluster.set_faults(ONE, Seam::Leases, SeamFaults::default());
        cluster.advance(Duration::from_secs(3)).await;
        cluster.set_faults(ONE, Seam::Store, SeamFaults::default());
        cluster.advance(Duration::from_secs(5)).await;
        for (key, (value, _, _)) in (1..).zip(all(&cx).await) {
            // What was not saved goes with a session that ends while another app has one.
            assert!((1..=2).contains(&value), "seed {seed}, key {key}: {value}");
        }
        let served = [ONE, TWO].map(|app| counted(&cluster, app, SERVED));
        assert_eq!(served.iter().sum::<u64>(), 64, "seed {seed}: {served:?}");
    }
    assert!(moves > 0, "nothing was on its way");
}

#[tokio::test(start_paused = true)]
async fn calls_that_wait_in_a_mailbox_when_the_lease_runs_out_fail_in_time_and_have_not_run() {
    let mut cluster =
        cluster_with(24, &[ONE], &[SLOTS, ("actor.pot.turn_limit_ms", "60000")]).await;
    const ASKER: &str = "dev.w1.asker.1";
    cluster.start_with(ASKER, &[("call.timeout_ms", "40000")], |app| app).await.unwrap();
    cluster.linked().await;
    let cx = cluster.cx(ASKER);
    super::add(&cx, 1, "").await.unwrap();
    cluster.set_faults(ONE, Seam::Leases, SeamFaults::away());
    cluster.advance(Duration::from_secs(1)).await;
    // A turn over the end of the lease, and a call behind it.
    let (long, behind) = (cx.clone(), cx.clone());
    let _turn = spawn(async move { super::add(&long, 1, "long").await });
    cluster.advance(Duration::from_millis(100)).await;
    let asked = cx.env().now();
    let behind = spawn(async move { super::add(&behind, 1, "").await });
    let refused = behind.await.unwrap().unwrap_err();
    let took = cx.env().now() - asked;
    assert_eq!(refused.effect(), Effect::NotRun, "after {took:?}: {refused}");
    // The turn takes 8 s; then `ownership.hold_ms`, 3 s, for the call and each of its three retries.
    assert!(took < Duration::from_secs(8 + 4 * 3 + 1), "{took:?}");
}
