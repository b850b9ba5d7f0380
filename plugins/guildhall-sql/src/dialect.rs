//! [`Dialect`]: what differs in the SQL of the vendors.

use std::time::Duration;

use guildhall_core::store::schema::SeenColumn;
use guildhall_core::store::{Kind, RowId};

use crate::space::{Quote, Space};
use crate::statement::{Params, Statement};
use crate::update::Update;

/// The SQL of a vendor. Texts compare by their bytes everywhere.
pub trait Dialect: Quote + Sized + Send + Sync + 'static {
    /// The parameters of its statements.
    type Params: Params;

    /// The most bytes in a name.
    const NAME_MAX: usize;
    /// Whether names that differ in the case of letters alone are the same.
    const FOLDS_CASE: bool;
    /// Tables that all entities share, beside those of [`SHARED`](crate::schema::SHARED).
    const SHARED_TOO: &'static [&'static str] = &[];
    /// What follows an unsigned number that is asked for.
    const UINT: &'static str;
    /// Bytes, none of them.
    const NO_BYTES: &'static str;
    /// The clock of the server, in ms since the Unix epoch.
    const NOW_MS: &'static str;
    /// What follows the look at the stamp of the columns in a transaction that writes.
    const STAMP_LOCK: &'static str;
    /// What follows a statement that changes a row, so that the change is counted.
    const COUNTED: &'static str;

    /// What an absent column means.
    fn default_of(kind: Kind) -> &'static str;

    /// A column with its default where it is absent: what indexes have and queries compare.
    fn comparable(number: u32, column: &SeenColumn) -> String;

    /// Whether no column may have this name, beside those of [`HEAD_NAMES`](crate::row::HEAD_NAMES).
    fn is_taken(_name: &str) -> bool {
        false
    }

    /// What follows the table in a walk over the rows that are there in the order of this column and of keys, or of keys alone.
    fn walk(_column: Option<u32>) -> String {
        String::new()
    }

    /// What follows the table in a walk over tombstones in the order of their times.
    fn walk_over() -> String {
        String::new()
    }

    /// The condition that a row of an entity's table is one of these.
    fn is_row(params: &mut Self::Params, rows: &[&RowId]) -> String;

    /// The condition that a column with text has one of these.
    fn is_text(params: &mut Self::Params, column: &str, texts: &[&str]) -> String;

    /// The condition that a row comes after this place in the order of these columns, or where `down` before it.
    fn is_beyond(place: &[(&str, String)], down: bool) -> String;

    /// Inserts a row, or where there is one with this key does `sets` in it.
    fn upsert(table: &str, key: &str, values: &[(&str, String)], sets: &[(&str, String)])
    -> String;

    /// One statement that does all these updates of a table, which set the same columns, and that counts the rows that it has changed.
    /// `None`: each row needs one of its own.
    fn update_rows(_table: &str, _rows: &[Update]) -> Option<Statement<Self::Params>> {
        None
    }

    /// In an upsert: the value that is there.
    fn present(column: &str) -> String;

    /// In an upsert: the value that was to be inserted.
    fn inserted(column: &str) -> String;

    /// Begins a transaction that writes: it sees what was committed before each of its statements, and its commit is on the disk.
    /// Nothing in it takes longer than `left`.
    fn begin(left: Duration) -> Vec<String>;

    /// Begins a transaction whose statements all see the same.
    fn begin_reading(left: Duration) -> Vec<String>;

    /// Keeps `prepare` away until the end of the transaction, where the look at the stamp does not.
    fn share(space: &Space<Self>) -> Option<Statement<Self::Params>>;

    /// Takes locks until the end of the transaction, in an order that is the same for all.
    fn lock(space: &Space<Self>, names: Vec<String>) -> Statement<Self::Params>;
}
