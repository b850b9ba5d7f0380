//! Rows as documents.
//!
//! A document has the entity's fields under their names, its head under `guildhall_..`, and for each indexed field `guildhall_i..` with its
//! value or its default, in a form that the server orders as values are; `guildhall_columns` says by which columns these were made. BSON has no unsigned numbers: fields have the signed number with the same
//! bits, and what is compared by the server has its highest bit turned.

use std::collections::BTreeMap;

use bytes::Bytes;
use guildhall_core::store::rows::Kept;
use guildhall_core::store::schema::Schema;
use guildhall_core::store::{Holder, Kind, Row, RowId, Token, Value};
use guildhall_core::{Incarnation, Key};
use mongodb::bson::{Binary, Bson, Document, doc, spec::BinarySubtype};

use crate::seen::Columns;
use crate::values::{int, ordered, text, unordered};

/// What a document is: a row that is there, one with a sub key, a tombstone, or the place of a row that somebody is about to make, which
/// is no row yet.
pub(crate) const ROW: &str = "row";
pub(crate) const SUB_ROW: &str = "sub";
pub(crate) const GONE: &str = "gone";
const RESERVED: &str = "reserved";

/// The `_id` of a row: its key, where that is all.
pub(crate) fn id_of(id: &RowId) -> String {
    let key = id.key.as_str();
    match &id.sub {
        Some(sub) => format!("\u{1}s{}:{key}{sub}", key.len()),
        None if key.starts_with('\u{1}') => format!("\u{1}k{key}"),
        None => key.to_owned(),
    }
}

/// The field with the comparable value of a column.
pub(crate) fn comparable(number: u32) -> String {
    format!("guildhall_i{number}")
}

/// The place of a row that is about to be made. `mark` is of this attempt alone.
pub(crate) fn reserved(id: &RowId, mark: i64) -> Document {
    doc! { "_id": id_of(id), "guildhall_key": id.key.as_str(), "guildhall_sub": id.sub.as_ref().map(Key::as_str), "guildhall_state": RESERVED, "guildhall_mark": mark }
}

/// The mark of a place that somebody has reserved.
fn mark_of(document: &Document) -> Option<i64> {
    let is_reserved = document.get_str("guildhall_state").is_ok_and(|state| state == RESERVED);
    int(document, "guildhall_mark").ok().filter(|_| is_reserved)
}

/// The fields of the head beside those of the place.
fn head(columns: &Columns, id: &RowId, kept: &Kept) -> Document {
    let Kept { row, over_ms } = kept;
    let state = match (row.exists, &id.sub) {
        (true, None) => ROW,
        (true, Some(_)) => SUB_ROW,
        (false, _) => GONE,
    };
    let token = row.token.as_ref().map_or(Bson::Null, |token| {
        Bson::Document(doc! {
            "lease": &*token.lease,
            "epoch": token.epoch.cast_signed(),
            "app": token.holder.app.to_string(),
            "incarnation": token.holder.incarnation.0.cast_signed(),
            "activation": token.activation.cast_signed(),
        })
    });
    doc! {
        "guildhall_state": state,
        "guildhall_columns": columns.stamp,
        "guildhall_version": row.version.cast_signed(),
        "guildhall_over": ordered(*over_ms),
        "guildhall_token": token,
        "guildhall_records": binary(&row.records),
    }
}

/// What turns a document into the next one; without `before`, the place of a row into the row. Fields that this program does not know stay.
pub(crate) fn change(
    columns: &Columns,
    id: &RowId,
    before: Option<&Row>,
    after: &Kept,
) -> Document {
    let mut set = head(columns, id, after);
    let (fields, mut unset) = fields(&columns.schema, before, &after.row);
    set.extend(fields);
    if before.is_none() {
        unset = doc! { "guildhall_mark": "" };
    }
    let mut change = doc! { "$set": set };
    if !unset.is_empty() {
        change.insert("$unset", unset);
    }
    change
}

/// Fields to set and fields to remove.
fn fields(schema: &Schema, before: Option<&Row>, after: &Row) -> (Document, Document) {
    let (mut set, mut unset) = (Document::new(), Document::new());
    for (number, column) in &schema.columns {
        let (was, is) = (before.and_then(|row| value_of(row, *number)), value_of(after, *number));
        match is {
            Some(value) if was != Some(value) => {
                set.insert(&column.name, bson(value));
            }
            None if was.is_some() => {
                unset.insert(&column.name, "");
            }
            _ => {}
        }
        if column.index {
            if after.exists {
                set.insert(comparable(*number), comparable_of(column.kind, is));
            } else {
                unset.insert(comparable(*number), "");
            }
        }
    }
    (set, unset)
}

fn value_of(row: &Row, number: u32) -> Option<&Value> {
    let at = row.fields.binary_search_by_key(&number, |(n, _)| *n).ok()?;
    Some(&row.fields[at].1)
}

fn bson(value: &Value) -> Bson {
    match value {
        Value::Bool(v) => Bson::Boolean(*v),
        Value::Int(v) => Bson::Int64(*v),
        Value::Uint(v) => Bson::Int64(v.cast_signed()),
        Value::Float(v) => Bson::Double(*v),
        Value::Text(v) => Bson::String(v.clone()),
        Value::Bytes(v) => binary(v),
    }
}

