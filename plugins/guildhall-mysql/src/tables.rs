//! Tables: those that all entities share, and how the others are made.
//!
//! Every change of a table commits by itself on these servers. So changes only add, are made under a lock that outlives transactions, and
//! look at what is there: a `prepare` that ended in its middle is gone on with. What is remembered of the columns comes last, in one transaction.

use std::collections::BTreeMap;

use guildhall_core::store::schema::{Change, SeenColumn};
use guildhall_core::store::{Kind, StoreError, StoreErrorKind};
use guildhall_sql::{
    Dialect as _, FORMAT, Fault, Fields as _, Params as _, Session as _, Space, Statement, some,
};

use crate::dialect::{INDEX_KEY, INDEX_OVER, LOCKS_TABLE, MySqlDialect, bounds, index_of};
use crate::session::Session;
use crate::sql::{Literals, quoted};

/// Text that an index has; its length in characters.
const INDEXED_TEXT: &str = "VARCHAR(500)";
/// Bytes that an index has.
const INDEXED_BYTES: &str = "VARBINARY(2000)";

/// Makes what is missing; `guildhall_meta` has its row when all is there.
pub(crate) async fn lay_out(session: &Session, space: &Space<MySqlDialect>) -> Result<(), Fault> {
    take_prepare_lock(session, space).await?;
    let done = lay_out_alone(session, space).await;
    leave_prepare_lock(session, space).await?;
    done
}

async fn lay_out_alone(session: &Session, space: &Space<MySqlDialect>) -> Result<(), Fault> {
    let mut params = Literals::default();
    let is_there = format!(
        "SELECT 1 FROM information_schema.schemata WHERE schema_name = {}",
        params.text(&space.0)
    );
    if session.rows(&is_there, params).await?.is_empty() {
        session.plain(&format!("CREATE DATABASE IF NOT EXISTS {}", quoted(&space.0))).await?;
    }
    let collation = collation(session).await?;
    let table = |name: &str, columns: &str| {
        let name = space.table(name);
        format!(
            "CREATE TABLE IF NOT EXISTS {name} ({columns}) ENGINE=InnoDB ROW_FORMAT=DYNAMIC {collation}"
        )
    };
    let four_bits =
        (1..16).fold("SELECT 0 AS n".to_owned(), |sql, n| format!("{sql} UNION ALL SELECT {n}"));
    let sql = [
        table(
            "guildhall_columns",
            "table_name VARCHAR(64) NOT NULL, number BIGINT NOT NULL, name VARCHAR(64) NOT NULL, \
             kind VARCHAR(16) NOT NULL, is_unique BOOLEAN NOT NULL, is_indexed BOOLEAN NOT NULL, \
             PRIMARY KEY (table_name, number)",
        ),
        table(
            "guildhall_floors",
            "lease VARCHAR(255) PRIMARY KEY, epoch BIGINT UNSIGNED NOT NULL, app VARCHAR(255) NOT NULL, \
             incarnation BIGINT UNSIGNED NOT NULL",
        ),
        table(
            "guildhall_removed",
            "table_name VARCHAR(64) PRIMARY KEY, version BIGINT UNSIGNED NOT NULL",
        ),
        table("guildhall_probe", "id BIGINT PRIMARY KEY, bytes LONGBLOB NOT NULL"),
        table(LOCKS_TABLE, "id SMALLINT UNSIGNED PRIMARY KEY"),
        format!(
            "INSERT IGNORE INTO {} (id) SELECT a.n + 16 * b.n + 256 * c.n + 4096 * d.n FROM \
             ({four_bits}) AS a, ({four_bits}) AS b, ({four_bits}) AS c, ({four_bits}) AS d",
            space.table(LOCKS_TABLE)
        ),
        table(
            "guildhall_meta",
            "id INT PRIMARY KEY, format BIGINT NOT NULL, stamp BIGINT NOT NULL",
        ),
        format!(
            "INSERT IGNORE INTO {} (id, format, stamp) VALUES (1, {FORMAT}, 0)",
            space.table("guildhall_meta")
        ),
    ];
    session.ask(sql.map(Statement::plain).into()).await.map(drop)
}

