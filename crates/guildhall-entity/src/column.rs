//! Conversion of fields to columns and back: scalars natively, everything else as protobuf.

use std::fmt::Display;
use std::str::FromStr;

use bytes::Bytes;
use guildhall_core::store::{Table, Value};
use guildhall_core::{Key, outside};
use prost::Message;

use crate::error::LoadError;
use crate::meta::EntityMeta;
use crate::unknown::Tags;

/// A field type that is kept natively.
pub trait Scalar: Sized {
    /// Reads a column.
    ///
    /// # Errors
    /// The value, if it is of another type or out of range.
    fn from_value(value: Value) -> Result<Self, Value>;

    /// The column for this value.
    fn to_value(&self) -> Value;

    /// Bytes of the column.
    fn size(&self) -> usize {
        SCALAR_BYTES
    }
}

/// What a scalar that is neither text nor bytes counts.
const SCALAR_BYTES: usize = 8;

macro_rules! scalars {
    ($($scalar:ty: $kind:ident, $value:ident => $from:expr, $to:expr $(, $size:expr)?;)*) => {$(
        impl Scalar for $scalar {
            fn from_value(value: Value) -> Result<Self, Value> {
                match value {
                    Value::$kind($value) => $from,
                    other => Err(other),
                }
            }

            fn to_value(&self) -> Value {
                let $value = self;
                Value::$kind($to)
            }

            $(fn size(&self) -> usize {
                let $value = self;
                $size
            })?
        }
    )*};
}
scalars! {
    bool: Bool, v => Ok(v), *v;
    i32: Int, v => v.try_into().map_err(|_| Value::Int(v)), i64::from(*v);
    i64: Int, v => Ok(v), *v;
    u32: Uint, v => v.try_into().map_err(|_| Value::Uint(v)), u64::from(*v);
    u64: Uint, v => Ok(v), *v;
    f32: Float, v => Ok(narrow(v)), f64::from(*v);
    f64: Float, v => Ok(v), *v;
    String: Text, v => Ok(v), v.clone(), v.len();
    Bytes: Bytes, v => Ok(v), v.clone(), v.len();
}

#[expect(clippy::cast_possible_truncation, reason = "it was an f32 when it was saved")]
fn narrow(value: f64) -> f32 {
    value as f32
}

/// The column of a scalar field.
pub fn scalar_value<T: Scalar>(field: &T) -> Value {
    field.to_value()
}

/// Reads the column of a scalar field.
///
/// # Errors
/// A value of another type, or out of range.
pub fn load_scalar<T: Scalar>(
    table: &'static Table,
    key: &Key,
    number: u32,
    value: Value,
) -> Result<T, LoadError> {
    T::from_value(value).map_err(|value| {
        let found = format!("{value:?}");
        bad(table, key, number, &format!("holds {}, which does not fit", outside(&found)))
    })
}

/// The column of any other field: `swap` exchanges that field between two messages, so that it is encoded without a copy.
pub fn proto_value<M: Message + Default>(state: &mut M, swap: fn(&mut M, &mut M)) -> Value {
    let mut part = M::default();
    swap(state, &mut part);
    let encoded = part.encode_to_vec();
    swap(state, &mut part);
    Value::Bytes(encoded.into())
}

/// Reads the column of any other field into `state`.
///
/// # Errors
/// Bytes that are no protobuf.
pub fn load_proto<M: Message>(
    table: &'static Table,
    key: &Key,
    number: u32,
    value: Value,
    state: &mut M,
) -> Result<(), LoadError> {
    let Value::Bytes(encoded) = value else {
        return Err(bad(table, key, number, "holds a scalar, not protobuf bytes"));
    };
    state.merge(encoded).map_err(|err| bad(table, key, number, &err.to_string()))
}

/// Bytes of the column of a scalar field.
pub fn scalar_size<T: Scalar>(field: &T) -> usize {
    field.size()
}

/// Bytes of the column of any other field.
pub fn proto_size<M: Message + Default>(state: &mut M, swap: fn(&mut M, &mut M)) -> usize {
    let mut part = M::default();
    swap(state, &mut part);
    let size = part.encoded_len();
    swap(state, &mut part);
    size
}

/// By how much a column has grown.
pub fn growth(now: usize, before: usize) -> isize {
    let signed = |size: usize| isize::try_from(size).unwrap_or(isize::MAX);
    signed(now) - signed(before)
}

/// Whether the column of a field that holds messages can be read again: how deep they nest has a limit where they are read, and
/// none where they are written.
pub fn reads_again<M: Message + Default>(state: &mut M, swap: fn(&mut M, &mut M)) -> bool {
    match proto_value(state, swap) {
        Value::Bytes(bytes) => M::decode(bytes).is_ok(),
        _ => true,
    }
}

/// Bytes of a column.
pub(crate) fn size_of(value: &Value) -> usize {
    match value {
        Value::Text(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        _ => SCALAR_BYTES,
    }
}

/// As [`proto_value`], of a field that holds messages: with what a newer release has written into them.
pub fn message_value<M: Message + Default>(
    state: &mut M,
    swap: fn(&mut M, &mut M),
    (number, tags): (u32, &'static Tags),
    meta: &EntityMeta,
) -> Value {
    match (proto_value(state, swap), meta.loaded(number)) {
        (Value::Bytes(new), Some(old)) => Value::Bytes(tags.merge(&new, old).into()),
        (value, _) => value,
    }
}

/// As [`load_proto`], of a field that holds messages: what this release does not know of them is kept for the next save.
///
/// # Errors
/// Bytes that are no protobuf.
pub fn load_message<M: Message>(
    key: &Key,
    (table, number, tags): (&'static Table, u32, &'static Tags),
    value: Value,
    state: &mut M,
    meta: &mut EntityMeta,
) -> Result<(), LoadError> {
    if let Value::Bytes(bytes) = &value
        && tags.unknown_in(bytes)
    {
        meta.keep_loaded(number, bytes.clone());
    }
    load_proto(table, key, number, value, state)
}

/// The key field of an entity, from the row's key.
///
/// # Errors
/// Text that is not of the field's type.
pub fn key_field<K: FromStr<Err: Display>>(
    table: &'static Table,
    key: &Key,
) -> Result<K, LoadError> {
    key.as_str().parse().map_err(|err: K::Err| {
        let what = format!("the key does not fit field `{}`: {err}", table.key.name);
        LoadError { table: table.name, key: key.clone(), what }
    })
}

/// Whether an absent column means the same.
pub(crate) fn is_default(value: &Value) -> bool {
    match value {
        Value::Bool(v) => !v,
        Value::Int(v) => *v == 0,
        Value::Uint(v) => *v == 0,
        // By bits, so that -0.0 comes back as it was.
        Value::Float(v) => v.to_bits() == 0,
        Value::Text(v) => v.is_empty(),
        Value::Bytes(v) => v.is_empty(),
    }
}

#[cold]
fn bad(table: &'static Table, key: &Key, number: u32, what: &str) -> LoadError {
    let name = table.column(number).map_or("?", |column| column.name);
    let what = format!("column {number} `{name}` {what}");
    LoadError { table: table.name, key: key.clone(), what }
}
