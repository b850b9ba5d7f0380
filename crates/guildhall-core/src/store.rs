//! The [`Store`] seam: rows that are claimed by one owner at a time, and written only under the current claim.

mod table;
mod row;
mod error;
mod query;
pub mod ordered;
pub mod schema;
pub mod rows;
pub mod fence;
pub mod index;
pub mod local;
mod span;
mod layer;
pub mod bulk;
pub mod copy;
pub mod adopt;
pub mod memory;

use crate::BoxFuture;

pub use error::{StoreError, StoreErrorKind};
pub use layer::StoreLayer;
pub use query::{Compare, Condition, Cursor, Order, PAGE_LOOKS_MAX, PAGE_ROWS_MAX, Page, Query};
pub use row::{
    Batch, Committed, Floor, Guard, Holder, LeaseId, Op, Row, RowId, Token, Tombstone, Write,
};
pub use schema::Migrate;
pub use span::Span;
pub use table::{Column, Kind, Table, Value, WAKE};

/// A store of entities.
///
/// A request does nothing before its future is polled.
///
/// # Contract
/// Each rule has its test, of the same name, in `guildhall_testkit::store`; every implementation runs them.
///
/// 1. `a_claim_makes_a_tombstone_where_there_was_nothing`: a claim is one atomic statement per row that reads it and writes
///    the token and version + 1. Only a claim makes a row; a write never does.
/// 2. `a_claim_by_a_smaller_epoch_is_refused`, `a_claim_by_an_equal_epoch_of_another_holder_is_refused`: the refusal carries the
///    row's epoch.
/// 3. `a_second_activation_of_the_same_holder_claims`: every activation claims, also under the same lease.
///    `a_claim_that_arrives_twice_counts_once`: a second claim with the same token changes nothing and has the same answer.
/// 4. `a_write_with_another_token_is_refused`, `a_write_with_another_version_is_refused`: the token and version of the row and of the guard must be equal.
/// 5. `a_repeated_write_is_done_once`: the same write again, when the row has the writer's token and exactly version + 1,
///    answers `Committed` and changes nothing.
/// 6. `a_batch_is_all_or_nothing`: within `capabilities().batch`. A batch of which some rows were written before and others not is
///    refused.
/// 7. `an_update_keeps_the_fields_it_does_not_name`.
/// 8. `a_delete_keeps_the_head_and_the_records`: a deleted row is a tombstone with token, version and completion records.
/// 9. `creating_an_existing_row_and_updating_a_missing_one_are_errors`.
/// 10. `batches_of_one_commit_succeed_and_fail_each_for_itself`: independently of each other.
/// 11. `a_stateless_write_to_an_owned_row_is_refused`.
/// 12. `a_query_pages_in_key_order_and_skips_tombstones`; `a_query_for_keys_alone_leaves_the_rest_of_the_rows_out`; `a_query_pages_in_the_order_of_an_index` and
///     `rows_that_are_due_come_in_the_order_of_their_times` (stores with `capabilities().order`);
///     `a_query_by_a_column_without_index_is_refused`.
/// 13. `a_claim_under_another_lease_is_refused`: epochs compare within one lease only.
/// 14. `prepare_refuses_a_retyped_column`, `prepare_refuses_a_number_under_another_name`: and leaves all tables as they were.
/// 15. `columns_that_the_schema_does_not_know_are_kept`, and so are their indexes:
///     `an_older_release_keeps_the_indexes_of_a_newer_one`.
/// 16. `committed_rows_survive_a_restart` (stores with `capabilities().durable`).
/// 17. `a_unique_value_is_taken_once` (stores with `capabilities().unique`): by one row, until that row changes the value or is
///     deleted. Default values are not unique. The message of `Exists` names the column.
/// 18. `a_new_column_has_its_default_in_rows_that_were_there`, in queries too.
/// 19. `a_check_changes_nothing_and_says_what_is_needed`: [`Migrate::Check`] returns the missing changes and makes none.
/// 20. `a_tombstone_is_kept_as_long_as_was_asked`: for [`Op::keep_ms`] by the store's clock; clocks of clients do not matter. A
///     tombstone that only a claim has made may be removed at once.
/// 21. `a_forgotten_tombstone_leaves_a_floor` ([`Write::Forget`], [`Floor`]): one atomic step removes the row and raises the floor of
///     its lease. A claim of a missing row is refused below the floor, and at the floor's epoch for another holder.
///     `floors_survive_a_restart`.
/// 22. `a_row_that_is_made_again_has_a_later_version`: than the removed row had, also if a stateless writer makes it.
/// 23. `a_tombstone_that_was_claimed_meanwhile_stays`: [`Write::Forget`] compares the version.
/// 24. `tombstones_come_page_by_page_the_longest_over_first`: in the order of the times from which they may be removed.
/// 25. `a_query_does_not_walk_over_tombstones`: deleted rows change neither the cost nor the rows of a page.
/// 26. `a_probe_leaves_nothing_behind`: no row and no version changes.
pub trait Store: Send + Sync + 'static {
    /// The capabilities of this store.
    fn capabilities(&self) -> Capabilities;

    /// Prepares the tables, all or none, or returns the obstacle. Called once, before all other operations.
    fn prepare<'a>(
        &'a self,
        tables: &'a [&'static Table],
        migrate: Migrate,
    ) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Claims `rows` for `by` and reads them, all or none. A row is returned as the claim left it, with the new token and version; a
    /// missing row is returned as a new tombstone.
    fn claim<'a>(
        &'a self,
        rows: &'a [RowId],
        by: Token,
    ) -> BoxFuture<'a, Result<Vec<Row>, StoreError>>;

    /// Reads without claiming. For actors, such state may only be used to answer that a row does not exist.
    fn read<'a>(&'a self, rows: &'a [RowId])
    -> BoxFuture<'a, Result<Vec<Option<Row>>, StoreError>>;

    /// Writes the batches in one round trip; each is atomic and has its own result.
    fn commit<'a>(
        &'a self,
        batches: Vec<Batch>,
    ) -> BoxFuture<'a, Vec<Result<Committed, StoreError>>>;

    /// Queries rows of one table.
    fn query<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Result<Page, StoreError>>;

    /// Returns tombstones of one table that may be removed, those after `after`, the last one of the previous page: at most `limit`,
    /// and never more than [`PAGE_ROWS_MAX`]. A shorter page is the last one. Owners remove tombstones with [`Write::Forget`].
    fn tombstones<'a>(
        &'a self,
        table: &'static Table,
        after: Option<&'a Tombstone>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Tombstone>, StoreError>>;

    /// Probes whether the store accepts a write of a few pages now; an error says why not. Reads alone would not detect a full disk.
    /// The written data is not visible.
    fn probe(&self) -> BoxFuture<'_, Result<(), StoreError>>;

    /// The whole rows, for tools that move or rename them; `None` where the store cannot give them. A layer over a store has none.
    fn bulk(&self) -> Option<&dyn bulk::Bulk> {
        None
    }
}

/// Optional capabilities of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// The rows that one batch may contain.
    pub batch: BatchReach,
    /// Enforces unique columns.
    pub unique: bool,
    /// Supports queries ordered by an indexed column.
    pub order: bool,
    /// Rows survive the end of the process.
    pub durable: bool,
}

/// The rows that one batch may contain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum BatchReach {
    /// One row.
    Row,
    /// Rows with the same key.
    Owner,
    /// Any rows.
    Any,
}
