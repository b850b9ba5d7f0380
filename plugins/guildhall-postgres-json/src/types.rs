//! [`Entities`]: tables and message types, read from descriptors.

use std::collections::BTreeMap;

use prost_reflect::{
    Cardinality, DescriptorPool, EnumDescriptor, ExtensionDescriptor, FieldDescriptor, Kind,
    MessageDescriptor, ReflectMessage as _,
};
use serde_json::{Map, Value, json};

/// The longest name that PostgreSQL does not cut off.
pub(crate) const NAME_MAX: usize = 63;

/// The entities of a game, with all types in them.
///
/// Descriptors of several releases add up: what one of them has and another has not, the views have. Of a field with two
/// definitions, the first that was added counts.
#[derive(Debug, Default)]
pub struct Entities {
    /// By table.
    pub(crate) tables: BTreeMap<String, Entity>,
    /// The fields of each message: by full name, then by number.
    pub(crate) messages: Numbered,
    /// The names of each enum's values: by full name, then by number.
    pub(crate) enums: Numbered,
}

/// Members of types: by full name, then by number.
pub(crate) type Numbered = BTreeMap<String, BTreeMap<i64, Value>>;

/// A table's message.
#[derive(Debug)]
pub(crate) struct Entity {
    pub(crate) message: String,
    /// Columns with protobuf bytes, by field number.
    pub(crate) columns: BTreeMap<u32, String>,
}

impl Entities {
    /// Adds the entities of a pool: the messages with `option (guildhall.entity)`.
    ///
    /// # Errors
    /// A table that no server can have, or that two messages want; nothing of that message was added.
    pub fn add(&mut self, pool: &DescriptorPool) -> Result<(), String> {
        let Some(option) = pool.get_extension_by_name("guildhall.entity") else { return Ok(()) };
        for message in pool.all_messages() {
            if let Some(table) = table_of(&message, &option) {
                self.entity(&message, &table)?;
            }
        }
        Ok(())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }

    fn entity(&mut self, message: &MessageDescriptor, table: &str) -> Result<(), String> {
        let name = message.full_name();
        if table.is_empty() || table.len() > NAME_MAX || table.contains('\0') {
            let cut: String = table.chars().take(NAME_MAX).collect();
            return Err(format!(
                "entity {name} has the table {cut:?}: a name in PostgreSQL has 1 to {NAME_MAX} bytes and no NUL"
            ));
        }
        let entity = self
            .tables
            .entry(table.to_owned())
            .or_insert_with(|| Entity { message: name.to_owned(), columns: BTreeMap::new() });
        if entity.message != name {
            return Err(format!(
                "{} and {name} both have the table {table:?}; give the descriptors of one program with --descriptors",
                entity.message
            ));
        }
        for field in message.fields().filter(is_proto) {
            entity.columns.entry(field.number()).or_insert_with(|| field.name().to_owned());
        }
        self.message(message);
        Ok(())
    }

    /// Adds a message and all types in it. A loop over a list, because messages of the outside nest as deep as they like.
    fn message(&mut self, message: &MessageDescriptor) {
        let mut open = vec![message.clone()];
        let mut seen = std::collections::HashSet::from([message.full_name().to_owned()]);
        while let Some(message) = open.pop() {
            let fields = self.messages.entry(message.full_name().to_owned()).or_default();
            for field in message.fields() {
                fields.entry(field.number().into()).or_insert_with(|| described(&field));
            }
            for field in message.fields() {
                match field.kind() {
                    Kind::Message(inner) if seen.insert(inner.full_name().to_owned()) => {
                        open.push(inner);
                    }
                    Kind::Enum(inner) => self.enumeration(&inner),
                    _ => {}
                }
            }
        }
    }

    fn enumeration(&mut self, of: &EnumDescriptor) {
        let values = self.enums.entry(of.full_name().to_owned()).or_default();
        for value in of.values() {
            let number = value.number();
            values.entry(number.into()).or_insert_with(|| name_of(of, number).into());
        }
    }
}