/// The value or its default, as the server compares it.
pub(crate) fn comparable_of(kind: Kind, value: Option<&Value>) -> Bson {
    match (kind, value) {
        (_, Some(Value::Uint(v))) => Bson::Int64(ordered(*v)),
        (_, Some(Value::Bytes(v))) => Bson::String(v.iter().map(|b| format!("{b:02x}")).collect()),
        (_, Some(value)) => bson(value),
        (Kind::Bool, None) => Bson::Boolean(false),
        (Kind::Int, None) => Bson::Int64(0),
        (Kind::Uint, None) => Bson::Int64(ordered(0)),
        (Kind::Float, None) => Bson::Double(0.0),
        (Kind::Text | Kind::Bytes | Kind::Proto, None) => Bson::String(String::new()),
    }
}

pub(crate) fn binary(bytes: &[u8]) -> Bson {
    Bson::Binary(Binary { subtype: BinarySubtype::Generic, bytes: bytes.to_vec() })
}

/// Key and sub key.
fn place(document: &Document) -> Result<(Key, Option<Key>), String> {
    let key = Key::from(text(document, "guildhall_key")?);
    let sub = match document.get("guildhall_sub") {
        None | Some(Bson::Null) => None,
        Some(_) => Some(Key::from(text(document, "guildhall_sub")?)),
    };
    Ok((key, sub))
}

/// Reads a document; the error says what is damaged.
pub(crate) fn read(
    schema: &Schema,
    document: &Document,
) -> Result<((Key, Option<Key>), Kept), String> {
    let token = match document.get("guildhall_token") {
        None | Some(Bson::Null) => None,
        Some(Bson::Document(token)) => Some(Token {
            lease: text(token, "lease")?.into(),
            epoch: int(token, "epoch")?.cast_unsigned(),
            holder: holder(token)?,
            activation: int(token, "activation")?.cast_unsigned(),
        }),
        Some(_) => return Err("guildhall_token is no document".to_owned()),
    };
    let records = match document.get("guildhall_records") {
        None => Bytes::new(),
        Some(Bson::Binary(binary)) => Bytes::from(binary.bytes.clone()),
        Some(_) => return Err("guildhall_records is not binary".to_owned()),
    };
    let mut fields = Vec::new();
    for (number, column) in &schema.columns {
        if let Some(value) = document.get(&column.name) {
            let value = value_from(column.kind, value);
            fields.push((
                *number,
                value.ok_or_else(|| format!("`{}` has another type", column.name))?,
            ));
        }
    }
    let version = int(document, "guildhall_version")?.cast_unsigned();
    let exists = text(document, "guildhall_state")? != GONE;
    let over_ms = unordered(int(document, "guildhall_over")?);
    Ok((place(document)?, Kept { row: Row { token, version, exists, fields, records }, over_ms }))
}

fn value_from(kind: Kind, value: &Bson) -> Option<Value> {
    Some(match (kind, value) {
        (Kind::Bool, Bson::Boolean(v)) => Value::Bool(*v),
        (Kind::Int, Bson::Int64(v)) => Value::Int(*v),
        (Kind::Int, Bson::Int32(v)) => Value::Int((*v).into()),
        (Kind::Uint, Bson::Int64(v)) => Value::Uint(v.cast_unsigned()),
        (Kind::Uint, Bson::Int32(v)) => Value::Uint(i64::from(*v).cast_unsigned()),
        (Kind::Float, Bson::Double(v)) => Value::Float(*v),
        (Kind::Text, Bson::String(v)) => Value::Text(v.clone()),
        (Kind::Bytes | Kind::Proto, Bson::Binary(v)) => Value::Bytes(v.bytes.clone().into()),
        _ => return None,
    })
}

pub(crate) fn holder(document: &Document) -> Result<Holder, String> {
    let app = text(document, "app")?.parse().map_err(|error| format!("{error}"))?;
    let incarnation = Incarnation(int(document, "incarnation")?.cast_unsigned());
    Ok(Holder { app, incarnation })
}

/// What was read, by table and row.
pub(crate) type At = (&'static str, Key, Option<Key>);

pub(crate) fn at(id: &RowId) -> At {
    (id.table.name, id.key.clone(), id.sub.clone())
}

/// Rows by where they are.
pub(crate) type Found = BTreeMap<At, Kept>;

/// What a document holds.
#[derive(Debug)]
pub(crate) enum Stored {
    Row(Kept),
    /// The reserved place of a row, with its mark.
    Place(i64),
}

/// Reads a document that may be a reserved place; the error says what is damaged.
pub(crate) fn read_stored(
    schema: &Schema,
    document: &Document,
) -> Result<((Key, Option<Key>), Stored), String> {
    match mark_of(document) {
        Some(mark) => Ok((place(document)?, Stored::Place(mark))),
        None => read(schema, document).map(|(place, kept)| (place, Stored::Row(kept))),
    }
}

#[cfg(test)]
mod tests;
