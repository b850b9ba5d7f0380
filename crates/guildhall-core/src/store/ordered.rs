//! Order-preserving encoding of values, and default values of columns.

use super::table::{Kind, Value};

/// A value in bytes that compare as values do.
pub fn ordered(value: &Value) -> Vec<u8> {
    const SIGN: u64 = 1 << 63;
    match value {
        Value::Bool(value) => vec![u8::from(*value)],
        Value::Int(n) => (n.cast_unsigned() ^ SIGN).to_be_bytes().to_vec(),
        Value::Uint(n) => n.to_be_bytes().to_vec(),
        Value::Float(n) => {
            // There is one zero.
            let bits = if *n == 0.0 { 0 } else { n.to_bits() };
            let bits = if bits & SIGN == 0 { bits | SIGN } else { !bits };
            bits.to_be_bytes().to_vec()
        }
        Value::Text(text) => text.as_bytes().to_vec(),
        Value::Bytes(bytes) => bytes.to_vec(),
    }
}

/// What an absent column means.
pub fn default_of(kind: Kind) -> Value {
    match kind {
        Kind::Bool => Value::Bool(false),
        Kind::Int => Value::Int(0),
        Kind::Uint => Value::Uint(0),
        Kind::Float => Value::Float(0.0),
        Kind::Text => Value::Text(String::new()),
        Kind::Bytes | Kind::Proto => Value::Bytes(bytes::Bytes::new()),
    }
}
