//! What can be seen of ownership: who serves how many slots, how long moves take, and that leases are away.

use std::time::Duration;

use guildhall::Cx;
use guildhall_testkit::{Cluster, Seam, SeamFaults};

use crate::moves::{ONE, TWO, pots};
use crate::world::CALLER;

const SLOTS: i64 = 1024;

async fn cluster(seed: u64) -> Cluster {
    let mut cluster = Cluster::new(seed);
    cluster.start(ONE, pots).await.unwrap();
    cluster.start(CALLER, |app| app).await.unwrap();
    cluster.linked().await;
    cluster.advance(Duration::from_secs(1)).await;
    cluster
}

/// The value of a metric for the actor type.
fn number(cx: &Cx, metric: &str) -> i64 {
    let (text, name) = (cx.metrics().text(), format!("{metric}{{actor=\"pot\"}} "));
    let line = text.lines().find_map(|line| line.strip_prefix(&name));
    line.unwrap_or_else(|| panic!("no {name} in\n{text}")).parse().unwrap()
}

#[tokio::test(start_paused = true)]
async fn slots_are_counted_where_they_are_served_and_their_moves_are_timed() {
    let mut cluster = cluster(1).await;
    let one = cluster.cx(ONE);
    assert_eq!(number(&one, "guildhall_slots"), SLOTS);
    cluster.start(TWO, pots).await.unwrap();
    cluster.linked().await;
    cluster.advance(Duration::from_secs(3)).await;
    let here = number(&one, "guildhall_slots");
    assert!((1..SLOTS).contains(&here), "{here}");
    assert_eq!(here + number(&cluster.cx(TWO), "guildhall_slots"), SLOTS);
    assert_eq!(number(&one, "guildhall_slot_move_seconds_count"), SLOTS - here);
}

#[tokio::test(start_paused = true)]
async fn an_app_whose_leases_are_away_says_so_and_its_slots_are_suspended() {
    let cluster = cluster(2).await;
    let one = cluster.cx(ONE);
    assert_eq!(one.problems(), Vec::<String>::new());
    cluster.set_faults(ONE, Seam::Leases, SeamFaults::away());
    cluster.advance(Duration::from_secs(2)).await;
    let problems = one.problems();
    assert!(problems.iter().any(|problem| problem.starts_with("leases: ")), "{problems:?}");
    assert_eq!(number(&one, "guildhall_slots"), SLOTS);
    cluster.advance(Duration::from_secs(10)).await;
    assert_eq!(number(&one, "guildhall_slots"), 0);
    cluster.end_faults();
    cluster.advance(Duration::from_secs(2)).await;
    assert_eq!(one.problems(), Vec::<String>::new());
    assert_eq!(number(&one, "guildhall_slots"), SLOTS);
}

#[tokio::test(start_paused = true)]
async fn pinned_slots_move_when_their_app_drains_and_not_to_balance() {
    let pinned = [("actor.pot.pinned", "true")];
    let mut cluster = Cluster::new(3);
    for id in [ONE, TWO] {
        cluster.start_with(id, &pinned, pots).await.unwrap();
        cluster.advance(Duration::from_secs(3)).await;
    }
    assert_eq!(number(&cluster.cx(ONE), "guildhall_slots"), SLOTS);
    cluster.shutdown(ONE).await;
    assert_eq!(number(&cluster.cx(TWO), "guildhall_slots"), SLOTS);
}

#[tokio::test(start_paused = true)]
async fn another_number_of_slots_than_before_is_a_start_up_error() {
    let mut cluster = Cluster::new(4);
    cluster.start_with(ONE, &[("actor.pot.slots", "16")], pots).await.unwrap();
    let error = cluster.start_with(TWO, &[("actor.pot.slots", "32")], pots).await.unwrap_err();
    let error = error.to_string();
    assert!(error.contains("actor.pot.slots is 32") && error.contains("16"), "{error}");
}
