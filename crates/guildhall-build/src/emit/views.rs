//! Views: a subset of an entity's fields as a message of the same type; and deltas, which are views of the changes.

use std::fmt::Write as _;

use prost_reflect::Kind;

use crate::program::{Entity, Field, Program, Viewed, in_oneof};
use crate::rust::{camel, oneof_type, snake, type_path};

/// `view_x` of every message with views, for the views of those that contain it.
pub(crate) fn message(viewed: &Viewed, program: &Program) -> String {
    let package = viewed.desc.package_name();
    let path = type_path(package, viewed.desc.full_name());
    let mut functions = String::new();
    for view in viewed.views() {
        let mut fields = String::new();
        for field in viewed.fields.iter().filter(|field| field.is_in(view)) {
            if !in_oneof(&field.desc) {
                let value =
                    copy(field, view, program, &format!("self.{}", snake(field.desc.name())));
                let _ = write!(fields, "{}: {value},", snake(field.desc.name()));
            }
        }
        for oneof in viewed.desc.oneofs().filter(|oneof| !oneof.is_synthetic()) {
            let (module, _) = oneof.full_name().rsplit_once('.').unwrap_or_default();
            let place = type_path(package, &format!("{module}.X"));
            let place =
                format!("{}{}", place.strip_suffix('X').unwrap_or_default(), oneof_type(&oneof));
            let mut arms = String::new();
            let of_oneof = |field: &&Field| field.desc.containing_oneof().as_ref() == Some(&oneof);
            for field in viewed.fields.iter().filter(of_oneof).filter(|field| field.is_in(view)) {
                let variant = format!("{place}::{}", camel(field.desc.name()));
                let value = match field.nested(program) {
                    Some(_) => format!("it.view_{view}().into()"),
                    None => "::core::clone::Clone::clone(it)".to_owned(),
                };
                let some = "::core::option::Option::Some";
                let _ = write!(arms, "{some}({variant}(it)) => {some}({variant}({value})),");
            }
            let plain = snake(oneof.name());
            let _ = write!(
                fields,
                "{plain}: match &self.{plain} {{ {arms} _ => ::core::option::Option::None }},"
            );
        }
        let _ = write!(
            functions,
            "#[doc(hidden)]
            pub fn view_{view}(&self) -> Self {{
                Self {{ {key} {fields} ..::core::default::Default::default() }}
            }}\n",
            key = viewed.key.as_ref().map(key_copy).unwrap_or_default(),
        );
    }
    format!("impl {path} {{ {functions} }}\n")
}

/// Of an entity: `view` and `delta`, what they are made of, and the enum of views; both empty where no field is in a view.
pub(crate) fn entity(entity: &Entity, program: &Program) -> (String, String) {
    let views = entity.views();
    let Some(key) = entity.key().filter(|_| !views.is_empty()) else {
        return (String::new(), String::new());
    };
    let name = camel(entity.desc.name());
    let (mut variants, mut parts, mut masks) = (String::new(), String::new(), String::new());
    for view in views {
        let variant = camel(view);
        let _ = write!(variants, "/// View `{view}`.\n{variant},\n");
        let (mut fields, mut mask) = (String::new(), 0_u128);
        for (bit, field) in entity.columns().enumerate().filter(|(_, field)| field.is_in(view)) {
            let plain = snake(field.desc.name());
            let value = copy(field, view, program, &format!("self.state_.{plain}"));
            mask |= 1 << bit;
            let _ = write!(
                fields,
                "{plain}: if wanted & (1 << {bit}) != 0 {{ {value} }} else {{
                    ::core::default::Default::default()
                }},"
            );
        }
        let key = key_copy(&key.desc).replace("self.", "self.state_.");
        let _ = write!(
            parts,
            "{name}View::{variant} => {name} {{
                {key} {fields} ..::core::default::Default::default()
            }},"
        );
        let _ = write!(masks, "{name}View::{variant} => {mask:#x},");
    }
    let functions = format!(
        "/// Copies the key and the fields of a view.
        pub fn view(&self, view: {name}View) -> {name} {{
            self.part(view, u128::MAX)
        }}

        /// The changes of a view since its last delta: numbers of fields and their values, for
        /// [`{name}::apply_delta`]. The first delta of an activation is the whole view, because earlier deltas are not known.
        pub fn delta(
            &mut self,
            view: {name}View,
        ) -> ::core::option::Option<::guildhall::codegen::Delta<{name}>> {{
            let of_view = match view {{ {masks} }};
            let changed = self.meta_.take_unsent(view as usize, of_view);
            if changed == 0 {{
                return ::core::option::Option::None;
            }}
            let fields = <Self as ::guildhall::codegen::Entity>::TABLE.numbers(changed);
            let patch = self.part(view, changed);
            ::core::option::Option::Some(::guildhall::codegen::Delta {{ fields, patch }})
        }}

        fn part(&self, view: {name}View, wanted: u128) -> {name} {{
            match view {{ {parts} }}
        }}"
    );
    let items = format!(
        "/// The views of [`{name}Entity`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum {name}View {{ {variants} }}

        {apply}",
        apply = apply(entity),
    );
    (functions, items)
}

/// The other end of a delta.
fn apply(entity: &Entity) -> String {
    let mut fields = String::new();
    for field in entity.columns() {
        let (number, plain) = (field.desc.number(), snake(field.desc.name()));
        let _ = write!(fields, "if fields.contains(&{number}) {{ self.{plain} = patch.{plain}; }}");
    }
    format!(
        "impl {name} {{
            /// Copies the fields with these numbers from `patch`, both from `{name}Entity::delta` of the sender. Numbers
            /// that this release does not know are ignored.
            pub fn apply_delta(&mut self, fields: &[u32], patch: Self) {{ {fields} }}
        }}\n",
        name = camel(entity.desc.name()),
    )
}

fn key_copy(key: &prost_reflect::FieldDescriptor) -> String {
    let plain = snake(key.name());
    format!("{plain}: ::core::clone::Clone::clone(&self.{plain}),")
}

/// What a view has of the field at `place`: of messages with views of their own only what is in the same view.
fn copy(field: &Field, view: &str, program: &Program, place: &str) -> String {
    if field.nested(program).is_none() {
        return format!("::core::clone::Clone::clone(&{place})");
    }
    if field.desc.is_map() {
        return format!(
            "{place}.iter().map(|(key, it)| (::core::clone::Clone::clone(key), it.view_{view}())).collect()"
        );
    }
    if field.desc.is_list() {
        return format!("{place}.iter().map(|it| it.view_{view}()).collect()");
    }
    debug_assert!(matches!(field.desc.kind(), Kind::Message(_)));
    // Recursive messages are boxed.
    format!("{place}.as_ref().map(|it| it.view_{view}().into())")
}
