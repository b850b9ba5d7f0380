//! Rules of sessions, their ends, and those who watch.

use guildhall_core::Env;
use guildhall_core::leases::memory::WATCH_BUFFER;
use guildhall_core::leases::{LeaseChange, LeaseError, LeaseErrorKind, Leases, Wanted};

use super::{GRACE, SHORT, TTL, ask, grant, held, holder, id, next, session, taken};

fn is_expired<V: std::fmt::Debug>(result: Result<V, LeaseError>) {
    let error = result.expect_err("there is no session");
    assert_eq!(error.kind, LeaseErrorKind::Expired, "{error}");
}

/// Rule 3.
pub async fn a_session_that_is_not_kept_alive_expires<T: Leases>(open: impl AsyncFn() -> T) {
    let (leases, env) = (open().await, Env::real());
    let (one, two) = (holder(1, 1), holder(2, 1));
    session(&leases, &one, SHORT).await;
    session(&leases, &two, TTL).await;
    let epoch = grant(&leases, &one, "role/1", 0).await;
    let mut watch = leases.watch("role/").await.expect("it can be watched");
    assert_eq!(next(&mut watch, "the snapshot").await, held("role/1", &one, epoch));
    assert_eq!(next(&mut watch, "the end of it").await, LeaseChange::Synced);

    let half = env.until(env.now() + SHORT / 2, watch.recv()).await;
    assert_eq!(half, None, "nothing happens before the TTL");
    let renewed = env.now();
    leases.keep_alive(&one).await.expect("it is in time");
    let freed = env.until(renewed + SHORT + GRACE, watch.recv()).await;
    let lived = env.now().saturating_duration_since(renewed);
    assert_eq!(freed, Some(Some(LeaseChange::Free(id("role/1")))), "after {lived:?}");
    assert!(lived >= SHORT, "it expired {lived:?} after it was renewed for {SHORT:?}");
    assert!(grant(&leases, &two, "role/1", 0).await > epoch);
}

/// Rule 4.
pub async fn an_expired_session_is_never_renewed<T: Leases>(open: impl AsyncFn() -> T) {
    let (leases, env) = (open().await, Env::real());
    let one = holder(1, 1);
    is_expired(leases.keep_alive(&one).await);
    session(&leases, &one, SHORT).await;
    let epoch = grant(&leases, &one, "role/1", 0).await;
    env.sleep(SHORT + GRACE).await;
    is_expired(leases.keep_alive(&one).await);
    is_expired(leases.acquire(&one, &[Wanted { id: id("role/1"), at_least: 0 }]).await);
    leases.release(&one, &[(id("role/1"), epoch)]).await.expect("it is gone, which is fine");
    session(&leases, &one, TTL).await;
    assert!(grant(&leases, &one, "role/1", 0).await > epoch, "opened again it asks again");
}

/// Rule 10.
pub async fn a_watch_shows_the_holders_of_a_prefix<T: Leases>(open: impl AsyncFn() -> T) {
    let leases = open().await;
    let (one, two) = (holder(1, 1), holder(2, 1));
    session(&leases, &one, TTL).await;
    session(&leases, &two, TTL).await;
    let first = grant(&leases, &one, "role/1", 0).await;
    grant(&leases, &one, "player/1", 0).await;
    let mut watch = leases.watch("role/").await.expect("it can be watched");
    assert_eq!(next(&mut watch, "the snapshot").await, held("role/1", &one, first));
    assert_eq!(next(&mut watch, "the end of it").await, LeaseChange::Synced);

    grant(&leases, &two, "player/2", 0).await;
    let second = grant(&leases, &two, "role/2", 0).await;
    let again = grant(&leases, &one, "role/1", 0).await;
    leases.release(&one, &[(id("role/1"), first)]).await.expect("it is late, which is fine");
    leases.release(&one, &[(id("role/1"), again)]).await.expect("it is there");
    for change in
        [held("role/2", &two, second), held("role/1", &one, again), LeaseChange::Free(id("role/1"))]
    {
        assert_eq!(next(&mut watch, "a change").await, change);
    }
}

/// Rule 11.
pub async fn a_slow_watcher_of_leases_is_told_to_start_over<T: Leases>(open: impl AsyncFn() -> T) {
    let leases = open().await;
    let one = holder(1, 1);
    session(&leases, &one, TTL * 10).await;
    let mut slow = leases.watch("role/").await.expect("it can be watched");
    let grants = 4 * WATCH_BUFFER;
    let wanted = vec![Wanted { id: id("role/1"), at_least: 0 }; 64];
    for _ in 0..grants / wanted.len() {
        leases.acquire(&one, &wanted).await.expect("it has a session");
    }
    let env = Env::real();
    let mut seen = 0;
    while env.until(env.now() + TTL, slow.recv()).await.expect("it ends").is_some() {
        seen += 1;
    }
    assert!(seen < grants, "{seen} changes were kept for a watcher that did not read");
}

/// Rule 12.
pub async fn closing_a_session_frees_its_ids<T: Leases>(open: impl AsyncFn() -> T) {
    let leases = open().await;
    let (one, two) = (holder(1, 1), holder(2, 1));
    session(&leases, &one, TTL).await;
    session(&leases, &two, TTL).await;
    let first = grant(&leases, &one, "role/1", 0).await;
    assert_eq!(ask(&leases, &two, "role/1", 0).await, taken(&one, first));
    leases.close(&one).await.expect("it is there");
    leases.close(&one).await.expect("it is gone, which is fine");
    is_expired(leases.keep_alive(&one).await);
    let second = grant(&leases, &two, "role/1", 0).await;
    assert!(second > first);
    session(&leases, &two, TTL).await;
    session(&leases, &one, TTL).await;
    assert!(grant(&leases, &one, "role/1", 0).await > second, "two has begun anew");
}

/// Rule 13.
pub async fn epochs_grow_over_a_restart<T: Leases>(open: impl AsyncFn() -> T) {
    let leases = open().await;
    let (one, durable) = (holder(1, 1), leases.capabilities().durable_epochs);
    session(&leases, &one, TTL).await;
    let seen = 3 << 48;
    let before = grant(&leases, &one, "role/1", seen).await;
    drop(leases);

    let leases = open().await;
    let two = holder(2, 1);
    session(&leases, &two, TTL).await;
    // Where holders survive, the old one is still there.
    leases.close(&one).await.expect("it may be gone, which is fine");
    let after = grant(&leases, &two, "role/1", 0).await;
    assert!(!durable || after > before, "{after} after a restart, {before} before");
    assert!(grant(&leases, &two, "role/1", before).await > before, "what was seen counts");
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
