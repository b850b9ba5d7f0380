//! What the end of a turn needs of an entity: what has grown, what is nested too deep, and how changes are taken back.

use std::collections::HashSet;
use std::fmt::Write as _;

use prost_reflect::{FieldDescriptor, Kind};

use crate::program::{Entity, Field};
use crate::rust::snake;

/// A statement for each column whose bit is in `bits`; none where it is empty.
pub(super) fn each_column(
    entity: &Entity,
    bits: &str,
    statement: impl Fn(&Field) -> String,
) -> String {
    let mut statements = String::new();
    for (bit, field) in entity.columns().enumerate() {
        let statement = statement(field);
        if !statement.is_empty() {
            let _ = write!(statements, "if {bits} & (1 << {bit}) != 0 {{ {statement} }}");
        }
    }
    statements
}

/// What the end of a turn needs.
pub(super) fn turns(entity: &Entity) -> String {
    let grown = each_column(entity, "columns", |field| {
        let size = |state: &str| match field.is_proto() {
            true => format!("::guildhall::codegen::proto_size({state}, {})", swap(field)),
            false => {
                format!("::guildhall::codegen::scalar_size(&{state}.{})", snake(field.desc.name()))
            }
        };
        let (now, before) = match field.is_proto() {
            true => (size("&mut self.state_"), size("&mut **before")),
            false => (size("self.state_"), size("before")),
        };
        format!("grown += ::guildhall::codegen::growth({now}, {before});")
    });
    let too_deep = each_column(entity, "columns", |field| match nests(&field.desc) {
        true => format!(
            "if !::guildhall::codegen::reads_again(&mut self.state_, {}) {{
                return ::core::option::Option::Some({});
            }}",
            swap(field),
            field.desc.number()
        ),
        false => String::new(),
    });
    let unique = each_column(entity, "columns", |field| match field.options.unique {
        true => {
            let plain = snake(field.desc.name());
            format!("if before.{plain} != self.state_.{plain} {{ return true; }}")
        }
        false => String::new(),
    });
    format!(
        "fn grown(&mut self, columns: u128) -> isize {{
            let mut grown = 0;
            if let ::core::option::Option::Some(before) = &mut self.before_ {{ {grown} }}
            grown
        }}

        fn too_deep(&mut self, columns: u128) -> ::core::option::Option<u32> {{
            {too_deep}
            ::core::option::Option::None
        }}

        fn has_new_unique(&self, columns: u128) -> bool {{
            if let ::core::option::Option::Some(before) = &self.before_ {{ {unique} }}
            false
        }}

        fn take_back(&mut self, columns: u128) {{
            if let ::core::option::Option::Some(mut before) = self.before_.take() {{
                Self::exchange_(&mut self.state_, &mut before, columns);
            }}
        }}

        fn forget_turn(&mut self) {{
            self.before_ = ::core::option::Option::None;
        }}"
    )
}

/// Whether messages of this field may contain others of their own type, as deep as they like.
fn nests(field: &FieldDescriptor) -> bool {
    fn within(field: &FieldDescriptor, path: &mut Vec<String>, done: &mut HashSet<String>) -> bool {
        let Kind::Message(message) = field.kind() else { return false };
        let name = message.full_name().to_owned();
        if path.contains(&name) {
            return true;
        }
        if !done.insert(name.clone()) {
            return false;
        }
        path.push(name);
        let nests = message.fields().any(|field| within(&field, path, done));
        path.pop();
        nests
    }
    within(field, &mut Vec::new(), &mut HashSet::new())
}

/// How a field is exchanged between two messages.
pub(super) fn swap(field: &Field) -> String {
    let plain = snake(field.desc.name());
    format!("|a, b| {{ ::core::mem::swap(&mut a.{plain}, &mut b.{plain}); }}")
}
