//! Checks names inside messages, enums and entities: fields, variants, and the methods that are generated for them.

use std::collections::{HashMap, HashSet};

use prost_reflect::{EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor};

use super::names::Taken;
use super::report::{Place, Report};
use crate::program::{Entity, Program, in_oneof, is_optional};
use crate::protos::Protos;
use crate::rust::{bare, camel, leading, snake, variant};

/// Methods that an entity has besides those of its fields.
const ENTITY_NAMES: [&str; 7] = ["new", "exists", "create", "delete", "view", "delta", "part"];

pub(super) fn message(message: &MessageDescriptor, program: &Program, report: &mut Report<'_>) {
    let mut fields = Taken::default();
    for field in message.fields().filter(|field| !in_oneof(field)) {
        fields.own(&field, (snake(field.name()), "field", field.name()), report);
    }
    for oneof in message.oneofs().filter(|oneof| !oneof.is_synthetic()) {
        fields.own(&oneof, (snake(oneof.name()), "oneof", oneof.name()), report);
        let mut variants = Taken::default();
        for field in oneof.fields() {
            variants.own(&field, (camel(field.name()), "field", field.name()), report);
        }
    }
    let mut methods = Methods::default();
    let viewed = program.viewed.iter().find(|viewed| viewed.desc == *message);
    for view in viewed.iter().flat_map(|viewed| viewed.views()) {
        methods.take(message, format!("view_{view}"), &format!("view `{view}`"), report);
    }
    if program.entities.iter().any(|it| it.desc == *message && !it.views().is_empty()) {
        methods.take(message, "apply_delta".to_owned(), "deltas", report);
    }
    // Fields of one name in Rust have been reported.
    let mut names = HashSet::new();
    let fields = message.fields().filter(|field| !in_oneof(field));
    for field in fields.filter(|field| names.insert(snake(field.name()))) {
        for name in accessors(&field, report) {
            methods.take(&field, name, &format!("field `{}`", field.name()), report);
        }
    }
}

/// Methods that prost generates for a field.
fn accessors(field: &FieldDescriptor, report: &mut Report<'_>) -> Vec<String> {
    let rust = snake(field.name());
    let plain = rust.trim_start_matches("r#");
    match field.kind() {
        Kind::Message(entry) if field.is_map() => {
            if entry.map_entry_value_field().kind().as_enum().is_none() {
                return Vec::new();
            }
            if rust != plain {
                let why = format!(
                    "`{plain}` is a keyword in Rust, and there can be no methods for a map of enums of that name; rename the field"
                );
                report.at(field, why);
            }
            vec![format!("get_{plain}"), format!("insert_{plain}")]
        }
        Kind::Enum(_) if field.is_list() => vec![plain.to_owned(), format!("push_{plain}")],
        Kind::Enum(_) => vec![plain.to_owned(), format!("set_{plain}")],
        _ if is_optional(field) => vec![plain.to_owned()],
        _ => Vec::new(),
    }
}

pub(super) fn entity(entity: &Entity, report: &mut Report<'_>) {
    let mut methods = Methods::default();
    for name in ENTITY_NAMES {
        methods.take(&entity.desc, name.to_owned(), "every entity", report);
    }
    let mut names = HashSet::new();
    for field in entity.columns().filter(|field| names.insert(snake(field.desc.name()))) {
        let (name, label) = (field.desc.name(), format!("field `{}`", field.desc.name()));
        for method in [format!("set_{}", bare(name)), format!("{}_mut", leading(name))] {
            methods.take(&field.desc, method, &label, report);
        }
    }
}

/// Methods of one type, and what they are for.
#[derive(Default)]
struct Methods(HashMap<String, String>);

impl Methods {
    fn take(&mut self, place: &impl Place, method: String, label: &str, report: &mut Report<'_>) {
        match self.0.get(&method) {
            Some(other) if other != label => report.at(
                place,
                format!("`{method}` would be generated for {other} and for {label}; rename one"),
            ),
            _ => {
                self.0.insert(method, label.to_owned());
            }
        }
    }
}

pub(super) fn enums(program: &Program, protos: &Protos, report: &mut Report<'_>) {
    let inside = program.messages.iter().flat_map(MessageDescriptor::child_enums);
    let outside: Vec<_> =
        protos.files().flat_map(|file| file.enums().collect::<Vec<_>>()).collect();
    for desc in inside.chain(outside) {
        values(&desc, report);
    }
}

fn values(desc: &EnumDescriptor, report: &mut Report<'_>) {
    let (mut variants, mut numbers) = (Taken::default(), HashSet::new());
    // Of values with one number the first is a variant.
    for value in desc.values().filter(|value| numbers.insert(value.number())) {
        let rust = variant(desc.name(), value.name());
        variants.own(&value, (rust, "value", value.name()), report);
    }
}
