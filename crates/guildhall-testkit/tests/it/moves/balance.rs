//! Slots follow the weights of apps, few at a time, and never move for nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use guildhall_core::leases::LeaseChange;
use guildhall_core::slot_of;
use guildhall_testkit::{Cluster, Seam, SeamFaults};

use super::{ONE, THREE, TWO, add, cluster_with, counted, pots};
use crate::world::{CALLER, spawn};

const SLOTS: u32 = 128;
const SETTINGS: [(&str, &str); 2] = [("app.slots", "128"), ("actor.pot.save_ms", "600000")];

/// Longer than all moves after a change.
const SETTLED: Duration = Duration::from_secs(3);

const GIVEN: &str = "guildhall_slots_given_total";
const TAKEN: &str = "guildhall_slots_taken_total";

/// Which app holds each slot, as the leases say.
async fn holders(cluster: &Cluster) -> BTreeMap<u32, String> {
    let mut watch = cluster.leases().watch("pot/").await.unwrap();
    let mut holders = BTreeMap::new();
    loop {
        match watch.recv().await.unwrap() {
            LeaseChange::Held(id, holding) => {
                let slot = id.strip_prefix("pot/").unwrap().parse().unwrap();
                holders.insert(slot, holding.holder.app.to_string());
            }
            LeaseChange::Free(_) => {}
            LeaseChange::Synced => return holders,
        }
    }
}

fn count(holders: &BTreeMap<u32, String>, app: &str) -> u32 {
    u32::try_from(holders.values().filter(|holder| *holder == app).count()).unwrap()
}

/// Slots that have another holder.
fn moved(before: &BTreeMap<u32, String>, after: &BTreeMap<u32, String>) -> u64 {
    before.iter().filter(|(slot, holder)| after[slot] != **holder).count() as u64
}