/// Text compares by its bytes, spaces at its end included.
async fn collation(session: &Session) -> Result<&'static str, Fault> {
    let rows = session.rows("SELECT VERSION()", Literals::default()).await?;
    let version = rows.first().and_then(|row| row.text(0).ok().flatten()).unwrap_or_default();
    Ok(if version.to_ascii_lowercase().contains("mariadb") {
        "CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin"
    } else {
        "CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_bin"
    })
}

/// The name of the lock of those who prepare; names of locks are short.
fn prepare_lock(space: &Space<MySqlDialect>) -> (String, Literals) {
    let mut params = Literals::default();
    let name = params.text(&space.0);
    (format!("CONCAT('guildhall.', SHA1({name}))"), params)
}

/// Takes the lock of those who prepare, which the session has until it leaves it or ends.
pub(crate) async fn take_prepare_lock(
    session: &Session,
    space: &Space<MySqlDialect>,
) -> Result<(), Fault> {
    let (name, params) = prepare_lock(space);
    let sql = format!("SELECT GET_LOCK({name}, {})", session.left.as_secs());
    let asked = vec![Statement::plain(bounds(session.left)), Statement::new(sql, params)];
    let answers = session.ask(asked).await?;
    let rows = answers.iter().flat_map(|answer| &answer.rows);
    let taken = rows.last().map(|row| row.int(0)).transpose();
    match taken.map_err(|why| Fault::damaged("the lock", why))?.flatten() {
        Some(1) => Ok(()),
        _ => Err(Fault::Busy("another app prepares the tables; try again later".to_owned())),
    }
}

pub(crate) async fn leave_prepare_lock(
    session: &Session,
    space: &Space<MySqlDialect>,
) -> Result<(), Fault> {
    let (name, params) = prepare_lock(space);
    let left = session.rows(&format!("SELECT RELEASE_LOCK({name})"), params).await;
    // The connection must not be used again: it might have the lock.
    left.map(drop).map_err(|fault| Fault::Lost(fault.words()))
}

/// Begins a transaction, and waits for those that write.
pub(crate) async fn keep_writers_away(
    session: &Session,
    space: &Space<MySqlDialect>,
) -> Result<(), Fault> {
    let mut asked: Vec<_> =
        MySqlDialect::begin(session.left).into_iter().map(Statement::plain).collect();
    let sql = format!("SELECT stamp FROM {} FOR UPDATE", space.table("guildhall_meta"));
    asked.push(Statement::new(sql, Literals::default()));
    session.ask(asked).await.map(drop)
}

/// What every entity's table has beside the entity's columns.
fn head() -> String {
    format!(
        "guildhall_key VARCHAR(255) NOT NULL, guildhall_sub VARCHAR(255) NOT NULL, \
         guildhall_lease VARCHAR(255), guildhall_epoch BIGINT UNSIGNED, guildhall_app VARCHAR(255), \
         guildhall_incarnation BIGINT UNSIGNED, guildhall_activation BIGINT UNSIGNED, \
         guildhall_version BIGINT UNSIGNED NOT NULL, guildhall_exists BOOLEAN NOT NULL, \
         guildhall_over_ms BIGINT UNSIGNED NOT NULL, guildhall_records LONGBLOB NOT NULL, \
         PRIMARY KEY (guildhall_key, guildhall_sub), \
         INDEX {INDEX_KEY} (guildhall_exists, guildhall_sub, guildhall_key), \
         INDEX {INDEX_OVER} (guildhall_exists, guildhall_over_ms, guildhall_key, guildhall_sub)"
    )
}

