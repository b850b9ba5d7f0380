//! The statements that write: rows only if they are as they were read.

use guildhall_core::store::rows::Kept;
use guildhall_core::store::schema::Schema;
use guildhall_core::store::{Floor, Kind, LeaseId, Row, Token, Value};

use crate::dialect::Dialect;
use crate::row::{HEAD_NAMES, sub_text};
use crate::space::Space;
use crate::statement::{Params, Statement};
use crate::update::{Set, Update};
use crate::work::At;

impl<D: Dialect> Space<D> {
    pub(crate) fn insert(&self, schema: &Schema, at: &At, after: &Kept) -> Statement<D::Params> {
        let mut params = D::Params::default();
        let mut names: Vec<_> = HEAD_NAMES.iter().map(|name| D::quoted(name)).collect();
        let mut values = vec![params.text(at.1.as_str()), params.text(&sub_text(at.2.as_ref()))];
        for (_, value) in head(after) {
            values.push(value.map_or_else(|| "NULL".to_owned(), |value| params.value(&value)));
        }
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

    /// Updates rows of a table that change in the same columns: in one statement where the vendor has one, and else in one for each row.
    pub(crate) fn update(&self, table: &str, rows: &[Update]) -> Vec<Statement<D::Params>> {
        let table = self.table(table);
        match D::update_rows(&table, rows) {
            Some(all) if rows.len() > 1 => vec![all],
            _ => rows.iter().map(|row| Self::update_row(&table, row)).collect(),
        }
    }

    fn update_row(table: &str, row: &Update) -> Statement<D::Params> {
        let mut params = D::Params::default();
        let mut sets = Vec::with_capacity(row.sets.len());
        for Set { column, value, .. } in &row.sets {
            let value = value.as_ref().map_or_else(|| "NULL".to_owned(), |it| params.value(it));
            sets.push(format!("{} = {value}", D::quoted(column)));
        }
        let guard = guard(&mut params, (&row.key, &row.sub), row.was);
        let (sets, counted) = (sets.join(", "), D::COUNTED);
        Statement::new(format!("UPDATE {table} SET {sets} WHERE {guard}{counted}"), params)
    }

    pub(crate) fn delete(&self, at: &At, before: &Kept) -> Statement<D::Params> {
        let mut params = D::Params::default();
        let (sub, was) = (sub_text(at.2.as_ref()), before.row.version);
        let guard = guard(&mut params, (at.1.as_str(), &sub), was);
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

impl Update {
    pub(crate) fn of(schema: &Schema, at: &At, before: &Kept, after: &Kept) -> Self {
        let heads = head(before).into_iter().zip(head(after)).zip(&HEAD_NAMES[2..]);
        let heads = heads.filter(|((was, is), _)| was != is);
        let mut sets: Vec<_> = heads
            .map(|((_, (kind, value)), column)| Set { column: (*column).to_owned(), kind, value })
            .collect();
        for (number, column) in &schema.columns {
            let value = |row: &Row| {
                let at = row.fields.binary_search_by_key(number, |(n, _)| *n).ok()?;
                Some(row.fields[at].1.clone())
            };
            let (was, is) = (value(&before.row), value(&after.row));
            if was != is {
                sets.push(Set { column: column.name.clone(), kind: column.kind, value: is });
            }
        }
        let (key, sub) = (at.1.as_str().to_owned(), sub_text(at.2.as_ref()));
        Self { key, sub, was: before.row.version, sets }
    }
}

/// The values of the head beside key and sub key, in the order of [`HEAD_NAMES`].
fn head(kept: &Kept) -> Vec<(Kind, Option<Value>)> {
    let Kept { row, over_ms } = kept;
    let token = row.token.as_ref();
    let text = |of: fn(&Token) -> String| (Kind::Text, token.map(|it| Value::Text(of(it))));
    let uint = |of: fn(&Token) -> u64| (Kind::Uint, token.map(|it| Value::Uint(of(it))));
    vec![
        text(|it| it.lease.to_string()),
        uint(|it| it.epoch),
        text(|it| it.holder.app.to_string()),
        uint(|it| it.holder.incarnation.0),
        uint(|it| it.activation),
        (Kind::Uint, Some(Value::Uint(row.version))),
        (Kind::Bool, Some(Value::Bool(row.exists))),
        (Kind::Uint, Some(Value::Uint(*over_ms))),
        (Kind::Bytes, Some(Value::Bytes(row.records.clone()))),
    ]
}

/// The row as it was read: with its version.
fn guard(params: &mut impl Params, (key, sub): (&str, &str), was: u64) -> String {
    format!(
        "guildhall_key = {} AND guildhall_sub = {} AND guildhall_version = {}",
        params.text(key),
        params.text(sub),
        params.uint(was)
    )
}
