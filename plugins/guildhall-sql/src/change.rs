//! The statements that write: one row each, and only if it is as it was read.

use guildhall_core::store::rows::Kept;
use guildhall_core::store::schema::Schema;
use guildhall_core::store::{Floor, LeaseId, Row};

use crate::dialect::Dialect;
use crate::row::{HEAD_NAMES, sub_text};
use crate::space::Space;
use crate::statement::{Params, Statement};
use crate::work::At;

impl<D: Dialect> Space<D> {
    pub(crate) fn insert(&self, schema: &Schema, at: &At, after: &Kept) -> Statement<D::Params> {
        let mut params = D::Params::default();
        let mut names: Vec<_> = HEAD_NAMES.iter().map(|name| D::quoted(name)).collect();
        let mut values = vec![params.text(at.1.as_str()), params.text(&sub_text(at.2.as_ref()))];
        values.extend(head(&mut params, after));
        for (number, value) in &after.row.fields {
            if let Some(column) = schema.columns.get(number) {
                names.push(D::quoted(&column.name));
                values.push(params.value(value));
            }
        }
        let (names, values) = (names.join(", "), values.join(", "));
        let (table, counted) = (self.table(at.0), D::COUNTED);
        Statement::new(format!("INSERT INTO {table} ({names}) VALUES ({values}){counted}"), params)
    }

    pub(crate) fn update(
        &self,
        schema: &Schema,
        at: &At,
        before: &Kept,
        after: &Kept,
    ) -> Statement<D::Params> {
        let mut params = D::Params::default();
        let values = head(&mut params, after);
        let names = HEAD_NAMES[2..].iter().map(|name| D::quoted(name));
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
                sets.push(format!("{} = {is}", D::quoted(&column.name)));
            }
        }
        let guard = guard(&mut params, at, before);
        let (table, sets, counted) = (self.table(at.0), sets.join(", "), D::COUNTED);
        Statement::new(format!("UPDATE {table} SET {sets} WHERE {guard}{counted}"), params)
    }

    pub(crate) fn delete(&self, at: &At, before: &Kept) -> Statement<D::Params> {
        let mut params = D::Params::default();
        let guard = guard(&mut params, at, before);
        let (table, counted) = (self.table(at.0), D::COUNTED);
        Statement::new(format!("DELETE FROM {table} WHERE {guard}{counted}"), params)
    }

    /// A row of the table is locked by this: floors that others raise at this time are compared.
    pub(crate) fn raise_floor(&self, lease: &LeaseId, floor: &Floor) -> Statement<D::Params> {
        let mut params = D::Params::default();
        let values = [
            ("lease", params.text(lease)),
            ("epoch", params.uint(floor.epoch)),
            ("app", params.text(&floor.holder.app.to_string())),
            ("incarnation", params.uint(floor.holder.incarnation.0)),
        ];
        let later = format!("{} <= {}", D::present("epoch"), D::inserted("epoch"));
        let pick = |name: &'static str| {
            let (old, new) = (D::present(name), D::inserted(name));
            (name, format!("CASE WHEN {later} THEN {new} ELSE {old} END"))
        };
        // The epoch comes last: where sets are done one after the other, those before compare the old one.
        let sets = [pick("app"), pick("incarnation"), pick("epoch")];
        let sql = D::upsert(&self.table("guildhall_floors"), "lease", &values, &sets);
        Statement::new(sql, params)
    }

    pub(crate) fn raise_removed(&self, table: &str, version: u64) -> Statement<D::Params> {
        let mut params = D::Params::default();
        let values = [("table_name", params.text(table)), ("version", params.uint(version))];
        let later = format!("GREATEST({}, {})", D::present("version"), D::inserted("version"));
        let sql = D::upsert(
            &self.table("guildhall_removed"),
            "table_name",
            &values,
            &[("version", later)],
        );
        Statement::new(sql, params)
    }

    /// Writes a few pages of which nobody reads anything.
    pub(crate) fn probe(&self, bytes: &[u8]) -> Statement<D::Params> {
        let mut params = D::Params::default();
        let values = [("id", params.int(1)), ("bytes", params.bytes(bytes))];
        let sets = [("bytes", D::inserted("bytes"))];
        Statement::new(D::upsert(&self.table("guildhall_probe"), "id", &values, &sets), params)
    }
}

/// The values of the head beside key and sub key.
fn head(params: &mut impl Params, kept: &Kept) -> Vec<String> {
    let Kept { row, over_ms } = kept;
    let mut values = match &row.token {
        Some(token) => vec![
            params.text(&token.lease),
            params.uint(token.epoch),
            params.text(&token.holder.app.to_string()),
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
fn guard(params: &mut impl Params, at: &At, before: &Kept) -> String {
    format!(
        "guildhall_key = {} AND guildhall_sub = {} AND guildhall_version = {}",
        params.text(at.1.as_str()),
        params.text(&sub_text(at.2.as_ref())),
        params.uint(before.row.version)
    )
}
