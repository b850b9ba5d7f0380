//! [`PostgreSql`]: the SQL of PostgreSQL.

use std::time::Duration;

use guildhall_core::store::schema::SeenColumn;
use guildhall_core::store::{Kind, RowId};
use guildhall_sql::{Dialect, Quote, Set, Space, Statement, Update, kept_place};

use crate::sql::{CLUSTER_TABLES, Params, escaped, quoted};

/// The vendor.
#[derive(Clone, Copy, Debug)]
pub struct PostgreSql;

impl Quote for PostgreSql {
    fn quoted(name: &str) -> String {
        quoted(name)
    }
}

impl Dialect for PostgreSql {
    type Params = Params;

    /// PostgreSQL cuts longer names off.
    const NAME_MAX: usize = 63;
    const SHARED_TOO: &'static [&'static str] = &CLUSTER_TABLES;
    const FOLDS_CASE: bool = false;
    const UINT: &'static str = "::text";
    const NO_BYTES: &'static str = "''::bytea";
    const NOW_MS: &'static str = "floor(extract(epoch FROM statement_timestamp()) * 1000)";
    const STAMP_LOCK: &'static str = "";
    const COUNTED: &'static str = " RETURNING 1";

    fn default_of(kind: Kind) -> &'static str {
        match kind {
            Kind::Bool => "false",
            Kind::Int => "0::bigint",
            Kind::Uint => "0::numeric",
            Kind::Float => "0::double precision",
            Kind::Text => "''::text",
            Kind::Bytes | Kind::Proto => "''::bytea",
        }
    }

    fn comparable(_number: u32, column: &SeenColumn) -> String {
        format!("COALESCE({}, {})", quoted(&column.name), Self::default_of(column.kind))
    }

    fn is_row(params: &mut Params, rows: &[&RowId]) -> String {
        let places = rows.iter().map(|id| kept_place(id));
        let (keys, subs) = places.map(|(key, sub)| (escaped(&key), escaped(&sub))).unzip();
        let (keys, subs) = (params.texts(keys), params.texts(subs));
        format!(
            "(guildhall_key, guildhall_sub) IN (SELECT k, s FROM unnest({keys}, {subs}) AS ids (k, s))"
        )
    }

    fn is_text(params: &mut Params, column: &str, texts: &[&str]) -> String {
        format!(
            "{column} = ANY({})",
            params.texts(texts.iter().map(|text| escaped(text)).collect())
        )
    }

    fn is_beyond(place: &[(&str, String)], down: bool) -> String {
        let (columns, values): (Vec<_>, Vec<_>) =
            place.iter().map(|(column, value)| (*column, value.as_str())).unzip();
        let beyond = if down { "<" } else { ">" };
        format!("({}) {beyond} ({})", columns.join(", "), values.join(", "))
    }

    fn upsert(
        table: &str,
        key: &str,
        values: &[(&str, String)],
        sets: &[(&str, String)],
    ) -> String {
        let (columns, values): (Vec<_>, Vec<_>) =
            values.iter().map(|(column, value)| (*column, value.as_str())).unzip();
        let (columns, values) = (columns.join(", "), values.join(", "));
        let sets: Vec<_> =
            sets.iter().map(|(column, value)| format!("{column} = {value}")).collect();
        format!(
            "INSERT INTO {table} AS old ({columns}) VALUES ({values}) ON CONFLICT ({key}) DO UPDATE SET {}",
            sets.join(", ")
        )
    }

    fn update_rows(table: &str, rows: &[Update]) -> Option<Statement<Params>> {
        let first = rows.first()?;
        let mut params = Params::default();
        let text = |of: fn(&Update) -> &String| rows.iter().map(|row| escaped(of(row))).collect();
        let versions = rows.iter().map(|row| Some(row.was.to_string())).collect();
        let mut lists = vec![
            params.texts(text(|row| &row.key)),
            params.texts(text(|row| &row.sub)),
            params.uints(versions),
        ];
        let (mut names, mut sets) =
            (vec!["k".to_owned(), "s".to_owned(), "v".to_owned()], Vec::new());
        for (at, Set { column, kind, .. }) in first.sets.iter().enumerate() {
            lists
                .push(params.list(*kind, rows.iter().map(|row| row.sets.get(at)?.value.as_ref()))?);
            names.push(format!("c{at}"));
            sets.push(format!("{} = new.c{at}", quoted(column)));
        }
        let (lists, names, sets) = (lists.join(", "), names.join(", "), sets.join(", "));
        let sql = format!(
            "UPDATE {table} AS old SET {sets} FROM unnest({lists}) AS new ({names}) WHERE old.guildhall_key = new.k \
             AND old.guildhall_sub = new.s AND old.guildhall_version = new.v{}",
            Self::COUNTED
        );
        Some(Statement::new(sql, params))
    }

    fn present(column: &str) -> String {
        format!("old.{column}")
    }

    fn inserted(column: &str) -> String {
        format!("excluded.{column}")
    }

    fn begin(left: Duration) -> Vec<String> {
        let ms = left.as_millis().max(1);
        vec![format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL statement_timeout = {ms}; \
             SET LOCAL idle_in_transaction_session_timeout = {ms}; \
             SELECT set_config('synchronous_commit', 'on', true) \
             WHERE current_setting('synchronous_commit') = 'off'"
        )]
    }

    fn begin_reading(left: Duration) -> Vec<String> {
        let ms = left.as_millis().max(1);
        vec![format!(
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = {ms}; \
             SET LOCAL idle_in_transaction_session_timeout = {ms}"
        )]
    }

    fn share(space: &Space<Self>) -> Option<Statement<Params>> {
        let sql = format!("SELECT pg_advisory_xact_lock_shared({})", lock_of(space));
        Some(Statement::new(sql, Params::default()))
    }

    fn lock(_space: &Space<Self>, names: Vec<String>) -> Statement<Params> {
        lock_names(&names)
    }
}

/// Takes locks until the end of the transaction, in an order that is the same for all.
pub(crate) fn lock_names(names: &[String]) -> Statement<Params> {
    let mut params = Params::default();
    let sql = format!(
        "SELECT pg_advisory_xact_lock(h) FROM (SELECT DISTINCT hashtextextended(name, 0) AS h \
         FROM unnest({}) AS name ORDER BY h) AS hashes",
        params.texts(names.iter().map(|name| escaped(name)).collect())
    );
    Statement::new(sql, params)
}

/// The lock that writers share, and that `prepare` has alone.
pub(crate) fn lock_of(space: &Space<PostgreSql>) -> String {
    format!("hashtextextended('guildhall schema {}', 0)", space.0)
}
