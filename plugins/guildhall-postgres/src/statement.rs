//! The statements that write: one row each, and only if it is as it was read.

use guildhall_core::store::rows::Kept;
use guildhall_core::store::schema::Schema;
use guildhall_core::store::{Floor, LeaseId, Row};

use crate::row::HEAD_NAMES;
use crate::schema::Space;
use crate::sql::{Params, escaped, quoted, sub_text};
use crate::work::At;

impl Space {
    pub(crate) fn insert(&self, schema: &Schema, at: &At, after: &Kept) -> (String, Params) {
        let mut params = Params::default();
        let mut names: Vec<_> = HEAD_NAMES.iter().map(|name| quoted(name)).collect();
        let mut values =
            vec![params.text(escaped(at.1.as_str())), params.text(sub_text(at.2.as_ref()))];
        values.extend(head(&mut params, after));
        for (number, value) in &after.row.fields {
            if let Some(column) = schema.columns.get(number) {
                names.push(quoted(&column.name));
                values.push(params.value(value));
            }
        }
        let (names, values) = (names.join(", "), values.join(", "));
        let table = self.table(at.0);
        (format!("INSERT INTO {table} ({names}) VALUES ({values}) RETURNING 1"), params)
    }

    pub(crate) fn update(
        &self,
        schema: &Schema,
        at: &At,
        before: &Kept,
        after: &Kept,
    ) -> (String, Params) {
        let mut params = Params::default();
        let values = head(&mut params, after);
        let names = HEAD_NAMES[2..].iter().map(|name| quoted(name));
        let mut sets: Vec<_> =
            names.zip(values).map(|(name, value)| format!("{name} = {value}")).collect();
        for (number, column) in &schema.columns {
            let value = |row: &Row| {
                let at = row.fields.binary_search_by_key(number, |(n, _)| *n).ok()?;
                Some(row.fields[at].1.clone())
            };
            let (was, is) = (value(&before.row), value(&after.row));
            if was != is {
                let is = is.map_or_else(|| "NULL".to_owned(), |is| params.value(&is));
                sets.push(format!("{} = {is}", quoted(&column.name)));
            }
        }
        let guard = guard(&mut params, at, before);
        let table = self.table(at.0);
        (format!("UPDATE {table} SET {} WHERE {guard} RETURNING 1", sets.join(", ")), params)
    }

    pub(crate) fn delete(&self, at: &At, before: &Kept) -> (String, Params) {
        let mut params = Params::default();
        let guard = guard(&mut params, at, before);
        (format!("DELETE FROM {} WHERE {guard} RETURNING 1", self.table(at.0)), params)
    }

    pub(crate) fn raise_floor(&self, lease: &LeaseId, floor: &Floor) -> (String, Params) {
        let mut params = Params::default();
        let (lease, epoch) = (params.text(escaped(lease)), params.uint(floor.epoch));
        let app = params.text(floor.holder.app.to_string());
        let incarnation = params.uint(floor.holder.incarnation.0);
        let table = self.table("guildhall_floors");
        // A row of the table is locked by the update: floors that others raise at this time are compared.
        let sql = format!(
            "WITH raised AS (INSERT INTO {table} AS f VALUES ({lease}, {epoch}, {app}, {incarnation}) \
             ON CONFLICT (lease) DO UPDATE SET epoch = excluded.epoch, app = excluded.app, \
             incarnation = excluded.incarnation WHERE f.epoch <= excluded.epoch) SELECT 1"
        );
        (sql, params)
    }

    pub(crate) fn raise_removed(&self, table: &str, version: u64) -> (String, Params) {
        let mut params = Params::default();
        let (name, version) = (params.text(table.to_owned()), params.uint(version));
        let sql = format!(
            "INSERT INTO {} AS r VALUES ({name}, {version}) ON CONFLICT (table_name) DO UPDATE \
             SET version = GREATEST(r.version, excluded.version) RETURNING 1",
            self.table("guildhall_removed")
        );
        (sql, params)
    }
}

/// The values of the head beside key and sub key.
fn head(params: &mut Params, kept: &Kept) -> Vec<String> {
    let Kept { row, over_ms } = kept;
    let mut values = match &row.token {
        Some(token) => vec![
            params.text(escaped(&token.lease)),
            params.uint(token.epoch),
            params.text(token.holder.app.to_string()),
            params.uint(token.holder.incarnation.0),
            params.uint(token.activation),
        ],
        None => vec!["NULL".to_owned(); 5],
    };
    values.extend([
        params.uint(row.version),
        params.bool(row.exists),
        params.uint(*over_ms),
        params.bytes(&row.records),
    ]);
    values
}

/// The row as it was read: with its version.
fn guard(params: &mut Params, at: &At, before: &Kept) -> String {
    format!(
        "guildhall_key = {} AND guildhall_sub = {} AND guildhall_version = {}",
        params.text(escaped(at.1.as_str())),
        params.text(sub_text(at.2.as_ref())),
        params.uint(before.row.version)
    )
}
