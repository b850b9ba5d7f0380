//! Leases of the game's own.

use std::time::Duration;

use bytes::Bytes;
use guildhall_core::status::reason;
use guildhall_ownership::{Lease, LeaseLoss, LeaseWait};

use crate::world::{App, ONE, World};

fn lease(app: &App) -> Lease {
    let wait = LeaseWait { timeout: Duration::from_secs(5), deadline: None };
    app.own.lease("raid-7", wait)
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_taken_over_with_what_its_holder_gives_along() {
    let world = World::start(ONE).await;
    let first = lease(&world.one);
    let first = first.on_move_out(async |_| Ok(Bytes::from_static(b"the boss is at 40 %")));
    let first = first.acquire().await.unwrap();
    let refused = lease(&world.two).acquire().await.unwrap_err();
    assert_eq!(refused.reason(), reason::NOT_THE_OWNER);
    let mut second = lease(&world.two).take_over().await.unwrap();
    assert_eq!(second.given(), "the boss is at 40 %");
    assert!(second.epoch() > first.epoch());
    assert!(second.is_valid() && !first.is_valid());
    assert_eq!(first.lost().await, LeaseLoss::Gone);
    let holder = lease(&world.one).holder().await.unwrap();
    assert_eq!(holder, Some(world.two.holder.app.clone()));
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_dropped_is_free_for_other_apps() {
    let world = World::start(ONE).await;
    let first = lease(&world.one).acquire().await.unwrap();
    drop(first);
    world.wait(Duration::from_millis(10)).await;
    let second = lease(&world.two).acquire().await.unwrap();
    assert!(second.is_valid());
}
