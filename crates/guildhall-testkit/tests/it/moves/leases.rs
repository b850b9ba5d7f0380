//! What apps do when the lease backend says something else than they think: grants that they have not heard of, sessions that are
//! over, holders that hang, and a backend that begins anew.

use std::time::Duration;

use guildhall_core::leases::{LeaseChange, Opened, Wanted};
use guildhall_core::store::{Holder, LeaseId};
use guildhall_testkit::{Cluster, Seam, SeamFaults};

use super::{
    KEYS, ONE, SLOTS, TWO, add, all, cluster, cluster_with, count_at, counted, fill, pots,
};
use crate::world::CALLER;

const SUSPENSIONS: &str = "guildhall_suspensions_total";
const SERVED: &str = "guildhall_slots{actor=\"pot\"}";
const SECOND: Duration = Duration::from_secs(1);

/// The slots that an app holds, with their epochs, and who it is.
pub(super) async fn held_by(cluster: &Cluster, app: &str) -> (Holder, Vec<(LeaseId, u64)>) {
    let mut watch = cluster.leases().watch("pot/").await.unwrap();
    let (mut holder, mut held) = (None, Vec::new());
    loop {
        match watch.recv().await.unwrap() {
            LeaseChange::Held(id, holding) if holding.holder.app.as_str() == app => {
                held.push((id, holding.epoch));
                holder = Some(holding.holder);
            }
            LeaseChange::Synced => return (holder.unwrap(), held),
            LeaseChange::Held(..) | LeaseChange::Free(_) => {}
        }
    }
}

