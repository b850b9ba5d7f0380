//! [`MySqlDialect`]: the SQL of MariaDB and MySQL.

use std::collections::BTreeSet;
use std::time::Duration;

use guildhall_core::store::schema::SeenColumn;
use guildhall_core::store::{Kind, RowId};
use guildhall_sql::{Dialect, Params as _, Quote, Space, Statement, kept_place};
use xxhash_rust::xxh3::xxh3_64;

use crate::sql::{Literals, quoted};

/// Rows of the table of locks. Rows of entities that have one in common wait for each other without need.
pub(crate) const LOCKS: u64 = 1 << 16;
/// The table of locks.
pub(crate) const LOCKS_TABLE: &str = "guildhall_locks";
/// The indexes of every entity's table: of the rows that are there by key, and of tombstones by time.
pub(crate) const INDEX_KEY: &str = "guildhall_by_key";
pub(crate) const INDEX_OVER: &str = "guildhall_by_over";
/// Values that do not fit are errors and are not cut, and a backslash is a character.
const SQL_MODE: &str = "'STRICT_ALL_TABLES,NO_BACKSLASH_ESCAPES,NO_ENGINE_SUBSTITUTION'";

/// The vendor.
#[derive(Clone, Copy, Debug)]
pub struct MySqlDialect;

impl Quote for MySqlDialect {
    fn quoted(name: &str) -> String {
        quoted(name)
    }
}

impl Dialect for MySqlDialect {
    type Params = Literals;

    const NAME_MAX: usize = 64;
    const FOLDS_CASE: bool = true;
    const SHARED_TOO: &'static [&'static str] = &[LOCKS_TABLE];
    const UINT: &'static str = "";
    const NO_BYTES: &'static str = "''";
    // In UTC, so that it has no hour twice.
    const NOW_MS: &'static str =
        "(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(3)) DIV 1000)";
    const STAMP_LOCK: &'static str = " LOCK IN SHARE MODE";
    const COUNTED: &'static str = "";

    fn is_taken(name: &str) -> bool {
        let number = name.get(..11).filter(|start| start.eq_ignore_ascii_case("guildhall_i"));
        number.is_some_and(|_| name[11..].bytes().all(|b| b.is_ascii_digit()))
    }

    fn default_of(kind: Kind) -> &'static str {
        match kind {
            Kind::Bool => "FALSE",
            Kind::Int | Kind::Uint => "0",
            Kind::Float => "0e0",
            Kind::Text | Kind::Bytes | Kind::Proto => "''",
        }
    }

    fn comparable(number: u32, _column: &SeenColumn) -> String {
        format!("guildhall_i{number}")
    }

    /// The server would take the order of keys from the table itself, and walk over tombstones.
    fn walk(column: Option<u32>) -> String {
        let index = column.map_or_else(|| INDEX_KEY.to_owned(), index_of);
        format!(" FORCE INDEX ({index})")
    }

    fn walk_over() -> String {
        format!(" FORCE INDEX ({INDEX_OVER})")
    }

    fn is_row(params: &mut Literals, rows: &[&RowId]) -> String {
        let is_row = rows.iter().map(|id| {
            let (key, sub) = kept_place(id);
            let (key, sub) = (params.text(&key), params.text(&sub));
            format!("guildhall_key = {key} AND guildhall_sub = {sub}")
        });
        format!("({})", is_row.collect::<Vec<_>>().join(" OR "))
    }

    fn is_text(params: &mut Literals, column: &str, texts: &[&str]) -> String {
        let texts: Vec<_> = texts.iter().map(|text| params.text(text)).collect();
        if texts.is_empty() {
            return "FALSE".to_owned();
        }
        format!("{column} IN ({})", texts.join(", "))
    }

    /// The server compares rows of columns, but uses no index for that.
    fn is_beyond(place: &[(&str, String)], down: bool) -> String {
        let Some(((column, value), rest)) = place.split_first() else { return "FALSE".to_owned() };
        let beyond = if down { "<" } else { ">" };
        if rest.is_empty() {
            return format!("{column} {beyond} {value}");
        }
        let rest = Self::is_beyond(rest, down);
        format!("({column} {beyond} {value} OR {column} = {value} AND {rest})")
    }

    fn upsert(
        table: &str,
        _key: &str,
        values: &[(&str, String)],
        sets: &[(&str, String)],
    ) -> String {
        let (columns, values): (Vec<_>, Vec<_>) =
            values.iter().map(|(column, value)| (*column, value.as_str())).unzip();
        let sets: Vec<_> =
            sets.iter().map(|(column, value)| format!("{column} = {value}")).collect();
        format!(
            "INSERT INTO {table} ({}) VALUES ({}) ON DUPLICATE KEY UPDATE {}",
            columns.join(", "),
            values.join(", "),
            sets.join(", ")
        )
    }

    fn present(column: &str) -> String {
        column.to_owned()
    }

    fn inserted(column: &str) -> String {
        format!("VALUES({column})")
    }

    fn begin(left: Duration) -> Vec<String> {
        vec![
            bounds(left),
            "SET TRANSACTION ISOLATION LEVEL READ COMMITTED".to_owned(),
            "START TRANSACTION READ WRITE".to_owned(),
        ]
    }

    fn begin_reading(left: Duration) -> Vec<String> {
        vec![
            bounds(left),
            "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ".to_owned(),
            "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY".to_owned(),
        ]
    }

    /// The look at the stamp locks it.
    fn share(_space: &Space<Self>) -> Option<Statement<Literals>> {
        None
    }

    /// Locks of the server by name outlive a transaction, and rows that are not there cannot be locked without locking what is between
    /// others; so there is a table with rows for this alone.
    fn lock(space: &Space<Self>, names: Vec<String>) -> Statement<Literals> {
        let ids: BTreeSet<u64> =
            names.iter().map(|name| xxh3_64(name.as_bytes()) % LOCKS).collect();
        let ids: Vec<_> = ids.iter().map(u64::to_string).collect();
        let sql = format!(
            "SELECT id FROM {} FORCE INDEX (PRIMARY) WHERE id IN ({}) ORDER BY id FOR UPDATE",
            space.table(LOCKS_TABLE),
            ids.join(", ")
        );
        Statement::new(sql, Literals::default())
    }
}

/// The index of a column.
pub(crate) fn index_of(number: u32) -> String {
    format!("guildhall_x{number}")
}

/// How long statements, waits for locks, and transactions that do nothing may last; and how values are taken. What MySQL does not have is
/// in comments that MariaDB reads.
pub(crate) fn bounds(left: Duration) -> String {
    let seconds = left.as_secs() + 1;
    format!(
        "SET SESSION sql_mode = {SQL_MODE}, autocommit = 1, innodb_lock_wait_timeout = {seconds}, \
         lock_wait_timeout = {seconds} \
         /*M! , max_statement_time = {seconds}, idle_transaction_timeout = {seconds} */"
    )
}
