//! Slots that cannot leave, because their actors cannot be saved.

use std::time::Duration;

use guildhall_testkit::{Seam, SeamFaults};

use super::{KEYS, ONE, SLOTS, TWO, add, all, cluster, cluster_with, count_at, fill, pots};
use crate::world::CALLER;

#[tokio::test(start_paused = true)]
async fn a_slot_whose_actors_cannot_be_saved_serves_on_and_moves_when_they_can() {
    let mut cluster = cluster(21, &[ONE]).await;
    let cx = cluster.cx(CALLER);
    fill(&cx).await;
    cluster.set_faults(ONE, Seam::Store, SeamFaults::away());
    cluster.start_with(TWO, &[SLOTS], pots).await.unwrap();
    cluster.linked().await;
    let began = cx.env().now();
    let (mut rounds, mut longest, mut late) = (1, Duration::ZERO, 0);
    while cx.env().now() - began < Duration::from_secs(60) {
        for key in 1..=KEYS {
            let asked = cx.env().now();
            add(&cx, key, "").await.unwrap();
            let took = cx.env().now() - asked;
            longest = longest.max(took);
            late += u32::from(took > Duration::from_millis(500));
        }
        rounds += 1;
        cluster.advance(Duration::from_secs(1)).await;
    }
    assert!(longest < Duration::from_millis(2500), "ownership.move_ms is 2000: {longest:?}");
    // With a pause that doubles a slot tries to leave eight times a minute at most, and not twenty.
    assert!(late < KEYS * 4, "{late} calls of {} have waited for a move", rounds * KEYS);
    cluster.end_faults();
    cluster.advance(Duration::from_secs(35)).await;
    let moved = all(&cx).await;
    assert!(moved.iter().all(|(value, ..)| *value == i64::from(rounds)), "{rounds}: {moved:?}");
    assert!((10..30).contains(&count_at(&moved, TWO)), "{moved:?}");
}

#[tokio::test(start_paused = true)]
async fn what_an_actor_gave_that_nobody_calls_goes_when_an_idle_actor_would() {
    let settings = [SLOTS, ("actor.pot.idle_ms", "60000")];
    let mut cluster = cluster_with(23, &[ONE], &settings).await;
    let cx = cluster.cx(CALLER);
    fill(&cx).await;
    // Moves without a call in between: within the idle time what was given goes on, whichever way it takes.
    cluster.start_with(TWO, &settings, pots).await.unwrap();
    for _ in 0..2 {
        cluster.linked().await;
        cluster.advance(Duration::from_secs(20)).await;
        cluster.shutdown(TWO).await;
        cluster.restart(TWO).await.unwrap();
    }
    cluster.linked().await;
    cluster.advance(Duration::from_secs(2)).await;
    let moved = all(&cx).await;
    assert!(moved.iter().all(|(.., beside)| *beside == 1), "after 42 s: {moved:?}");
    // All were called just now. Those that move are not called again for longer than an actor stays in memory.
    cluster.shutdown(TWO).await;
    cluster.advance(Duration::from_secs(30)).await;
    cluster.restart(TWO).await.unwrap();
    cluster.linked().await;
    cluster.advance(Duration::from_secs(31)).await;
    cluster.shutdown(TWO).await;
    let moved = all(&cx).await;
    assert!(moved.iter().all(|(value, ..)| *value == 1), "rows stay: {moved:?}");
    assert!(moved.iter().all(|(.., beside)| *beside == 0), "after 61 s: {moved:?}");
}