/// The number of an app's session.
async fn session_of(cluster: &Cluster, holder: &Holder) -> u64 {
    match cluster.leases().open(holder, None, SECOND).await.unwrap() {
        Opened::Living(number) => number,
        Opened::New(number) => panic!("{holder} had no session; it has {number} now"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_slot_whose_grant_its_holder_has_not_heard_of_moves() {
    let mut cluster = cluster(1, &[ONE]).await;
    let cx = cluster.cx(CALLER);
    fill(&cx).await;
    // As a late copy of what the app had asked for, whose answer nobody hears.
    let (holder, held) = held_by(&cluster, ONE).await;
    let wish = |(id, _): &(LeaseId, u64)| Wanted { id: id.clone(), at_least: 0 };
    let wanted: Vec<_> = held.iter().map(wish).collect();
    cluster.leases().acquire(&holder, &wanted).await.unwrap();
    cluster.start_with(TWO, &[SLOTS], pots).await.unwrap();
    cluster.linked().await;
    cluster.settled().await;
    let moved = all(&cx).await;
    assert!((10..30).contains(&count_at(&moved, TWO)), "{moved:?}");
    assert!(moved.iter().all(|(value, _, beside)| (*value, *beside) == (1, 1)), "{moved:?}");
}

#[tokio::test(start_paused = true)]
async fn slots_that_are_not_given_do_not_keep_others_from_moving() {
    let settings = [SLOTS, ("ownership.moves_max", "2"), ("ownership.move_ms", "500")];
    let mut cluster = cluster_with(3, &[ONE], &settings).await;
    let cx = cluster.cx(CALLER);
    fill(&cx).await;
    // Saves of all that has changed take longer than a move may take: slots with such actors stay.
    let way = Duration::from_secs(2);
    for key in 1..=KEYS / 8 {
        add(&cx, key, "").await.unwrap();
    }
    cluster.set_faults(ONE, Seam::Store, SeamFaults::slow(way..way + Duration::from_millis(1)));
    cluster.start_with(TWO, &settings, pots).await.unwrap();
    cluster.linked().await;
    cluster.advance(30 * SECOND).await;
    cluster.set_faults(ONE, Seam::Store, SeamFaults::default());
    cluster.settled().await;
    let served = [ONE, TWO].map(|app| counted(&cluster, app, SERVED));
    assert!(served.iter().all(|served| (20..45).contains(served)), "{served:?}");
}

#[tokio::test(start_paused = true)]
async fn any_word_that_the_session_is_over_stops_what_is_served_at_once() {
    // So long that it is not the renewal that hears of it: that comes each 12 s.
    let settings = [
        SLOTS,
        ("ownership.ttl_ms", "60000"),
        ("app.discovery_ttl_ms", "60000"),
        ("link.ping_ms", "30000"),
    ];
    let cluster = cluster_with(1, &[ONE, TWO], &settings).await;
    let cx = cluster.cx(CALLER);
    cluster.settled().await;
    fill(&cx).await;
    // All is saved.
    cluster.advance(10 * SECOND).await;
    let (holder, _) = held_by(&cluster, ONE).await;
    let session = session_of(&cluster, &holder).await;
    cluster.leases().close(&holder, session).await.unwrap();
    assert_eq!(counted(&cluster, ONE, SUSPENSIONS), 0, "nobody has told it");
    cluster.advance(SECOND / 10).await;
    assert_eq!(counted(&cluster, ONE, SUSPENSIONS), 1, "it serves on after it was told");
    cluster.settled().await;
    assert_ne!(session_of(&cluster, &holder).await, session);
    for (key, (value, _, _)) in (1..).zip(all(&cx).await) {
        assert_eq!(value, 1, "{key}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_asker_does_not_wait_for_a_holder_whose_lease_has_ended() {
    let settings = [
        SLOTS,
        ("ownership.ttl_ms", "1500"),
        ("ownership.margin_ms", "300"),
        ("ownership.move_ms", "10000"),
    ];
    let mut cluster = cluster_with(1, &[ONE], &settings).await;
    cluster.start_with(TWO, &settings, pots).await.unwrap();
    while counted(&cluster, TWO, SERVED) == 0 {
        cluster.advance(Duration::from_millis(1)).await;
    }
    assert!(counted(&cluster, ONE, SERVED) > 32, "all has moved within a moment");
    cluster.pause(ONE);
    cluster.advance(Duration::from_millis(1_500 + 500)).await;
    let served = counted(&cluster, TWO, SERVED);
    assert_eq!(served, 64, "are served; the holder that was asked hangs, and its lease has ended");
    cluster.resume(ONE);
    cluster.settled().await;
}

#[tokio::test(start_paused = true)]
async fn a_lease_backend_that_begins_anew_within_the_ttl_is_not_noticed() {
    for seed in 0..3 {
        let cluster = cluster(seed, &[ONE, TWO]).await;
        let cx = cluster.cx(CALLER);
        cluster.settled().await;
        fill(&cx).await;
        let before = (held_by(&cluster, ONE).await, held_by(&cluster, TWO).await);
        let there = all(&cx).await;
        for away in [Duration::ZERO, 2 * SECOND, SECOND * 5 / 2] {
            cluster.set_faults_of_all(Seam::Leases, &SeamFaults::away());
            cluster.advance(away).await;
            cluster.restart_leases();
            cluster.set_faults_of_all(Seam::Leases, &SeamFaults::default());
            cluster.advance(2 * SECOND).await;
        }
        assert_eq!(all(&cx).await, there, "seed {seed}");
        let after = (held_by(&cluster, ONE).await, held_by(&cluster, TWO).await);
        assert_eq!(after, before, "seed {seed}: something was granted anew");
        for app in [ONE, TWO] {
            assert_eq!(counted(&cluster, app, SUSPENSIONS), 0, "seed {seed}, {app}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_lease_backend_that_was_away_for_longer_gives_nothing_to_others() {
    let cluster = cluster(1, &[ONE, TWO]).await;
    let cx = cluster.cx(CALLER);
    cluster.settled().await;
    // One app is away for longer than its session: the other one has all its slots then.
    cluster.pause(TWO);
    cluster.advance(8 * SECOND + SECOND / 2).await;
    fill(&cx).await;
    let (_, before) = held_by(&cluster, ONE).await;
    assert_eq!(before.len(), 64);
    // It comes back together with the backend.
    cluster.restart_leases();
    cluster.resume(TWO);
    let mut watch = cluster.leases().watch("pot/").await.unwrap();
    cluster.settled().await;
    let mut moved = 0;
    while let Ok(change) = watch.try_recv() {
        if let LeaseChange::Held(id, holding) = change
            && holding.holder.app.as_str() == TWO
        {
            assert!(holding.from.is_some(), "{id} was granted, and not given by its holder");
            moved += 1;
        }
    }
    assert!((20..45).contains(&moved), "{moved} slots have moved");
    assert_eq!(counted(&cluster, ONE, SUSPENSIONS), 0);
    for (key, (value, _, beside)) in (1..).zip(all(&cx).await) {
        assert_eq!((value, beside), (1, 1), "{key}");
    }
}
