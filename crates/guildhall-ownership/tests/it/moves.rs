//! Slots move from one app to another.

use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::world::{ONE, SLOTS, TWO, World};

const MOMENT: Duration = Duration::from_millis(10);

#[tokio::test(start_paused = true)]
async fn a_slot_follows_its_target_with_what_its_actors_give_along_and_its_epochs_grow() {
    let world = World::start(ONE).await;
    assert!(world.one.serves_all() && world.two.serves_none());
    let mut before = world.one.epochs();
    for (key, value) in [("ann", 7), ("bob", 8)] {
        world.one.pots.set(2, key, value);
    }
    for (target, from, to) in [(TWO, &world.one, &world.two), (ONE, &world.two, &world.one)] {
        world.set_target(target);
        world.wait(MOMENT).await;
        assert!(from.serves_none(), "{target}: {:?}", from.own.unsettled());
        assert!(to.serves_all(), "{target}: {:?}", to.own.unsettled());
        let after = to.epochs();
        assert!(before.iter().zip(&after).all(|(before, after)| before < after), "{after:?}");
        let values = ["ann", "bob"].map(|key| (from.pots.value(2, key), to.pots.value(2, key)));
        assert_eq!(values, [(None, Some(7)), (None, Some(8))], "{target}");
        before = after;
    }
    assert_eq!(world.one.own.unsettled(), Vec::<String>::new());
    assert_eq!(world.one.counted("guildhall_slots_given_total"), SLOTS.to_string());
    assert_eq!(world.one.counted("guildhall_slots_taken_total"), SLOTS.to_string());
}

#[tokio::test(start_paused = true)]
async fn an_app_that_is_not_the_target_is_given_nothing() {
    let world = World::start(ONE).await;
    let before = world.one.epochs();
    let request =
        guildhall_ownership::MoveRequest { lease: "pot/2".into(), epoch: before[2], at_least: 0 };
    let answer = world.one.own.answer_move(world.two.holder.clone(), request).await;
    assert_eq!(answer, None);
    assert_eq!(world.one.epochs(), before);
}

#[tokio::test(start_paused = true)]
async fn a_slot_whose_actors_cannot_be_saved_stays_and_moves_when_they_can() {
    let world = World::start(ONE).await;
    let before = world.one.epochs();
    world.one.pots.set(1, "ann", 7);
    world.one.pots.saves_fail.store(true, Ordering::Relaxed);
    world.set_target(TWO);
    world.wait(Duration::from_secs(3)).await;
    assert_eq!(world.one.epochs(), before, "served on, under the same grants");
    assert!(world.two.serves_none());
    world.one.pots.saves_fail.store(false, Ordering::Relaxed);
    world.wait(Duration::from_secs(5)).await;
    assert!(world.two.serves_all(), "{:?}", world.two.own.unsettled());
    assert_eq!(world.two.pots.value(1, "ann"), Some(7));
}

#[tokio::test(start_paused = true)]
async fn an_app_waits_until_all_that_belongs_to_others_is_handed_over() {
    let world = World::start(ONE).await;
    world.set_target(TWO);
    world.one.own.handed_over().await;
    assert!(world.one.serves_none());
    world.one.own.close().await;
    assert!(!world.one.own.is_valid() && world.two.own.is_valid());
    assert!(world.two.serves_all());
}
