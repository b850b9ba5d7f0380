//! What prost-reflect reads from bytes, in the JSON form of the views.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prost_reflect::prost::encoding::{WireType, decode_key, decode_varint};
use prost_reflect::{
    DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, UnknownField, Value,
};

/// The JSON of a message's bytes; `None` where prost refuses them, or where they have groups.
pub(crate) fn read(of: &MessageDescriptor, bytes: &[u8]) -> Option<String> {
    let message = DynamicMessage::decode(of.clone(), bytes).ok()?;
    (!has_group(&message) && has_entries_of_bytes(of, bytes)).then(|| json(&message))
}

/// Whether all maps have the wire type of bytes, which prost does not ask for. The bytes are a message that prost reads.
fn has_entries_of_bytes(of: &MessageDescriptor, mut bytes: &[u8]) -> bool {
    while !bytes.is_empty() {
        let (number, wire) = decode_key(&mut bytes).unwrap();
        let field = of.get_field(number);
        if field.as_ref().is_some_and(FieldDescriptor::is_map) && wire != WireType::LengthDelimited
        {
            return false;
        }
        let long = match wire {
            WireType::Varint => {
                decode_varint(&mut bytes).unwrap();
                0
            }
            WireType::SixtyFourBit => 8,
            WireType::ThirtyTwoBit => 4,
            WireType::LengthDelimited => {
                usize::try_from(decode_varint(&mut bytes).unwrap()).unwrap()
            }
            // Of unknown fields, for which `has_group` has looked.
            WireType::StartGroup | WireType::EndGroup => return true,
        };
        let (value, rest) = bytes.split_at(long);
        if let Some(Kind::Message(inner)) = field.map(|field| field.kind())
            && !has_entries_of_bytes(&inner, value)
        {
            return false;
        }
        bytes = rest;
    }
    true
}

fn json(message: &DynamicMessage) -> String {
    let fields = message.fields().map(|(field, value)| {
        let kind = match (field.kind(), field.is_map()) {
            (Kind::Message(entry), true) => entry.map_entry_value_field().kind(),
            (kind, _) => kind,
        };
        format!("{}:{}", text(field.name()), value_json(value, &kind))
    });
    format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
}

fn value_json(value: &Value, kind: &Kind) -> String {
    match value {
        Value::Bool(it) => it.to_string(),
        Value::I32(it) => it.to_string(),
        Value::I64(it) => it.to_string(),
        Value::U32(it) => it.to_string(),
        Value::U64(it) => it.to_string(),
        Value::F32(it) => float(f64::from(*it), shortest_f32(*it)),
        Value::F64(it) => float(*it, shortest_f64(*it)),
        Value::String(it) => text(it),
        Value::Bytes(it) => text(&STANDARD.encode(it)),
        Value::EnumNumber(it) => {
            let name = kind.as_enum().unwrap().get_value(*it);
            name.map_or_else(|| it.to_string(), |value| text(value.name()))
        }
        Value::Message(it) => json(it),
        Value::List(items) => {
            let items: Vec<_> = items.iter().map(|item| value_json(item, kind)).collect();
            format!("[{}]", items.join(","))
        }
        Value::Map(entries) => {
            let entries = entries
                .iter()
                .map(|(key, item)| format!("{}:{}", text(&key_text(key)), value_json(item, kind)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(","))
        }
    }
}

fn key_text(key: &MapKey) -> String {
    match key {
        MapKey::Bool(it) => it.to_string(),
        MapKey::I32(it) => it.to_string(),
        MapKey::I64(it) => it.to_string(),
        MapKey::U32(it) => it.to_string(),
        MapKey::U64(it) => it.to_string(),
        MapKey::String(it) => it.clone(),
    }
}

fn float(value: f64, shortest: String) -> String {
    match value {
        _ if value.is_nan() => text("NaN"),
        _ if value == f64::INFINITY => text("Infinity"),
        _ if value == f64::NEG_INFINITY => text("-Infinity"),
        _ => shortest,
    }
}

/// The first of these texts, which have more and more digits, that is the number. Of two that are equally near, PostgreSQL takes the
/// even one, and `{:?}` the larger one.
fn shortest(text: impl Fn(usize) -> String, is_it: impl Fn(f64) -> bool) -> String {
    const DIGITS_MAX: usize = 16;
    let is_enough = |digits: &usize| is_it(text(*digits).parse().unwrap());
    text((0..DIGITS_MAX).find(is_enough).unwrap_or(DIGITS_MAX))
}

/// A number that is nearer to this one than to any other; `{:?}` also takes one that is halfway.
fn shortest_f32(value: f32) -> String {
    let (exact, half) = (f64::from(value), f64::from(value.abs() - value.abs().next_down()) / 2.0);
    shortest(|digits| format!("{value:.digits$e}"), |it| (it - exact).abs() < half)
}

fn shortest_f64(value: f64) -> String {
    shortest(|digits| format!("{value:.digits$e}"), |it| it.to_bits() == value.to_bits())
}

/// A text as columns have it: without NUL.
fn text(text: &str) -> String {
    let text = text.replace('\u{1}', "\u{1}\u{2}").replace('\0', "\u{1}\u{1}");
    serde_json::to_string(&text).unwrap()
}

fn has_group(message: &DynamicMessage) -> bool {
    let is_group = |field: &UnknownField| field.wire_type() == WireType::StartGroup;
    let in_value = |value: &Value| match value {
        Value::Message(it) => has_group(it),
        Value::List(items) => items.iter().filter_map(Value::as_message).any(has_group),
        Value::Map(entries) => entries.values().filter_map(Value::as_message).any(has_group),
        _ => false,
    };
    message.unknown_fields().any(is_group) || message.fields().any(|(_, value)| in_value(value))
}
