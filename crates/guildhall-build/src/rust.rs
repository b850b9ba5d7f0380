//! Names: converts proto names to Rust names. Must agree with prost, which names the messages.

use heck::{ToShoutySnakeCase, ToSnakeCase, ToUpperCamelCase};
use prost_reflect::{FieldDescriptor, Kind, OneofDescriptor};

/// A field or method: `power_up`.
pub(crate) fn snake(name: &str) -> String {
    ident(&name.to_snake_case())
}

/// The same as part of a longer name, where keywords need no escape.
pub(crate) fn bare(name: &str) -> String {
    name.to_snake_case()
}

/// The same at the beginning of a longer name: `_1_mut`.
pub(crate) fn leading(name: &str) -> String {
    no_digit_first(bare(name))
}

/// A type or variant: `PowerUp`.
pub(crate) fn camel(name: &str) -> String {
    ident(&name.to_upper_camel_case())
}

/// A static or const: `POWER_UP`.
pub(crate) fn shouty(name: &str) -> String {
    no_digit_first(name.to_shouty_snake_case())
}

/// A variant of an enum: `NameTaken` of `ROLE_ERROR_NAME_TAKEN` in `RoleError`.
pub(crate) fn variant(of: &str, value: &str) -> String {
    let (of, value) = (camel(of), camel(value));
    let short = value.strip_prefix(&of).filter(|rest| rest.starts_with(char::is_uppercase));
    ident(short.unwrap_or(&value))
}

/// The type of a oneof: prost gives it a longer name where something else in its message has the short one.
pub(crate) fn oneof_type(oneof: &OneofDescriptor) -> String {
    let (name, message) = (camel(oneof.name()), oneof.parent_message());
    let messages = message.child_messages().map(|child| camel(child.name()));
    let enums = message.child_enums().map(|child| camel(child.name()));
    match messages.chain(enums).any(|other| other == name) {
        true => format!("{name}OneOf"),
        false => name,
    }
}

/// Whether anything of a name is left in Rust: `_` and `__` have no words.
pub(crate) fn has_words(name: &str) -> bool {
    !name.to_snake_case().is_empty()
}

fn no_digit_first(name: String) -> String {
    match name.starts_with(char::is_numeric) {
        true => format!("_{name}"),
        false => name,
    }
}

/// Escapes keywords as prost does.
fn ident(name: &str) -> String {
    match name {
        "as" | "break" | "const" | "continue" | "else" | "enum" | "false" | "fn" | "for" | "if"
        | "impl" | "in" | "let" | "loop" | "match" | "mod" | "move" | "mut" | "pub" | "ref"
        | "return" | "static" | "struct" | "trait" | "true" | "type" | "unsafe" | "use"
        | "where" | "while" | "dyn" | "abstract" | "become" | "box" | "do" | "final" | "macro"
        | "override" | "priv" | "typeof" | "unsized" | "virtual" | "yield" | "async" | "await"
        | "try" | "gen" => format!("r#{name}"),
        "_" | "super" | "self" | "Self" | "extern" | "crate" => format!("{name}_"),
        _ if name.starts_with(char::is_numeric) => format!("_{name}"),
        _ => name.to_owned(),
    }
}

/// The path of a message or enum, seen from the module of `package`.
pub(crate) fn type_path(package: &str, full_name: &str) -> String {
    if let Some(name) = full_name.strip_prefix("google.protobuf.") {
        return well_known(name);
    }
    let mut here = package.split('.').filter(|part| !part.is_empty()).peekable();
    let (modules, name) = full_name.rsplit_once('.').unwrap_or(("", full_name));
    let mut there = modules.split('.').filter(|part| !part.is_empty()).peekable();
    while here.peek().is_some() && here.peek() == there.peek() {
        here.next();
        there.next();
    }
    let up = here.map(|_| "super".to_owned());
    let path: Vec<_> = up.chain(there.map(snake)).chain([camel(name)]).collect();
    path.join("::")
}

fn well_known(name: &str) -> String {
    let scalar = match name {
        "Empty" => "()",
        "BoolValue" => "bool",
        "BytesValue" => "::guildhall::prost::alloc::vec::Vec<u8>",
        "DoubleValue" => "f64",
        "FloatValue" => "f32",
        "Int32Value" => "i32",
        "Int64Value" => "i64",
        "StringValue" => "::guildhall::prost::alloc::string::String",
        "UInt32Value" => "u32",
        "UInt64Value" => "u64",
        _ => return format!("::guildhall::prost_types::{name}"),
    };
    scalar.to_owned()
}

/// The type of one value of a field as prost keeps it: without `Option`, list or map around it.
pub(crate) fn value_type(package: &str, field: &FieldDescriptor) -> String {
    let scalar = match field.kind() {
        Kind::Double => "f64",
        Kind::Float => "f32",
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 | Kind::Enum(_) => "i32",
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => "i64",
        Kind::Uint32 | Kind::Fixed32 => "u32",
        Kind::Uint64 | Kind::Fixed64 => "u64",
        Kind::Bool => "bool",
        Kind::String => "::guildhall::prost::alloc::string::String",
        Kind::Bytes => "::guildhall::prost::bytes::Bytes",
        Kind::Message(message) => return type_path(package, message.full_name()),
    };
    scalar.to_owned()
}

/// The name most like `wanted`, if one is near enough to be meant.
pub(crate) fn nearest<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let near = names.map(|name| (distance(wanted, name), name)).min()?;
    (near.0 <= wanted.len().max(3) / 3 + 1).then_some(near.1)
}

/// Levenshtein's.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut corner = i;
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let replaced = corner + usize::from(x != y);
            corner = row[j + 1];
            row[j + 1] = replaced.min(corner + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
