//! An app that crashes, hangs or is cut off is replaced soon after its lease is over, also where its links and discovery still know it.

use std::time::Duration;

use guildhall::{Cx, Effect};
use guildhall_core::env::Instant;
use guildhall_testkit::Cluster;

use super::{KEYS, ONE, SLOTS, THREE, TWO, add, all, cluster, cluster_with, count_at, fill};
use crate::world::CALLER;

/// `ownership.ttl_ms`.
const TTL: Duration = Duration::from_secs(5);

/// What a takeover may take after the lease is over, in an idle cluster.
const AFTER: Duration = Duration::from_millis(1_500);

/// Longer than the save interval.
const SAVED: Duration = Duration::from_secs(40);

/// What happens to an owner.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Kill,
    Hang,
    /// From the lease backend, and from all other apps.
    CutOff,
}

const FAULTS: [Fault; 3] = [Fault::Kill, Fault::Hang, Fault::CutOff];

impl Fault {
    fn begin(self, cluster: &mut Cluster, app: &str) {
        match self {
            Self::Kill => cluster.kill(app),
            Self::Hang => cluster.pause(app),
            Self::CutOff => {
                for other in [ONE, TWO, THREE, CALLER].iter().filter(|other| **other != app) {
                    cluster.partition(app, other);
                }
                for seam in guildhall_testkit::Seam::ALL {
                    cluster.set_faults(app, seam, guildhall_testkit::SeamFaults::away());
                }
            }
        }
    }
}

/// How long after `begun` every key was answered again: calls that the owner has are not waited for.
async fn waited(cx: &Cx, begun: Instant) -> Duration {
    for key in 1..=KEYS {
        while add(&cx.within(Duration::from_millis(200)), key, "").await.is_err() {}
    }
    cx.env().now() - begun
}

#[tokio::test(start_paused = true)]
async fn whatever_happens_to_an_owner_its_keys_are_answered_when_its_lease_is_over() {
    for (seed, fault) in (1..).zip(FAULTS) {
        let mut cluster = cluster(seed, &[ONE, TWO, THREE]).await;
        let cx = cluster.cx(CALLER);
        cluster.advance(Duration::from_secs(2)).await;
        fill(&cx).await;
        assert!(count_at(&all(&cx).await, ONE) > 5);
        let begun = cx.env().now();
        fault.begin(&mut cluster, ONE);
        let one = waited(&cx, begun).await;
        assert!(one <= TTL + AFTER, "{fault:?}: the keys were answered after {one:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn two_owners_that_hang_one_after_the_other_are_replaced_within_twice_the_time() {
    for (seed, at) in (1..).zip([0, 1_000, 3_000, 4_900, 5_100, 6_000]) {
        let mut cluster = cluster(seed, &[ONE, TWO, THREE]).await;
        let cx = cluster.cx(CALLER);
        cluster.advance(Duration::from_secs(2)).await;
        fill(&cx).await;
        let begun = cx.env().now();
        Fault::Hang.begin(&mut cluster, ONE);
        cluster.advance(Duration::from_millis(at)).await;
        Fault::Hang.begin(&mut cluster, TWO);
        let both = waited(&cx, begun).await;
        assert!(both <= (TTL + AFTER) * 2, "{at} ms: the keys were answered after {both:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_pause_shorter_than_the_lease_moves_nothing() {
    for (seed, pause) in (1..).zip([1_000, 3_000, 3_900]) {
        let cluster = cluster_with(seed, &[ONE, TWO], &[SLOTS]).await;
        let cx = cluster.cx(CALLER);
        cluster.advance(Duration::from_secs(2)).await;
        fill(&cx).await;
        let before = all(&cx).await;
        cluster.pause(ONE);
        cluster.advance(Duration::from_millis(pause)).await;
        cluster.resume(ONE);
        cluster.advance(Duration::from_secs(10)).await;
        assert_eq!(all(&cx).await, before, "{pause} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn an_app_that_hung_has_its_share_again_when_it_goes_on() {
    let cluster = cluster(5, &[ONE, TWO]).await;
    let cx = cluster.cx(CALLER);
    cluster.advance(Duration::from_secs(2)).await;
    fill(&cx).await;
    let before: Vec<String> = all(&cx).await.into_iter().map(|(_, app, _)| app).collect();
    cluster.advance(SAVED).await;
    cluster.pause(ONE);
    cluster.advance(Duration::from_secs(8)).await;
    assert_eq!(count_at(&all(&cx).await, ONE), 0);
    cluster.resume(ONE);
    cluster.advance(Duration::from_secs(5)).await;
    let after: Vec<String> = all(&cx).await.into_iter().map(|(_, app, _)| app).collect();
    assert_eq!(after, before);
}

#[tokio::test(start_paused = true)]
async fn settings_by_which_a_pause_is_a_death_before_the_lease_is_over_are_an_error_at_the_start() {
    for (knob, value) in [("app.discovery_ttl_ms", "4999"), ("link.ping_ms", "2499")] {
        let mut cluster = Cluster::new(1);
        let started = cluster.start_with(ONE, &[(knob, value)], super::pots).await;
        let error = started.unwrap_err().to_string();
        for part in [knob, value, "ownership.ttl_ms", "5000"] {
            assert!(error.contains(part), "{error}");
        }
        // It owns nothing.
        cluster.start_with(CALLER, &[(knob, value)], |app| app).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_a_hung_owner_has_fails_when_its_lease_is_over_and_not_at_its_deadline() {
    let cluster = cluster(3, &[ONE, TWO]).await;
    let cx = cluster.cx(CALLER);
    cluster.advance(Duration::from_secs(2)).await;
    fill(&cx).await;
    let at_one = (1..=KEYS).zip(all(&cx).await).find(|(_, (_, app, _))| app == ONE);
    let (key, _) = at_one.unwrap();
    cluster.pause(ONE);
    let begun = cx.env().now();
    let status = add(&cx.within(Duration::from_secs(60)), key, "").await.unwrap_err();
    let took = cx.env().now() - begun;
    assert_eq!(
        (status.effect(), took <= TTL + AFTER),
        (Effect::MayHaveRun, true),
        "{status} {took:?}"
    );
    assert!(took > TTL / 2, "an app that hangs for {took:?} may go on");
}
