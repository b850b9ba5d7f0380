//! Rules of lease sessions, their ends, and watchers.

use guildhall_core::Env;
use guildhall_core::leases::memory::WATCH_BUFFER;
use guildhall_core::leases::{LeaseChange, LeaseError, LeaseErrorKind, Leases, Opened, Wanted};

use super::ground::{GRACE, SHORT, TTL, ask, grant, held, holder, id, next, session, taken};

pub(super) fn is_expired<V: std::fmt::Debug>(result: Result<V, LeaseError>) {
    let error = result.expect_err("there is no session");
    assert_eq!(error.kind, LeaseErrorKind::Expired, "{error}");
}

/// Rule 3.
pub async fn a_session_that_is_not_kept_alive_expires<T: Leases>(open: impl AsyncFn() -> T) {
    let (leases, env) = (open().await, Env::real());
    let (one, two) = (holder(1, 1), holder(2, 1));
    let number = session(&leases, &one, SHORT).await;
    session(&leases, &two, TTL).await;
    let epoch = grant(&leases, &one, "role/1", 0).await;
    let mut watch = leases.watch("role/").await.expect("it can be watched");
    assert_eq!(next(&mut watch, "the snapshot").await, held("role/1", &one, epoch));
    assert_eq!(next(&mut watch, "the end of it").await, LeaseChange::Synced);

    let half = env.until(env.now() + SHORT / 2, watch.recv()).await;
    assert_eq!(half, None, "nothing happens before the TTL");
    let renewed = env.now();
    leases.keep_alive(&one, number).await.expect("it is in time");
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
    is_expired(leases.keep_alive(&one, 1).await);
    let number = session(&leases, &one, SHORT).await;
    let epoch = grant(&leases, &one, "role/1", 0).await;
    env.sleep(SHORT + GRACE).await;
    is_expired(leases.keep_alive(&one, number).await);
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
    let of_one = session(&leases, &one, TTL * 10).await;
    let mut slow = leases.watch("role/").await.expect("it can be watched");
    let grants = 4 * WATCH_BUFFER;
    let wanted = vec![Wanted { id: id("role/1"), at_least: 0 }; 64];
    for _ in 0..grants / wanted.len() {
        // On a busy machine, all of them take longer than the session.
        patiently(async || leases.keep_alive(&one, of_one).await).await;
        patiently(async || leases.acquire(&one, &wanted).await).await;
    }
    let env = Env::real();
    let mut seen = 0;
    while env.until(env.now() + TTL, slow.recv()).await.expect("it ends").is_some() {
        seen += 1;
    }
    assert!(seen < grants, "{seen} changes were kept for a watcher that did not read");
}

/// What a request says that is asked again while a busy server does not answer in time.
async fn patiently<V>(ask: impl AsyncFn() -> Result<V, LeaseError>) -> V {
    for _ in 0..4 {
        match ask().await {
            Err(error) if error.kind == LeaseErrorKind::Unavailable => {}
            done => return done.expect("it has a session"),
        }
    }
    ask().await.expect("it has a session")
}

/// Rule 12.
pub async fn closing_a_session_frees_its_ids<T: Leases>(open: impl AsyncFn() -> T) {
    let leases = open().await;
    let (one, two) = (holder(1, 1), holder(2, 1));
    let of_one = session(&leases, &one, TTL).await;
    let of_two = session(&leases, &two, TTL).await;
    let first = grant(&leases, &one, "role/1", 0).await;
    assert_eq!(ask(&leases, &two, "role/1", 0).await, taken(&one, first));
    leases.close(&one, of_one).await.expect("it is there");
    leases.close(&one, of_one).await.expect("it is gone, which is fine");
    is_expired(leases.keep_alive(&one, of_one).await);
    let second = grant(&leases, &two, "role/1", 0).await;
    assert!(second > first);
    let anew = leases.open(&two, Some(of_two), TTL).await.expect("it names the one that lives");
    let Opened::New(of_two_anew) = anew else { panic!("{anew:?} instead of {of_two}") };
    session(&leases, &one, TTL).await;
    assert!(grant(&leases, &one, "role/1", 0).await > second, "two has begun anew");
    leases.keep_alive(&two, of_two_anew).await.expect("that is its session now");
}

/// Rule 15.
pub async fn a_late_open_closes_no_living_session<T: Leases>(open: impl AsyncFn() -> T) {
    let leases = open().await;
    let (one, two) = (holder(1, 1), holder(2, 1));
    session(&leases, &two, TTL).await;
    let first = session(&leases, &one, TTL).await;
    let anew = leases.open(&one, Some(first), TTL).await.expect("it names the one that lives");
    let Opened::New(second) = anew else { panic!("{anew:?} instead of {first}") };
    assert!(second != first, "two sessions of number {first}");
    let epoch = grant(&leases, &one, "role/1", 0).await;
    // Copies of both requests, which come now.
    for late in [None, Some(first)] {
        let opened = leases.open(&one, late, TTL).await;
        assert_eq!(opened, Ok(Opened::Living(second)), "a late copy that names {late:?}");
        let asked = ask(&leases, &two, "role/1", 0).await;
        assert_eq!(asked, taken(&one, epoch), "a late copy that names {late:?} has freed it");
    }
    leases.keep_alive(&one, second).await.expect("it lives");
}

/// Rule 16.
pub async fn a_late_renewal_or_close_is_not_for_a_later_session<T: Leases>(
    open: impl AsyncFn() -> T,
) {
    let leases = open().await;
    let (one, two) = (holder(1, 1), holder(2, 1));
    session(&leases, &two, TTL).await;
    let first = session(&leases, &one, TTL).await;
    leases.close(&one, first).await.expect("it is there");
    let second = session(&leases, &one, TTL).await;
    let epoch = grant(&leases, &one, "role/1", 0).await;
    is_expired(leases.keep_alive(&one, first).await);
    leases.close(&one, first).await.expect("it is gone, which is fine");
    assert_eq!(ask(&leases, &two, "role/1", 0).await, taken(&one, epoch));
    leases.keep_alive(&one, second).await.expect("it lives");
}
