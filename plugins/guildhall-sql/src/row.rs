//! Rows of an entity's table: their head, and how they are read.

use bytes::Bytes;
use guildhall_core::store::rows::Kept;
use guildhall_core::store::schema::Schema;
use guildhall_core::store::{Holder, Kind, Row, Token, Value};
use guildhall_core::{Incarnation, Key};

use crate::dialect::Dialect;
use crate::statement::{Fields, some};

/// The columns of the head: no field of an entity may have such a name.
pub const HEAD_NAMES: [&str; 11] = [
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

    /// What a SELECT has to list for [`Parts::read`].
    pub(crate) fn select<D: Dialect>(&self) -> String {
        let (uint, records) = (D::UINT, self.only.map_or("guildhall_records", |_| D::NO_BYTES));
        let mut list = format!(
            "guildhall_key, guildhall_sub, guildhall_lease, guildhall_epoch{uint}, guildhall_app, \
             guildhall_incarnation{uint}, guildhall_activation{uint}, guildhall_version{uint}, \
             guildhall_exists, guildhall_over_ms{uint}, {records}"
        );
        for (_, name, kind) in self.columns() {
            let as_what = if kind == Kind::Uint { D::UINT } else { "" };
            list.push_str(&format!(", {}{as_what}", D::quoted(name)));
        }
        list
    }

    /// Reads a row; the error says what is damaged.
    pub(crate) fn read(&self, row: &impl Fields) -> Result<(Key, Option<Key>, Kept), String> {
        let (key, sub) = place(row)?;
        let (version, over_ms) = (some(row.uint(7), 7)?, some(row.uint(9), 9)?);
        let (exists, records) = (some(row.bool(8), 8)?, Bytes::from(some(row.bytes(10), 10)?));
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

/// Key and sub key, which come first.
pub(crate) fn place(row: &impl Fields) -> Result<(Key, Option<Key>), String> {
    Ok((Key::from(some(row.text(0), 0)?), sub_key(&some(row.text(1), 1)?)?))
}

fn token(row: &impl Fields) -> Result<Option<Token>, String> {
    let Some(lease) = row.text(2)? else { return Ok(None) };
    Ok(Some(Token {
        lease: lease.into(),
        epoch: some(row.uint(3), 3)?,
        holder: holder(&some(row.text(4), 4)?, some(row.uint(5), 5)?)?,
        activation: some(row.uint(6), 6)?,
    }))
}

pub(crate) fn holder(app: &str, incarnation: u64) -> Result<Holder, String> {
    let app = app.parse().map_err(|error| format!("{error}"))?;
    Ok(Holder { app, incarnation: Incarnation(incarnation) })
}

fn value(row: &impl Fields, at: usize, kind: Kind) -> Result<Option<Value>, String> {
    Ok(match kind {
        Kind::Bool => row.bool(at)?.map(Value::Bool),
        Kind::Int => row.int(at)?.map(Value::Int),
        Kind::Uint => row.uint(at)?.map(Value::Uint),
        Kind::Float => row.float(at)?.map(Value::Float),
        Kind::Text => row.text(at)?.map(Value::Text),
        Kind::Bytes | Kind::Proto => row.bytes(at)?.map(|bytes| Value::Bytes(bytes.into())),
    })
}

/// A sub key as it is kept: a row without one comes before all that have one.
pub(crate) fn sub_text(sub: Option<&Key>) -> String {
    sub.map(|sub| format!(":{sub}")).unwrap_or_default()
}

/// Key and sub key as they are kept.
pub fn kept_place(id: &guildhall_core::store::RowId) -> (String, String) {
    (id.key.as_str().to_owned(), sub_text(id.sub.as_ref()))
}

/// The opposite of [`sub_text`].
fn sub_key(text: &str) -> Result<Option<Key>, String> {
    match text.strip_prefix(':') {
        Some(sub) => Ok(Some(Key::from(sub.to_owned()))),
        None if text.is_empty() => Ok(None),
        None => Err(format!("`{text}` is no sub key")),
    }
}

/// A value from its bytes in an index of the core, which compare as values do.
pub(crate) fn value_of(kind: Kind, ordered: &[u8]) -> Option<Value> {
    const SIGN: u64 = 1 << 63;
    let number = || Some(u64::from_be_bytes(ordered.try_into().ok()?));
    Some(match kind {
        Kind::Bool => Value::Bool(*ordered.first()? != 0),
        Kind::Int => Value::Int((number()? ^ SIGN).cast_signed()),
        Kind::Uint => Value::Uint(number()?),
        Kind::Float => {
            let bits = number()?;
            Value::Float(f64::from_bits(if bits & SIGN == 0 { !bits } else { bits & !SIGN }))
        }
        Kind::Text => Value::Text(String::from_utf8(ordered.to_vec()).ok()?),
        Kind::Bytes | Kind::Proto => Value::Bytes(Bytes::copy_from_slice(ordered)),
    })
}

#[cfg(test)]
mod tests;
