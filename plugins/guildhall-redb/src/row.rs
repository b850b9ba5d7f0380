//! The encoding of rows and schemas in the file.

use std::collections::BTreeMap;

use bytes::Bytes;
use guildhall_core::Incarnation;
use guildhall_core::store::rows::Kept;
use guildhall_core::store::schema::{Schema, SeenColumn};
use guildhall_core::store::{Floor, Holder, Kind, Row, Token, Value};
use prost::Message;

#[derive(Clone, PartialEq, Message)]
struct RowBytes {
    #[prost(message, optional, tag = "1")]
    token: Option<TokenBytes>,
    #[prost(uint64, tag = "2")]
    version: u64,
    #[prost(bool, tag = "3")]
    exists: bool,
    #[prost(message, repeated, tag = "4")]
    fields: Vec<FieldBytes>,
    #[prost(bytes = "bytes", tag = "5")]
    records: Bytes,
    /// Of tombstones.
    #[prost(uint64, tag = "6")]
    over_ms: u64,
}

#[derive(Clone, PartialEq, Message)]
struct FloorBytes {
    #[prost(uint64, tag = "1")]
    epoch: u64,
    #[prost(string, tag = "2")]
    app: String,
    #[prost(uint64, tag = "3")]
    incarnation: u64,
}

#[derive(Clone, PartialEq, Message)]
struct TokenBytes {
    #[prost(string, tag = "1")]
    lease: String,
    #[prost(uint64, tag = "2")]
    epoch: u64,
    #[prost(string, tag = "3")]
    app: String,
    #[prost(uint64, tag = "4")]
    incarnation: u64,
    #[prost(uint64, tag = "5")]
    activation: u64,
}

#[derive(Clone, PartialEq, Message)]
struct FieldBytes {
    #[prost(uint32, tag = "1")]
    number: u32,
    #[prost(oneof = "ValueBytes", tags = "2, 3, 4, 5, 6, 7")]
    value: Option<ValueBytes>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum ValueBytes {
    #[prost(bool, tag = "2")]
    Bool(bool),
    #[prost(sint64, tag = "3")]
    Int(i64),
    #[prost(uint64, tag = "4")]
    Uint(u64),
    #[prost(double, tag = "5")]
    Float(f64),
    #[prost(string, tag = "6")]
    Text(String),
    #[prost(bytes = "bytes", tag = "7")]
    Bytes(Bytes),
}

#[derive(Clone, PartialEq, Message)]
struct SchemaBytes {
    #[prost(message, repeated, tag = "1")]
    columns: Vec<ColumnBytes>,
}

#[derive(Clone, PartialEq, Message)]
struct ColumnBytes {
    #[prost(uint32, tag = "1")]
    number: u32,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(uint32, tag = "3")]
    kind: u32,
    #[prost(bool, tag = "4")]
    unique: bool,
    #[prost(bool, tag = "5")]
    index: bool,
}

pub(crate) fn encode(kept: Kept) -> Vec<u8> {
    let Kept { row, over_ms } = kept;
    let fields = row.fields.into_iter().map(|(number, value)| FieldBytes {
        number,
        value: Some(match value {
            Value::Bool(v) => ValueBytes::Bool(v),
            Value::Int(v) => ValueBytes::Int(v),
            Value::Uint(v) => ValueBytes::Uint(v),
            Value::Float(v) => ValueBytes::Float(v),
            Value::Text(v) => ValueBytes::Text(v),
            Value::Bytes(v) => ValueBytes::Bytes(v),
        }),
    });
    let row = RowBytes {
        token: row.token.map(|token| TokenBytes {
            lease: token.lease.to_string(),
            epoch: token.epoch,
            app: token.holder.app.to_string(),
            incarnation: token.holder.incarnation.0,
            activation: token.activation,
        }),
        version: row.version,
        exists: row.exists,
        fields: fields.collect(),
        records: row.records,
        over_ms,
    };
    row.encode_to_vec()
}

/// Reads a row; the error says what is damaged.
pub(crate) fn decode(bytes: &[u8]) -> Result<Kept, String> {
    let row = RowBytes::decode(Bytes::copy_from_slice(bytes)).map_err(|e| e.to_string())?;
    let token = row.token.map(|token| {
        Ok::<_, String>(Token {
            lease: token.lease.into(),
            epoch: token.epoch,
            holder: Holder {
                app: token.app.parse().map_err(|e| format!("{e}"))?,
                incarnation: Incarnation(token.incarnation),
            },
            activation: token.activation,
        })
    });
    let fields = row.fields.into_iter().map(|field| {
        let value = match field.value {
            Some(ValueBytes::Bool(v)) => Value::Bool(v),
            Some(ValueBytes::Int(v)) => Value::Int(v),
            Some(ValueBytes::Uint(v)) => Value::Uint(v),
            Some(ValueBytes::Float(v)) => Value::Float(v),
            Some(ValueBytes::Text(v)) => Value::Text(v),
            Some(ValueBytes::Bytes(v)) => Value::Bytes(v),
            None => {
                return Err(format!("column {} has no value that is known here", field.number));
            }
        };
        Ok((field.number, value))
    });
    let over_ms = row.over_ms;
    let row = Row {
        token: token.transpose()?,
        version: row.version,
        exists: row.exists,
        fields: fields.collect::<Result<_, _>>()?,
        records: row.records,
    };
    Ok(Kept { row, over_ms })
}

pub(crate) fn encode_floor(floor: Floor) -> Vec<u8> {
    let Floor { epoch, holder } = floor;
    let (app, incarnation) = (holder.app.to_string(), holder.incarnation.0);
    FloorBytes { epoch, app, incarnation }.encode_to_vec()
}

/// Reads a floor; the error says what is damaged.
pub(crate) fn decode_floor(bytes: &[u8]) -> Result<Floor, String> {
    let FloorBytes { epoch, app, incarnation } =
        FloorBytes::decode(bytes).map_err(|error| error.to_string())?;
    let app = app.parse().map_err(|error| format!("{error}"))?;
    Ok(Floor { epoch, holder: Holder { app, incarnation: Incarnation(incarnation) } })
}

/// Their numbers are their places; append only.
const KINDS: [Kind; 7] =
    [Kind::Bool, Kind::Int, Kind::Uint, Kind::Float, Kind::Text, Kind::Bytes, Kind::Proto];

pub(crate) fn encode_schema(schema: &Schema) -> Vec<u8> {
    let columns = schema.columns.iter().map(|(number, column)| ColumnBytes {
        number: *number,
        name: column.name.clone(),
        kind: (0..).zip(KINDS).find(|(_, kind)| *kind == column.kind).map_or(0, |(n, _)| n),
        unique: column.unique,
        index: column.index,
    });
    SchemaBytes { columns: columns.collect() }.encode_to_vec()
}

/// Reads a schema; the error says what is damaged.
pub(crate) fn decode_schema(bytes: &[u8]) -> Result<Schema, String> {
    let schema = SchemaBytes::decode(bytes).map_err(|e| e.to_string())?;
    let mut columns = BTreeMap::new();
    for ColumnBytes { number, name, kind, unique, index } in schema.columns {
        let kind = usize::try_from(kind).ok().and_then(|kind| KINDS.get(kind));
        let kind =
            *kind.ok_or_else(|| format!("column {number} has a kind that is unknown here"))?;
        columns.insert(number, SeenColumn { name, kind, unique, index });
    }
    Ok(Schema { columns })
}
