//! Rules of transfers.

use guildhall_core::leases::{Acquired, Holding, LeaseChange, Leases, Origin, Transferred};

use super::ground::{TTL, ask, grant, held, holder, id, next, session, taken};

/// Rule 6.
pub async fn a_transfer_gives_a_new_epoch_in_one_step<T: Leases>(open: impl AsyncFn() -> T) {
    let leases = open().await;
    let (one, two) = (holder(1, 1), holder(2, 1));
    session(&leases, &one, TTL).await;
    session(&leases, &two, TTL).await;
    let old = grant(&leases, &one, "role/1", 0).await;
    let mut watch = leases.watch("role/1").await.expect("it can be watched");
    assert_eq!(next(&mut watch, "the snapshot").await, held("role/1", &one, old));
    assert_eq!(next(&mut watch, "the end of it").await, LeaseChange::Synced);

    let done = leases.transfer(&one, &id("role/1"), old, &two, 3).await.expect("it is there");
    let Transferred::Done(epoch) = done else { panic!("{done:?}") };
    assert!(epoch > old, "{epoch} after {old}");
    let from = Some(Origin { epoch: old, offer: 3 });
    let change = LeaseChange::Held(id("role/1"), Holding { holder: two.clone(), epoch, from });
    assert_eq!(next(&mut watch, "the transfer, as one change").await, change);
    assert_eq!(ask(&leases, &one, "role/1", 0).await, taken(&two, epoch));
}

/// Rule 7.
pub async fn a_late_transfer_changes_nothing<T: Leases>(open: impl AsyncFn() -> T) {
    let leases = open().await;
    let (one, two) = (holder(1, 1), holder(2, 1));
    session(&leases, &one, TTL).await;
    session(&leases, &two, TTL).await;
    let old = grant(&leases, &one, "role/1", 0).await;
    let present = grant(&leases, &one, "role/1", 0).await;
    let holding = Holding { holder: one.clone(), epoch: present, from: None };
    for (by, epoch) in [(&one, old), (&two, present)] {
        let late = leases.transfer(by, &id("role/1"), epoch, &two, 1).await;
        assert_eq!(late, Ok(Transferred::NotYours(Some(holding.clone()))));
    }
    let never = leases.transfer(&one, &id("role/2"), 1, &two, 1).await;
    assert_eq!(never, Ok(Transferred::NotYours(None)));
    assert_eq!(ask(&leases, &two, "role/1", 0).await, taken(&one, present));
}

/// Rule 8.
pub async fn a_transfer_to_nobody_leaves_the_holder<T: Leases>(open: impl AsyncFn() -> T) {
    let leases = open().await;
    let (one, two, restarted) = (holder(1, 1), holder(2, 1), holder(2, 2));
    session(&leases, &one, TTL).await;
    session(&leases, &restarted, TTL).await;
    let epoch = grant(&leases, &one, "role/1", 0).await;
    let done = leases.transfer(&one, &id("role/1"), epoch, &two, 1).await;
    assert_eq!(done, Ok(Transferred::NobodyThere), "another life is somebody else");
    assert_eq!(ask(&leases, &restarted, "role/1", 0).await, taken(&one, epoch));
}

/// Rule 9.
pub async fn a_transfer_is_learnt_by_asking<T: Leases>(open: impl AsyncFn() -> T) {
    let leases = open().await;
    let (one, two) = (holder(1, 1), holder(2, 1));
    session(&leases, &one, TTL).await;
    session(&leases, &two, TTL).await;
    let old = grant(&leases, &one, "role/1", 0).await;
    let done = leases.transfer(&one, &id("role/1"), old, &two, 3).await.expect("it is there");
    let Transferred::Done(given) = done else { panic!("{done:?}") };
    let asked = ask(&leases, &two, "role/1", 0).await;
    let Acquired::Held { epoch, from } = asked else { panic!("{asked:?}") };
    assert!(epoch > given, "{epoch} after {given}");
    assert_eq!(from, Some(Origin { epoch: old, offer: 3 }));

    leases.release(&two, &[(id("role/1"), epoch)]).await.expect("it is there");
    grant(&leases, &two, "role/1", 0).await;
}
