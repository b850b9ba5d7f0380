//! The contract suite of the [`Leases`](guildhall_core::leases::Leases) seam: one function per rule, and a macro that makes a test of each.

mod ground;
mod grants;
mod sessions;
mod transfers;
mod restarts;

pub use grants::{
    a_late_release_changes_nothing, an_id_has_one_holder, every_grant_has_a_larger_epoch,
};
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
    (if $runs:expr, $make:expr $(, $($tokio:tt)*)?) => {
        $crate::contract_tests! { leases ($make, $runs) ($($($tokio)*)?)
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
    ($make:expr $(, $($tokio:tt)*)?) => {
        $crate::leases_contract! { if |_: &str| true, $make $(, $($tokio)*)? }
    };
}
