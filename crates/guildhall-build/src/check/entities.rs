//! Checks entities, their fields and their tables.

use std::collections::HashMap;

use prost_reflect::{Kind, MessageDescriptor};

use super::report::Report;
use super::rpc;
use crate::options::FieldOptions;
use crate::program::{Entity, Field, Program, in_oneof};

/// As many as there are dirty bits.
const COLUMNS_MAX: usize = 128;

pub(super) fn entity(entity: &Entity, report: &mut Report<'_>) {
    let (desc, name) = (&entity.desc, entity.desc.name());
    if desc.parent_message().is_some() {
        report.at(desc, format!("entity `{name}` is inside another message; move it out"));
    }
    if entity.table.is_empty() {
        report.at(desc, format!("entity `{name}` names no table; add table: \"...\""));
    }
    let keys: Vec<_> = entity.fields.iter().filter(|field| field.options.key).collect();
    match keys.as_slice() {
        [] => report.at(
            desc,
            format!("entity `{name}` has no key; mark one field with [(guildhall.field) = {{ key: true }}]"),
        ),
        [key] => {
            if let Some(problem) = rpc::unfit(&key.desc) {
                report.at(&key.desc, format!("key `{}` of {name} {problem}", key.desc.name()));
            }
        }
        [_, second, ..] => report.at(
            &second.desc,
            format!("entity `{name}` has {} key fields; an entity has exactly one", keys.len()),
        ),
    }
    let columns = entity.columns().count();
    if columns > COLUMNS_MAX {
        report.at(
            desc,
            format!("entity `{name}` has {columns} fields beside its key, the limit is {COLUMNS_MAX}; put some into a message"),
        );
    }
    let wake = |field: &&Field| field.desc.name() == "guildhall_wake";
    if let Some(field) = entity.fields.iter().filter(|_| entity.wakes).find(wake) {
        report.at(
            &field.desc,
            format!(
                "`{name}.guildhall_wake` is the column that wakes: true adds; rename the field"
            ),
        );
    }
    for field in entity.columns() {
        column(entity, field, report);
    }
}

fn column(entity: &Entity, field: &Field, report: &mut Report<'_>) {
    let (desc, label) = (&field.desc, format!("{}.{}", entity.desc.name(), field.desc.name()));
    if in_oneof(desc) {
        report.at(
            desc,
            format!("`{label}` is in a oneof, which is no column; put the oneof into a message of its own"),
        );
    }
    if field.is_proto() && (field.options.unique || field.options.index) {
        let option = if field.options.unique { "unique" } else { "index" };
        report.at(
            desc,
            format!(
                "`{label}` is {option}, which is for scalars that are neither optional nor repeated"
            ),
        );
    }
    if let Kind::Message(message) = desc.kind()
        && !desc.is_list()
        && !desc.is_map()
        && contains(&message, &entity.desc, &mut Vec::new())
    {
        report
            .at(desc, format!("`{label}` contains {} again; make it repeated", entity.desc.name()));
    }
}

/// Whether `outer` is `inner` or has it somewhere inside, lists and maps aside.
fn contains(
    outer: &MessageDescriptor,
    inner: &MessageDescriptor,
    seen: &mut Vec<MessageDescriptor>,
) -> bool {
    if outer == inner {
        return true;
    }
    if seen.contains(outer) {
        return false;
    }
    seen.push(outer.clone());
    outer.fields().filter(|field| !field.is_list() && !field.is_map()).any(
        |field| matches!(field.kind(), Kind::Message(message) if contains(&message, inner, seen)),
    )
}

pub(super) fn tables(entities: &[Entity], report: &mut Report<'_>) {
    let mut seen: HashMap<&str, &Entity> = HashMap::new();
    for entity in entities.iter().filter(|entity| !entity.table.is_empty()) {
        if let Some(other) = seen.insert(&entity.table, entity) {
            report.at(
                &entity.desc,
                format!(
                    "entities `{}` and `{}` share table `{}`; rename one",
                    other.desc.full_name(),
                    entity.desc.full_name(),
                    entity.table
                ),
            );
        }
    }
}

/// Field options where they do nothing. Views are for parts of entities, too.
pub(super) fn strays(program: &Program, report: &mut Report<'_>) {
    for message in &program.messages {
        if program.entities.iter().any(|entity| entity.desc == *message) {
            continue;
        }
        for field in message.fields() {
            let pool = message.parent_pool();
            // Whatever cannot be read is no option of ours.
            let options = crate::options::read::<FieldOptions>(pool, "field", &field.options());
            let for_entities =
                |it: &FieldOptions| it.views.is_empty() || it.key || it.unique || it.index;
            if let Ok(Some(options)) = options
                && for_entities(&options)
            {
                report.at(
                    &field,
                    format!(
                        "`{}.{}` has guildhall.field options other than views, but {} is no entity; add option (guildhall.entity), or drop them",
                        message.name(),
                        field.name(),
                        message.name()
                    ),
                );
            }
        }
    }
}