/// Adds what is missing of a table, with all its columns in one statement.
pub(crate) async fn alter(
    session: &Session,
    space: &Space<MySqlDialect>,
    to: &Change,
) -> Result<(), Fault> {
    let (table, collation) = (space.table(to.table.name), collation(session).await?);
    let create = format!(
        "CREATE TABLE IF NOT EXISTS {table} ({}) ENGINE=InnoDB ROW_FORMAT=DYNAMIC {collation}",
        head()
    );
    session.plain(&create).await?;
    let is = present(session, space, to.table.name).await?;
    let mut added = Vec::new();
    for (number, column) in &to.schema.columns {
        let kind = type_of(column.kind);
        match is.columns.get(&column.name.to_ascii_lowercase()) {
            None => added.push(format!("ADD COLUMN {} {kind}", quoted(&column.name))),
            Some(there) if is_type(there, column.kind) => {}
            Some(there) => return Err(other_type(to, column, there)),
        }
        if !column.index || is.indexes.contains(&index_of(*number)) {
            continue;
        }
        let (value, default) =
            (MySqlDialect::comparable(*number, column), MySqlDialect::default_of(column.kind));
        if !is.columns.contains_key(&value) {
            added.push(format!(
                "ADD COLUMN {value} {} GENERATED ALWAYS AS (COALESCE({}, {default})) STORED",
                indexed_type(column.kind, collation),
                quoted(&column.name)
            ));
        }
        added.push(format!(
            "ADD INDEX {} (guildhall_exists, {value}, guildhall_key)",
            index_of(*number)
        ));
    }
    if added.is_empty() {
        return Ok(());
    }
    session.plain(&format!("ALTER TABLE {table} {}", added.join(", "))).await
}

/// What the server has of a table.
struct Present {
    /// Types by name, both in small letters.
    columns: BTreeMap<String, String>,
    indexes: Vec<String>,
}

async fn present(
    session: &Session,
    space: &Space<MySqlDialect>,
    table: &str,
) -> Result<Present, Fault> {
    let ask = |from: &str| {
        let mut params = Literals::default();
        let (schema, table) = (params.text(&space.0), params.text(table));
        let sql = format!("{from} WHERE table_schema = {schema} AND table_name = {table}");
        Statement::new(sql, params)
    };
    let asked = vec![
        ask("SELECT LOWER(column_name), LOWER(column_type) FROM information_schema.columns"),
        ask("SELECT DISTINCT LOWER(index_name) FROM information_schema.statistics"),
    ];
    let mut answers = session.ask(asked).await?.into_iter();
    let mut rows = || answers.next().map(|answer| answer.rows).unwrap_or_default();
    let (columns, indexes) = (rows(), rows());
    let columns = columns.iter().map(|row| Ok((some(row.text(0), 0)?, some(row.text(1), 1)?)));
    let indexes = indexes.iter().map(|row| some(row.text(0), 0));
    let read = || {
        Ok(Present {
            columns: columns.collect::<Result<_, String>>()?,
            indexes: indexes.collect::<Result<_, String>>()?,
        })
    };
    read().map_err(|why: String| Fault::damaged(table, why))
}

/// The type of a column.
fn type_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Bool => "TINYINT(1)",
        Kind::Int => "BIGINT",
        Kind::Uint => "BIGINT UNSIGNED",
        Kind::Float => "DOUBLE",
        Kind::Text => "LONGTEXT",
        Kind::Bytes | Kind::Proto => "LONGBLOB",
    }
}

/// Whether a column is of this type, as the server writes it: `bigint(20) unsigned`.
fn is_type(there: &str, kind: Kind) -> bool {
    let wanted = type_of(kind).to_ascii_lowercase();
    let plain = |name: &str| {
        let (name, rest) = name.split_once('(').unwrap_or((name, ")"));
        format!("{name}{}", rest.split_once(')').map_or("", |(_, after)| after))
    };
    plain(there) == plain(&wanted)
}

/// The type of a column with its default where it is absent, which its index has.
fn indexed_type(kind: Kind, collation: &str) -> String {
    match kind {
        Kind::Text => format!("{INDEXED_TEXT} {collation}"),
        Kind::Bytes | Kind::Proto => INDEXED_BYTES.to_owned(),
        Kind::Bool | Kind::Int | Kind::Uint | Kind::Float => type_of(kind).to_owned(),
    }
}

/// A column that nobody has prepared: of some other program, or of a `prepare` that has failed.
fn other_type(to: &Change, column: &SeenColumn, there: &str) -> Fault {
    let message = format!(
        "the table has a column `{}` of type {there} that is not of this store; rename or drop it",
        column.name
    );
    StoreError::new(StoreErrorKind::Invalid, "prepare", to.table.name, message).into()
}
