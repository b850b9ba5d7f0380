//! The contract suite of the [`Leases`] seam: one function per rule, and a macro that makes a test of each.

mod restarts;
mod sessions;
mod transfers;

use std::time::Duration;

use guildhall_core::leases::{Acquired, Holding, LeaseChange, Leases, Opened, Wanted};
use guildhall_core::store::{Holder, LeaseId};
use guildhall_core::{Env, Incarnation};
use tokio::sync::mpsc;

pub use restarts::{
    a_restart_gives_nothing_to_others_before_the_ttl_is_over, epochs_grow_over_a_restart,
    the_first_number_that_is_recorded_stays,
};
pub use sessions::{
    a_late_open_closes_no_living_session, a_late_renewal_or_close_is_not_for_a_later_session,
    a_session_that_is_not_kept_alive_expires, a_slow_watcher_of_leases_is_told_to_start_over,
    a_watch_shows_the_holders_of_a_prefix, an_expired_session_is_never_renewed,
    closing_a_session_frees_its_ids,
};
pub use transfers::{
    a_late_transfer_changes_nothing, a_transfer_gives_a_new_epoch_in_one_step,
    a_transfer_is_learnt_by_asking, a_transfer_to_nobody_leaves_the_holder,
};

/// Makes one test of each rule of the contract of `guildhall_core::leases::Leases`.
///
/// The argument is called once per test; it makes a fresh place for epochs and returns an async closure that opens it. Calling
/// that again after the backend was dropped opens the same place, as far as it keeps anything. What follows the argument goes
/// to `tokio::test`, which the caller's crate must have; in-memory backends add `start_paused = true`.
#[macro_export]
macro_rules! leases_contract {
    ($make:expr $(, $($tokio:tt)*)?) => {
        $crate::leases_contract! { @rules ($make) ($($($tokio)*)?)
            every_grant_has_a_larger_epoch
            an_id_has_one_holder
            a_session_that_is_not_kept_alive_expires
            an_expired_session_is_never_renewed
            a_late_release_changes_nothing
            a_transfer_gives_a_new_epoch_in_one_step
            a_late_transfer_changes_nothing
            a_transfer_to_nobody_leaves_the_holder
            a_transfer_is_learnt_by_asking
            a_watch_shows_the_holders_of_a_prefix
            a_slow_watcher_of_leases_is_told_to_start_over
            closing_a_session_frees_its_ids
            epochs_grow_over_a_restart
            the_first_number_that_is_recorded_stays
            a_late_open_closes_no_living_session
            a_late_renewal_or_close_is_not_for_a_later_session
            a_restart_gives_nothing_to_others_before_the_ttl_is_over
        }
    };
    (@rules $make:tt $tokio:tt $($rule:ident)*) => {
        $($crate::leases_contract! { @rule $rule $make $tokio })*
    };
    (@rule $rule:ident ($make:expr) ($($tokio:tt)*)) => {
        #[::tokio::test($($tokio)*)]
        async fn $rule() {
            $crate::leases::$rule(($make)()).await;
        }
    };
}

/// Long enough for any backend.
const TTL: Duration = Duration::from_secs(30);

/// Short enough to wait for.
const SHORT: Duration = Duration::from_secs(3);

/// How late an expiry may be seen.
const GRACE: Duration = Duration::from_secs(10);

fn holder(app: u64, life: u64) -> Holder {
    let app = format!("test.w1.role.{app}").parse().expect("four labels");
    Holder { app, incarnation: Incarnation(life) }
}

fn id(text: &str) -> LeaseId {
    text.into()
}

/// Begins a session of a holder that has none; its number.
async fn session(leases: &dyn Leases, holder: &Holder, ttl: Duration) -> u64 {
    match leases.open(holder, None, ttl).await.expect("a session can be opened") {
        Opened::New(number) => number,
        Opened::Living(number) => panic!("{holder} has session {number}; it was to have none"),
    }
}

/// Asks for one id.
async fn ask(leases: &dyn Leases, holder: &Holder, name: &str, at_least: u64) -> Acquired {
    let wanted = [Wanted { id: id(name), at_least }];
    let mut answers = leases.acquire(holder, &wanted).await.expect("the holder has a session");
    assert_eq!(answers.len(), 1, "one answer per wish");
    answers.remove(0)
}

/// Asks for one id that must be granted, and not by a transfer.
async fn grant(leases: &dyn Leases, holder: &Holder, name: &str, at_least: u64) -> u64 {
    match ask(leases, holder, name, at_least).await {
        Acquired::Held { epoch, from: None } => epoch,
        other => panic!("{other:?}; wanted a grant of `{name}` to {holder}"),
    }
}

fn taken(by: &Holder, epoch: u64) -> Acquired {
    Acquired::Taken { holder: by.clone(), epoch }
}

fn held(name: &str, by: &Holder, epoch: u64) -> LeaseChange {
    LeaseChange::Held(id(name), Holding { holder: by.clone(), epoch, from: None })
}

/// The next change, or a failure that says what was waited for.
async fn next(watch: &mut mpsc::Receiver<LeaseChange>, wanted: &str) -> LeaseChange {
    let env = Env::real();
    let change = env.until(env.now() + TTL, watch.recv()).await;
    change
        .unwrap_or_else(|| panic!("no change within {TTL:?}; wanted {wanted}"))
        .unwrap_or_else(|| panic!("the watch ended; wanted {wanted}"))
}

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
