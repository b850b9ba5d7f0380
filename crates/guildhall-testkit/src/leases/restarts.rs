//! Rules of restarts of the backend: what survives, and what is not granted before it is safe.

use guildhall_core::Env;
use guildhall_core::leases::{Acquired, LeaseErrorKind, Leases, Wanted};
use guildhall_core::store::Holder;

use super::ground::{GRACE, SHORT, TTL, grant, holder, id, session};

/// Asks for `role/1` until it is granted, which it must be when the session of its old holder is over.
async fn grant_in_time(leases: &dyn Leases, holder: &Holder) -> u64 {
    let env = Env::real();
    let end = env.now() + SHORT + GRACE;
    let wanted = [Wanted { id: id("role/1"), at_least: 0 }];
    loop {
        let answer = leases.acquire(holder, &wanted).await;
        match answer.as_deref() {
            Ok([Acquired::Held { epoch, from: None }]) => return *epoch,
            // Whoever may hold it is unknown, or known.
            Err(error) if error.kind == LeaseErrorKind::Unavailable => {}
            Ok([Acquired::Taken { .. }]) => {}
            other => panic!("{other:?}; wanted a grant to {holder}"),
        }
        assert!(env.now() < end, "{answer:?} after {SHORT:?}, which was the TTL, and {GRACE:?}");
        env.sleep(SHORT / 100).await;
    }
}

/// Rule 13.
pub async fn epochs_grow_over_a_restart<T: Leases>(open: impl AsyncFn() -> T) {
    let leases = open().await;
    let (one, durable) = (holder(1, 1), leases.capabilities().durable_epochs);
    session(&leases, &one, SHORT).await;
    let seen = 3 << 48;
    let before = grant(&leases, &one, "role/1", seen).await;
    drop(leases);

    let leases = open().await;
    let two = holder(2, 1);
    session(&leases, &two, TTL).await;
    let after = grant_in_time(&leases, &two).await;
    assert!(!durable || after > before, "{after} after a restart, {before} before");
    assert!(grant(&leases, &two, "role/1", before).await > before, "what was seen counts");
}

/// Rule 17.
pub async fn a_restart_gives_nothing_to_others_before_the_ttl_is_over<T: Leases>(
    open: impl AsyncFn() -> T,
) {
    let (leases, env) = (open().await, Env::real());
    if !leases.capabilities().durable_epochs {
        return;
    }
    let (one, two) = (holder(1, 1), holder(2, 1));
    let of_one = session(&leases, &one, SHORT).await;
    let before = grant(&leases, &one, "role/1", 0).await;
    drop(leases);

    // Not before this moment: whoever holds anything may have renewed it just before the end.
    let ended = env.now();
    let leases = open().await;
    let of_two = session(&leases, &two, TTL).await;
    let after = grant_in_time(&leases, &two).await;
    let waited = env.now().saturating_duration_since(ended);
    assert!(after > before, "{after} after {before}");
    assert!(
        waited >= SHORT,
        "granted to another {waited:?} after the restart; the TTL is {SHORT:?}"
    );
    leases.keep_alive(&one, of_one).await.expect_err("what it held is another's");
    leases.keep_alive(&two, of_two).await.expect("it lives");
    drop(leases);

    // The one that is known goes on, or asks again and has it: nobody else can.
    let leases = open().await;
    if leases.keep_alive(&two, of_two).await.is_err() {
        session(&leases, &two, TTL).await;
    }
    let again = grant_in_time(&leases, &two).await;
    assert!(again > after, "{again} after {after}");
}

/// Rule 14.
///
/// # Panics
/// Where the backend breaks it.
pub async fn the_first_number_that_is_recorded_stays<T: Leases>(open: impl AsyncFn() -> T) {
    let leases = open().await;
    let durable = leases.capabilities().durable_epochs;
    assert_eq!(leases.record("slots/role", 1024).await, Ok(1024));
    assert_eq!(leases.record("slots/role", 64).await, Ok(1024), "the first one stays");
    assert_eq!(leases.record("slots/club", 64).await, Ok(64), "another name is another number");
    drop(leases);

    let leases = open().await;
    let expected = if durable { 1024 } else { 7 };
    let after = leases.record("slots/role", 7).await;
    assert!(after == Ok(expected) || after == Ok(1024), "{after:?} after a restart");
}
