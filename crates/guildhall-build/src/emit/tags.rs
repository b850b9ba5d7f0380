//! The fields that a release knows of messages in columns, so that it keeps fields of a newer release.

use prost_reflect::{FieldDescriptor, MessageDescriptor};

use crate::program::held;
use crate::rust::{shouty, type_path};

/// The tags of a message.
pub(crate) fn message(message: &MessageDescriptor) -> String {
    let package = message.package_name();
    let fields: String = message
        .fields()
        .map(|field| {
            let plain = "::guildhall::codegen::Known::Plain".to_owned();
            format!("({}, {}),", field.number(), of(&field, package).unwrap_or(plain))
        })
        .collect();
    format!(
        "#[doc(hidden)]
        pub static {name}: ::guildhall::codegen::Tags = ::guildhall::codegen::Tags(&[{fields}]);\n",
        name = name(message),
    )
}

/// What a field holds, seen from the module of `package`; `None` where that is no message.
pub(crate) fn of(field: &FieldDescriptor, package: &str) -> Option<String> {
    let message = held(field)?;
    let shape = match field {
        _ if field.is_map() => "Map",
        _ if field.is_list() => "List",
        _ => "One",
    };
    let other = message.package_name();
    let path = type_path(package, &format!("{other}.X"));
    let module = path.strip_suffix('X').unwrap_or_default();
    Some(format!("::guildhall::codegen::Known::{shape}(&{module}{})", name(&message)))
}

/// Messages in messages have their tags beside those of the outer ones.
pub(crate) fn name(message: &MessageDescriptor) -> String {
    let package = message.package_name();
    let path = message.full_name().strip_prefix(package).unwrap_or(message.full_name());
    format!("{}_TAGS", shouty(&path.replace('.', "_")))
}