/// Types as the function has them.
pub(crate) fn types_json(types: &Numbered) -> String {
    let members = |of: &BTreeMap<i64, Value>| -> Map<String, Value> {
        of.iter().map(|(number, value)| (number.to_string(), value.clone())).collect()
    };
    let types: Map<String, Value> =
        types.iter().map(|(name, of)| (name.clone(), members(of).into())).collect();
    Value::Object(types).to_string()
}

/// The table of a message that is an entity.
fn table_of(message: &MessageDescriptor, option: &ExtensionDescriptor) -> Option<String> {
    let options = message.options();
    if option.containing_message() != options.descriptor() || !options.has_extension(option) {
        return None;
    }
    let entity = options.get_extension(option);
    let table = entity.as_message()?.get_field_by_name("table")?;
    Some(table.as_str()?.to_owned())
}

/// Whether the store keeps a field as protobuf bytes, and not as a value of the server.
fn is_proto(field: &FieldDescriptor) -> bool {
    field.cardinality() == Cardinality::Repeated
        || field.containing_oneof().is_some()
        || matches!(field.kind(), Kind::Message(_))
}

/// A field as the function has it: `n` is its name, `k` its kind, `w` the wire type of one value, `t` its type, `l` whether it is a
/// list, `m` key and value of a map's entry that lacks them, `d` the value that is the same as none, `o` its oneof.
fn described(field: &FieldDescriptor) -> Value {
    let kind = field.kind();
    let (name, wire) = kind_of(&kind);
    let mut described = json!({"n": field.name(), "k": name, "w": wire});
    match &kind {
        Kind::Message(of) => described["t"] = of.full_name().into(),
        Kind::Enum(of) => described["t"] = of.full_name().into(),
        _ => {}
    }
    if let Kind::Message(entry) = &kind
        && field.is_map()
    {
        let key = match default_of(&entry.map_entry_key_field().kind()) {
            Value::String(text) => text,
            other => other.to_string(),
        };
        described["m"] = json!([key, default_of(&entry.map_entry_value_field().kind())]);
    } else if field.is_list() {
        described["l"] = true.into();
    } else if !field.supports_presence() {
        described["d"] = default_of(&kind);
    }
    if let Some(oneof) = field.containing_oneof().filter(|oneof| oneof.fields().len() > 1) {
        described["o"] = oneof.name().into();
    }
    described
}

/// What the bytes of a value mean, and their wire type.
fn kind_of(kind: &Kind) -> (&'static str, u8) {
    match kind {
        Kind::Int32 => ("int32", 0),
        Kind::Int64 => ("int64", 0),
        Kind::Uint32 => ("uint32", 0),
        Kind::Uint64 => ("uint64", 0),
        Kind::Sint32 => ("sint32", 0),
        Kind::Sint64 => ("sint64", 0),
        Kind::Bool => ("bool", 0),
        Kind::Enum(_) => ("enum", 0),
        Kind::Fixed64 => ("uint64", 1),
        Kind::Sfixed64 => ("int64", 1),
        Kind::Double => ("double", 1),
        Kind::String => ("string", 2),
        Kind::Bytes => ("bytes", 2),
        Kind::Message(_) => ("message", 2),
        Kind::Fixed32 => ("uint32", 5),
        Kind::Sfixed32 => ("int32", 5),
        Kind::Float => ("float", 5),
    }
}

/// The value of a map's entry that does not say it.
fn default_of(kind: &Kind) -> Value {
    match kind {
        Kind::String | Kind::Bytes => json!(""),
        Kind::Bool => json!(false),
        Kind::Message(_) => json!({}),
        Kind::Enum(of) => json!(name_of(of, of.default_value().number())),
        _ => json!(0),
    }
}

/// The name of a value; of aliases, the one that every reader of these descriptors takes.
fn name_of(of: &EnumDescriptor, number: i32) -> String {
    of.get_value(number).map_or_else(String::new, |value| value.name().to_owned())
}
