//! The contract suite of the [`Store`](guildhall_core::store::Store) seam: one function per rule, and a macro that makes a test of each.

mod ground;
mod claims;
mod writes;
mod queries;
mod batches;
mod tables;
mod tombstones;
mod arbitrary;
mod bulk;

pub use arbitrary::{fill, rows_of_one_commit_have_what_each_was_given};
pub use batches::{
    a_batch_is_all_or_nothing, a_unique_value_is_taken_once,
    batches_of_one_commit_succeed_and_fail_each_for_itself, committed_rows_survive_a_restart,
};
pub use bulk::{
    a_row_that_has_changed_in_the_copy_is_named, a_row_that_is_another_is_not_replaced,
    a_row_that_is_there_already_is_put_once, a_scan_has_each_row_once_page_by_page,
    an_adopted_row_is_claimed_under_the_new_name, an_old_owner_is_refused_after_a_copy,
    assert_same, differing, rows_are_put_as_they_are, what_removed_rows_left_is_copied,
    what_writers_wrote_comes_back_as_it_was,
};
pub use claims::{
    a_claim_by_a_smaller_epoch_is_refused, a_claim_by_an_equal_epoch_of_another_holder_is_refused,
    a_claim_makes_a_tombstone_where_there_was_nothing, a_claim_that_arrives_twice_counts_once,
    a_claim_under_another_lease_is_refused, a_second_activation_of_the_same_holder_claims,
};
pub use queries::{
    a_query_by_a_column_without_index_is_refused,
    a_query_for_keys_alone_leaves_the_rest_of_the_rows_out,
    a_query_pages_in_key_order_and_skips_tombstones, a_query_pages_in_the_order_of_an_index,
    rows_that_are_due_come_in_the_order_of_their_times,
};
pub use tables::{
    a_check_changes_nothing_and_says_what_is_needed,
    a_new_column_has_its_default_in_rows_that_were_there,
    an_older_release_keeps_the_indexes_of_a_newer_one,
    columns_that_the_schema_does_not_know_are_kept, prepare_refuses_a_number_under_another_name,
    prepare_refuses_a_retyped_column,
};
pub use tombstones::{
    a_forgotten_tombstone_leaves_a_floor, a_probe_leaves_nothing_behind,
    a_query_does_not_walk_over_tombstones, a_row_that_is_made_again_has_a_later_version,
    a_tombstone_is_kept_as_long_as_was_asked, a_tombstone_that_was_claimed_meanwhile_stays,
    floors_survive_a_restart, tombstones_come_page_by_page_the_longest_over_first,
};
pub use writes::{
    a_delete_keeps_the_head_and_the_records, a_repeated_write_is_done_once,
    a_stateless_write_to_an_owned_row_is_refused, a_write_with_another_token_is_refused,
    a_write_with_another_version_is_refused, an_update_keeps_the_fields_it_does_not_name,
    creating_an_existing_row_and_updating_a_missing_one_are_errors,
};

/// Makes one test of each rule of the contract of `guildhall_core::store::Store`.
///
/// The argument is called once per test; it makes a fresh place for rows and returns an async closure that opens it. Calling
/// that again after the store was dropped opens the same rows, as far as the store keeps any. What follows the argument goes
/// to `tokio::test`, which the caller's crate must have. A suite that needs a server begins, as that of every seam may, with
/// `if is_there,`: a function that is called with the name of a test, and says whether it runs; one that returns false has called
/// [`skipped`](crate::skipped).
///
/// ```
/// # /// # use guildhall_core::store::{Store, memory::MemoryStore};
/// guildhall_testkit::store_contract!(|| async || -> Arc<dyn Store> { Arc::new(MemoryStore::new()) });
/// ```
#[macro_export]
macro_rules! store_contract {
    (if $runs:expr, $make:expr $(, $($tokio:tt)*)?) => {
        $crate::contract_tests! { store ($make, $runs) ($($($tokio)*)?)
            a_claim_makes_a_tombstone_where_there_was_nothing
            a_claim_by_a_smaller_epoch_is_refused
            a_claim_by_an_equal_epoch_of_another_holder_is_refused
            a_second_activation_of_the_same_holder_claims
            a_claim_that_arrives_twice_counts_once
            a_claim_under_another_lease_is_refused
            a_write_with_another_token_is_refused
            a_write_with_another_version_is_refused
            a_repeated_write_is_done_once
            a_batch_is_all_or_nothing
            an_update_keeps_the_fields_it_does_not_name
            a_delete_keeps_the_head_and_the_records
            creating_an_existing_row_and_updating_a_missing_one_are_errors
            batches_of_one_commit_succeed_and_fail_each_for_itself
            rows_of_one_commit_have_what_each_was_given
            a_stateless_write_to_an_owned_row_is_refused
            a_query_for_keys_alone_leaves_the_rest_of_the_rows_out
            a_query_pages_in_key_order_and_skips_tombstones
            a_query_pages_in_the_order_of_an_index
            a_query_by_a_column_without_index_is_refused
            rows_that_are_due_come_in_the_order_of_their_times
            prepare_refuses_a_retyped_column
            prepare_refuses_a_number_under_another_name
            columns_that_the_schema_does_not_know_are_kept
            an_older_release_keeps_the_indexes_of_a_newer_one
            a_new_column_has_its_default_in_rows_that_were_there
            a_check_changes_nothing_and_says_what_is_needed
            committed_rows_survive_a_restart
            a_unique_value_is_taken_once
            a_tombstone_is_kept_as_long_as_was_asked
            a_forgotten_tombstone_leaves_a_floor
            floors_survive_a_restart
            a_row_that_is_made_again_has_a_later_version
            a_tombstone_that_was_claimed_meanwhile_stays
            tombstones_come_page_by_page_the_longest_over_first
            a_query_does_not_walk_over_tombstones
            a_probe_leaves_nothing_behind
        }
    };
    ($make:expr $(, $($tokio:tt)*)?) => {
        $crate::store_contract! { if |_: &str| true, $make $(, $($tokio)*)? }
    };
}

/// Makes one test of each rule of `guildhall_core::store::bulk::Bulk`, for a store that has whole rows. The arguments are those of
/// [`store_contract`](crate::store_contract).
#[macro_export]
macro_rules! store_bulk_contract {
    (if $runs:expr, $make:expr $(, $($tokio:tt)*)?) => {
        $crate::contract_tests! { store ($make, $runs) ($($($tokio)*)?)
            what_writers_wrote_comes_back_as_it_was
            a_scan_has_each_row_once_page_by_page
            rows_are_put_as_they_are
            an_old_owner_is_refused_after_a_copy
            a_row_that_is_there_already_is_put_once
            a_row_that_is_another_is_not_replaced
            a_row_that_has_changed_in_the_copy_is_named
            what_removed_rows_left_is_copied
            an_adopted_row_is_claimed_under_the_new_name
        }
    };
    ($make:expr $(, $($tokio:tt)*)?) => {
        $crate::store_bulk_contract! { if |_: &str| true, $make $(, $($tokio)*)? }
    };
}