async fn start(cluster: &mut Cluster, id: &str, weight: &str) {
    let settings = [&SETTINGS[..], &[("app.weight", weight)]].concat();
    cluster.start_with(id, &settings, pots).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn slots_follow_the_weights_of_apps_that_join_and_leave() {
    let mut cluster = cluster_with(11, &[], &SETTINGS).await;
    let mut before = None;
    // Who is there, with which weight; whoever is not there any more has left.
    for weights in [
        &[(ONE, 100)][..],
        &[(ONE, 100), (TWO, 300)],
        &[(ONE, 100), (TWO, 300), (THREE, 100)],
        &[(ONE, 100), (THREE, 100)],
    ] {
        for (id, weight) in weights {
            if !cluster.apps().iter().any(|app| app == id) {
                start(&mut cluster, id, &weight.to_string()).await;
            }
        }
        if weights.len() == 2 && weights[1].0 == THREE {
            cluster.shutdown(TWO).await;
        }
        cluster.advance(SETTLED).await;
        let now = holders(&cluster).await;
        assert_eq!(now.len(), SLOTS as usize, "{weights:?}");
        let all: u32 = weights.iter().map(|(_, weight)| weight).sum();
        for (id, weight) in weights {
            let (held, fair) = (count(&now, id), SLOTS * weight / all);
            assert!(held.abs_diff(fair) <= SLOTS / 10, "{weights:?}: {id} has {held}, not {fair}");
        }
        if let Some(before) = before.replace(now.clone()) {
            // Only what comes to the new one, or has lost its app, moves.
            let (fewest, most) = (SLOTS / 10, SLOTS * 8 / 10);
            let moved = moved(&before, &now);
            assert!((fewest.into()..=most.into()).contains(&moved), "{weights:?}: {moved} moved");
        }
    }
}

/// Keys that make one actor in each slot.
fn one_per_slot() -> Vec<u32> {
    let mut keys = BTreeMap::new();
    (0..)
        .map_while(|key: u32| {
            keys.entry(slot_of(&key.to_string(), SLOTS)).or_insert(key);
            (keys.len() < SLOTS as usize).then_some(())
        })
        .for_each(drop);
    keys.into_values().collect()
}

#[tokio::test(start_paused = true)]
async fn an_app_gives_few_slots_at_a_time_whoever_asks() {
    const AT_A_TIME: usize = 4;
    let settings = [&SETTINGS[..], &[("ownership.moves_max", "4")]].concat();
    let mut cluster = cluster_with(12, &[ONE], &settings).await;
    let cx = cluster.cx(CALLER);
    for key in one_per_slot() {
        add(&cx, key, "").await.unwrap();
    }
    // Each actor has to be saved before it goes, which takes as long.
    let way = Duration::from_millis(50);
    cluster.set_faults(ONE, Seam::Store, SeamFaults::slow(way..way + Duration::from_millis(1)));
    let mut watch = cluster.leases().watch("pot/").await.unwrap();
    let env = cluster.env(CALLER);
    let watching = spawn(async move {
        while watch.recv().await.unwrap() != LeaseChange::Synced {}
        let mut given = Vec::new();
        while let Some(Some(change)) =
            env.until(env.now() + Duration::from_secs(5), watch.recv()).await
        {
            assert!(matches!(change, LeaseChange::Held(..)), "{change:?}");
            given.push(env.now());
        }
        given
    });
    // Two that ask at once.
    for id in [TWO, THREE] {
        cluster.start_with(id, &settings, pots).await.unwrap();
    }
    let given = watching.await.unwrap();
    let now = holders(&cluster).await;
    assert_eq!(given.len(), (count(&now, TWO) + count(&now, THREE)) as usize);
    assert!(given.len() > SLOTS as usize / 2, "only {} have moved", given.len());
    // Those that end within the time of one have been on their way together.
    let together = |(at, end): (usize, &_)| {
        given[at..].iter().take_while(|other| **other - *end < way * 2).count()
    };
    let most = given.iter().enumerate().map(together).max().unwrap();
    assert_eq!(most, AT_A_TIME);
}

#[tokio::test(start_paused = true)]
async fn apps_that_see_different_apps_do_not_pull_slots_to_and_fro() {
    // What the view of all three says.
    let together = cluster_with(0, &[ONE, TWO, THREE], &SETTINGS).await;
    together.advance(SETTLED).await;
    let all_three = holders(&together).await;
    drop(together);
    for seed in 1..4 {
        let mut cluster = cluster_with(seed, &[ONE, THREE], &SETTINGS).await;
        cluster.advance(SETTLED).await;
        let (two, given) = (holders(&cluster).await, given(&cluster, &[ONE, THREE]));
        // Each of them believes to be alone, and the leases know better.
        cluster.partition(ONE, THREE);
        cluster.advance(Duration::from_secs(30)).await;
        assert_eq!(holders(&cluster).await, two, "seed {seed}");
        assert_eq!(self::given(&cluster, &[ONE, THREE]), given, "seed {seed}");
        // The third is seen by both, and sees both.
        start(&mut cluster, TWO, "100").await;
        cluster.advance(Duration::from_secs(30)).await;
        assert_eq!(holders(&cluster).await, all_three, "seed {seed}");
        let needed = given + moved(&two, &all_three);
        assert_eq!(self::given(&cluster, &[ONE, TWO, THREE]), needed, "seed {seed}");
        // Views that come and go change nothing.
        for (a, b) in [(ONE, TWO), (TWO, THREE), (ONE, THREE), (TWO, ONE)] {
            cluster.heal_all();
            cluster.advance(Duration::from_millis(cluster.env(ONE).random_below(4_000))).await;
            cluster.partition(a, b);
            cluster.advance(Duration::from_millis(cluster.env(ONE).random_below(40_000))).await;
        }
        cluster.heal_all();
        cluster.advance(Duration::from_secs(30)).await;
        assert_eq!(holders(&cluster).await, all_three, "seed {seed}");
        assert_eq!(self::given(&cluster, &[ONE, TWO, THREE]), needed, "seed {seed}");
        // It leaves while the others do not see each other: each of its slots moves once.
        cluster.partition(ONE, THREE);
        cluster.advance(Duration::from_secs(30)).await;
        let taken = |cluster: &Cluster| -> u64 {
            [ONE, THREE].iter().map(|id| counted(cluster, id, TAKEN)).sum()
        };
        let before = taken(&cluster);
        cluster.shutdown(TWO).await;
        cluster.heal_all();
        cluster.advance(Duration::from_secs(30)).await;
        assert_eq!(holders(&cluster).await, two, "seed {seed}");
        assert_eq!(taken(&cluster) - before, moved(&all_three, &two), "seed {seed}");
    }
}

/// Slots that these apps have given to others, in their present lives.
fn given(cluster: &Cluster, apps: &[&str]) -> u64 {
    apps.iter().map(|id| counted(cluster, id, GIVEN)).sum()
}
