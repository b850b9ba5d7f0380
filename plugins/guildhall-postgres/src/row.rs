//! Rows of an entity's table: their head, and how they are read.

use bytes::Bytes;
use guildhall_core::store::rows::Kept;
use guildhall_core::store::schema::Schema;
use guildhall_core::store::{Holder, Kind, Row, Token, Value};
use guildhall_core::{Incarnation, Key};

use crate::sql::{quoted, sub_key, unescaped};

/// The columns of the head: no field of an entity may have such a name.
pub(crate) const HEAD_NAMES: [&str; 11] = [
    "guildhall_key",
    "guildhall_sub",
    "guildhall_lease",
    "guildhall_epoch",
    "guildhall_app",
    "guildhall_incarnation",
    "guildhall_activation",
    "guildhall_version",
    "guildhall_exists",
    "guildhall_over_ms",
    "guildhall_records",
];

/// What every entity's table has beside the entity's columns.
pub(crate) const HEAD: &str = "guildhall_key text COLLATE \"C\" NOT NULL, \
    guildhall_sub text COLLATE \"C\" NOT NULL, guildhall_lease text, guildhall_epoch numeric(20), \
    guildhall_app text, guildhall_incarnation numeric(20), guildhall_activation numeric(20), \
    guildhall_version numeric(20) NOT NULL, guildhall_exists boolean NOT NULL, \
    guildhall_over_ms numeric(20) NOT NULL, guildhall_records bytea NOT NULL, \
    PRIMARY KEY (guildhall_key, guildhall_sub)";

/// Which parts of rows a statement asks for.
#[derive(Clone, Copy)]
pub(crate) struct Parts<'a> {
    pub(crate) schema: &'a Schema,
    /// These columns alone, and no records.
    pub(crate) only: Option<&'a [u32]>,
}

impl Parts<'_> {
    fn columns(&self) -> impl Iterator<Item = (u32, &str, Kind)> {
        let wanted = |number: &u32| self.only.is_none_or(|only| only.contains(number));
        let columns = self.schema.columns.iter().filter(move |(number, _)| wanted(number));
        columns.map(|(number, column)| (*number, column.name.as_str(), column.kind))
    }

    /// What a SELECT has to list for [`Parts::read`]. Unsigned numbers come as text.
    pub(crate) fn select(&self) -> String {
        let records = match self.only {
            Some(_) => "''::bytea",
            None => "guildhall_records",
        };
        let mut list = format!(
            "guildhall_key, guildhall_sub, guildhall_lease, guildhall_epoch::text, guildhall_app, \
             guildhall_incarnation::text, guildhall_activation::text, guildhall_version::text, \
             guildhall_exists, guildhall_over_ms::text, {records}"
        );
        for (_, name, kind) in self.columns() {
            let cast = if kind == Kind::Uint { "::text" } else { "" };
            list.push_str(&format!(", {}{cast}", quoted(name)));
        }
        list
    }

    /// Reads a row; the error says what is damaged.
    pub(crate) fn read(
        &self,
        row: &tokio_postgres::Row,
    ) -> Result<(Key, Option<Key>, Kept), String> {
        let key = Key::from(unescaped(get(row, 0)?)?);
        let sub = sub_key(get(row, 1)?)?;
        let (version, over_ms) = (uint(get(row, 7)?)?, uint(get(row, 9)?)?);
        let (exists, records) = (get(row, 8)?, Bytes::from(get::<Vec<u8>>(row, 10)?));
        let mut fields = Vec::new();
        for (at, (number, _, kind)) in (11..).zip(self.columns()) {
            if let Some(value) = value(row, at, kind)? {
                fields.push((number, value));
            }
        }
        let row = Row { token: token(row)?, version, exists, fields, records };
        Ok((key, sub, Kept { row, over_ms }))
    }
}

fn token(row: &tokio_postgres::Row) -> Result<Option<Token>, String> {
    let Some(lease) = get::<Option<&str>>(row, 2)? else { return Ok(None) };
    let (app, incarnation) = (get::<&str>(row, 4)?, uint(get(row, 5)?)?);
    Ok(Some(Token {
        lease: unescaped(lease)?.into(),
        epoch: uint(get(row, 3)?)?,
        holder: holder(app, incarnation)?,
        activation: uint(get(row, 6)?)?,
    }))
}

pub(crate) fn holder(app: &str, incarnation: u64) -> Result<Holder, String> {
    let app = app.parse().map_err(|error| format!("{error}"))?;
    Ok(Holder { app, incarnation: Incarnation(incarnation) })
}

fn value(row: &tokio_postgres::Row, at: usize, kind: Kind) -> Result<Option<Value>, String> {
    Ok(match kind {
        Kind::Bool => get::<Option<bool>>(row, at)?.map(Value::Bool),
        Kind::Int => get::<Option<i64>>(row, at)?.map(Value::Int),
        Kind::Uint => get::<Option<&str>>(row, at)?.map(uint).transpose()?.map(Value::Uint),
        Kind::Float => get::<Option<f64>>(row, at)?.map(Value::Float),
        Kind::Text => {
            let text = get::<Option<&str>>(row, at)?.map(unescaped).transpose()?;
            text.map(Value::Text)
        }
        Kind::Bytes | Kind::Proto => {
            get::<Option<Vec<u8>>>(row, at)?.map(|bytes| Value::Bytes(bytes.into()))
        }
    })
}

/// A field of what the server has answered.
pub(crate) fn get<'a, T: tokio_postgres::types::FromSql<'a>>(
    row: &'a tokio_postgres::Row,
    at: usize,
) -> Result<T, String> {
    row.try_get(at).map_err(|error| error.to_string())
}

/// An unsigned number, which comes as text.
pub(crate) fn uint(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("`{text}` is no number from 0 to 2^64 - 1"))
}
