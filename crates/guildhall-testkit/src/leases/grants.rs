//! Rules of grants: one holder, and an epoch that grows.

use guildhall_core::leases::{Acquired, Leases, Wanted};

use super::ground::{TTL, ask, grant, holder, id, session, taken};

/// Rule 1.
pub async fn every_grant_has_a_larger_epoch<T: Leases>(open: impl AsyncFn() -> T) {
    let leases = open().await;
    let (one, two) = (holder(1, 1), holder(2, 1));
    session(&leases, &one, TTL).await;
    session(&leases, &two, TTL).await;
    let first = grant(&leases, &one, "role/1", 0).await;
    assert!(first > 0, "0 is no epoch: nothing was seen");
    let again = grant(&leases, &one, "role/1", 0).await;
    assert!(again > first, "{again} to the present holder after {first}");
    leases.release(&one, &[(id("role/1"), again)]).await.expect("it is there");
    let other = grant(&leases, &two, "role/1", 0).await;
    assert!(other > again, "{other} to another holder after {again}");

    let (seen, era) = (other + 1_000_000, 7 << 48);
    let above = grant(&leases, &two, "role/1", seen).await;
    assert!(above > seen, "{above} after {seen} was seen");
    let above = grant(&leases, &one, "role/2", era).await;
    assert!(above > era, "{above} in the era of {era}");
}

/// Rule 2.
pub async fn an_id_has_one_holder<T: Leases>(open: impl AsyncFn() -> T) {
    let leases = open().await;
    let (one, two, restarted) = (holder(1, 1), holder(2, 1), holder(1, 2));
    for holder in [&one, &two, &restarted] {
        session(&leases, holder, TTL).await;
    }
    let epoch = grant(&leases, &one, "role/1", 0).await;
    let wanted = ["role/1", "role/2"].map(|name| Wanted { id: id(name), at_least: epoch + 9 });
    let answers = leases.acquire(&two, &wanted).await.expect("it has a session");
    assert_eq!(answers[0], taken(&one, epoch));
    assert!(matches!(answers[1], Acquired::Held { .. }), "{answers:?}");
    assert_eq!(ask(&leases, &restarted, "role/1", 0).await, taken(&one, epoch));
}

/// Rule 5.
pub async fn a_late_release_changes_nothing<T: Leases>(open: impl AsyncFn() -> T) {
    let leases = open().await;
    let (one, two) = (holder(1, 1), holder(2, 1));
    session(&leases, &one, TTL).await;
    session(&leases, &two, TTL).await;
    let old = grant(&leases, &one, "role/1", 0).await;
    let present = grant(&leases, &one, "role/1", 0).await;
    for (by, epoch) in [(&one, old), (&two, present)] {
        leases.release(by, &[(id("role/1"), epoch)]).await.expect("it is late, which is fine");
        assert_eq!(ask(&leases, &two, "role/1", 0).await, taken(&one, present));
    }
    let grants = [(id("role/9"), 1), (id("role/1"), present)];
    leases.release(&one, &grants).await.expect("one is unknown, which is fine");
    assert!(grant(&leases, &two, "role/1", 0).await > present);
}
