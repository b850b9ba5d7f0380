//! Lease sessions run out, and what that stops.

use std::sync::atomic::Ordering;
use std::time::Duration;

use guildhall_core::leases::{Leases as _, Opened};

use guildhall_ownership::SlotHost as _;

use crate::world::{App, ONE, SLOTS, TWO, World};

const SECOND: Duration = Duration::from_secs(1);

/// Ends an app's session at the lease backend.
async fn end_session(world: &World, app: &App) {
    match world.leases.open(&app.holder, None, SECOND).await.unwrap() {
        Opened::Living(number) => world.leases.close(&app.holder, number).await.unwrap(),
        Opened::New(number) => panic!("{} had no session; it has {number} now", app.holder),
    }
}

#[tokio::test(start_paused = true)]
async fn an_app_whose_session_has_ended_suspends_its_slots_and_keeps_its_memory() {
    let world = World::start(ONE).await;
    let before = world.one.epochs();
    world.one.pots.set(3, "ann", 7);
    world.one.leases_away.store(true, Ordering::Relaxed);
    end_session(&world, &world.one).await;
    world.wait(2 * SECOND).await;
    assert!(!world.one.own.is_valid() && world.one.serves_none());
    assert_eq!(world.one.pots.table().counts().suspended, u64::from(SLOTS));
    assert_eq!(world.one.counted("guildhall_suspensions_total"), "1");
    assert_eq!(world.one.pots.value(3, "ann"), Some(7), "its memory is kept");
    assert!(world.one.problem.lock().unwrap().as_ref().unwrap().contains("is away"));

    world.one.leases_away.store(false, Ordering::Relaxed);
    world.wait(SECOND).await;
    assert!(world.one.own.is_valid() && world.one.serves_all());
    assert_eq!(*world.one.problem.lock().unwrap(), None);
    let after = world.one.epochs();
    assert!(before.iter().zip(&after).all(|(before, after)| before < after), "{after:?}");
    let fresh = |epoch| world.one.pots.table().is_fresh(3, epoch);
    assert!(!fresh(before[3]) && fresh(after[3]), "activations of before claim their rows again");
    assert_eq!(world.one.pots.value(3, "ann"), Some(7));
}

#[tokio::test(start_paused = true)]
async fn the_slots_of_an_app_that_hangs_go_to_the_next_owner_and_its_memory_is_dropped() {
    let world = World::start(ONE).await;
    let before = world.one.epochs();
    world.one.pots.set(0, "ann", 7);
    world.one.env.pause();
    world.wait(6 * SECOND).await;
    assert!(!world.one.own.is_valid(), "its own clock tells it");
    let ended = world.sessions_ended();
    assert_eq!(ended, std::slice::from_ref(&world.one.holder.app), "its mark tells the others");
    world.set_target(TWO);
    world.wait(SECOND).await;
    assert!(world.two.serves_all(), "{:?}", world.two.own.unsettled());
    let after = world.two.epochs();
    assert!(before.iter().zip(&after).all(|(before, after)| before < after), "{after:?}");

    world.one.env.resume();
    world.wait(SECOND).await;
    assert!(world.one.serves_none() && world.two.epochs() == after);
    assert_eq!(world.one.pots.value(0, "ann"), None, "what it has not saved is another app's now");
    assert!(world.sessions_ended().is_empty(), "it has a session again");
}

#[tokio::test(start_paused = true)]
async fn slots_are_free_at_once_when_their_app_closes_its_session() {
    let world = World::start(ONE).await;
    world.one.own.close().await;
    world.set_target(TWO);
    world.wait(Duration::from_millis(300)).await;
    assert!(world.two.serves_all(), "{:?}", world.two.own.unsettled());
}

#[tokio::test(start_paused = true)]
async fn an_app_that_closes_its_session_frees_its_leases_at_once_and_reports_no_problem() {
    let world = World::start(ONE).await;
    world.one.own.close().await;
    world.wait(Duration::from_millis(10)).await;
    assert_eq!(*world.one.problem.lock().unwrap(), None);
    assert_eq!(world.one.counted("guildhall_suspensions_total"), "0");
    world.set_target(TWO);
    world.wait(SECOND).await;
    assert!(world.two.serves_all(), "{:?}", world.two.own.unsettled());
}
