//! Slots that cannot leave, because their actors cannot be saved.

use std::time::Duration;

use guildhall_testkit::{Seam, SeamFaults};

use super::{KEYS, ONE, SLOTS, TWO, add, all, cluster, count_at, fill, pots};
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
