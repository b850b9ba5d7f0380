//! Entities: messages with change tracking, and their tables.

use std::fmt::Write as _;

use prost_reflect::Kind;

use super::turns::{each_column, swap, turns};
use super::{tags, views};
use crate::options::FieldOptions;
use crate::program::{Entity, Field, Program, held, is_optional};
use crate::rust::{bare, camel, leading, shouty, snake, type_path, value_type};

/// The entity of a message.
pub(crate) fn entity(entity: &Entity, program: &Program) -> String {
    let name = camel(entity.desc.name());
    let mut setters = String::new();
    for (bit, field) in entity.columns().enumerate() {
        setters += &setter(entity, bit, field);
    }
    let indexes: String = entity.fields.iter().map(|field| index(entity, field)).collect();
    let (key, key_type) = (key(entity), value_type(entity.desc.package_name(), &key(entity).desc));
    let (key_takes, key_value) = match key.desc.kind() {
        Kind::String => (format!("impl ::core::convert::Into<{key_type}>"), "{key}.into()"),
        _ => (key_type, "{key}"),
    };
    let key = snake(key.desc.name());
    let key_value = key_value.replace("{key}", &key);
    let (view, views) = views::entity(entity, program);
    format!(
        "{table}
        /// [`{name}`] in the store: read through `Deref`, written through `set_..` and `.._mut`.
        #[derive(Debug)]
        pub struct {name}Entity {{
            // No field of a proto has a name that ends like these.
            state_: {name},
            meta_: ::guildhall::codegen::EntityMeta,
            before_: ::core::option::Option<::std::boxed::Box<{name}>>,
        }}

        impl {name}Entity {{
            {indexes}
            /// Makes an entity that is not stored yet, for `Rows::create`.
            pub fn new({key}: {key_takes}) -> Self {{
                let state = {name} {{ {key}: {key_value}, ..::core::default::Default::default() }};
                let key = ::guildhall::codegen::Key::from(::std::string::ToString::to_string(&state.{key}));
                let meta = ::guildhall::codegen::EntityMeta::new(key, 0, false);
                Self {{ state_: state, meta_: meta, before_: ::core::option::Option::None }}
            }}

            {setters}
            /// Whether the entity exists. One that does not exist has default values, and begins to exist with its first change.
            pub fn exists(&self) -> bool {{
                self.meta_.exists()
            }}

            /// Makes the entity exist. Does nothing if it exists.
            pub fn create(&mut self) {{
                self.meta_.create();
            }}

            /// Deletes the entity and sets all fields to their defaults.
            pub fn delete(&mut self) {{
                let key = ::core::mem::take(&mut self.state_.{key});
                let missing = {name} {{ {key}: key, ..::core::default::Default::default() }};
                let mut deleted = ::core::mem::replace(&mut self.state_, missing);
                let first = self.meta_.delete();
                if first != 0 {{
                    let before = self.before_.get_or_insert_with(::core::default::Default::default);
                    Self::exchange_(&mut deleted, before, first);
                }}
            }}

            fn exchange_(a: &mut {name}, b: &mut {name}, columns: u128) {{ {exchanges} }}
            {view}
        }}

        impl ::core::ops::Deref for {name}Entity {{
            type Target = {name};

            fn deref(&self) -> &{name} {{
                &self.state_
            }}
        }}
        {implementation}
        {views}",
        table = table(entity),
        exchanges = each_column(entity, "columns", |field| {
            let plain = snake(field.desc.name());
            format!("::core::mem::swap(&mut a.{plain}, &mut b.{plain});")
        }),
        implementation = implementation(entity),
    )
}

fn key(entity: &Entity) -> &Field {
    entity.key().expect("checked to have one key")
}

fn table(entity: &Entity) -> String {
    let mut columns = String::new();
    for field in entity.columns() {
        let _ = write!(columns, "{},", column(field));
    }
    if entity.wakes {
        columns += "::guildhall::codegen::WAKE,";
    }
    format!(
        "/// Table of [`{name}Entity`].
        pub static {table}_TABLE: ::guildhall::codegen::Table = ::guildhall::codegen::Table {{
            name: {store_name:?},
            key: {key},
            columns: &[{columns}],
        }};\n",
        name = camel(entity.desc.name()),
        table = shouty(entity.desc.name()),
        store_name = entity.table,
        key = column(key(entity)),
    )
}

/// `BY_X`, of a field that queries may ask for.
fn index(entity: &Entity, field: &Field) -> String {
    let FieldOptions { index, unique, .. } = field.options;
    if !index && !unique {
        return String::new();
    }
    format!(
        "/// The index for queries by `{plain}`.
        pub const BY_{shouty}: ::guildhall::codegen::Index<Self, {value}> =
            ::guildhall::codegen::Index::new({number});\n",
        plain = bare(field.desc.name()),
        shouty = shouty(field.desc.name()),
        value = value_type(entity.desc.package_name(), &field.desc),
        number = field.desc.number(),
    )
}

fn column(field: &Field) -> String {
    let kind = match field.desc.kind() {
        _ if field.is_proto() => "Proto",
        Kind::Bool => "Bool",
        Kind::Uint32 | Kind::Uint64 | Kind::Fixed32 | Kind::Fixed64 => "Uint",
        Kind::Float | Kind::Double => "Float",
        Kind::String => "Text",
        Kind::Bytes => "Bytes",
        _ => "Int",
    };
    format!(
        "::guildhall::codegen::Column {{
            number: {},
            name: {:?},
            kind: ::guildhall::codegen::Kind::{kind},
            unique: {},
            index: {},
        }}",
        field.desc.number(),
        field.desc.name(),
        field.options.unique,
        field.options.index,
    )
}

/// `set_x` and `x_mut`.
fn setter(entity: &Entity, bit: usize, field: &Field) -> String {
    let Setter { takes, converts, keeps, borrows } = Setter::of(entity, field);
    let (plain, leading) = (snake(field.desc.name()), leading(field.desc.name()));
    let bare = bare(field.desc.name());
    format!(
        "/// Sets `{bare}`. The field is saved even if the value is equal.
        pub fn set_{bare}(&mut self, value: {takes}) {{
            let before = ::core::mem::replace(&mut self.state_.{plain}, {converts});
            if self.meta_.mark({bit}) {{
                self.before_.get_or_insert_with(::core::default::Default::default).{plain} = before;
            }}
        }}

        /// Changes `{bare}` in place. The field is saved even if the value stays equal.
        pub fn {leading}_mut(&mut self) -> &mut {keeps} {{
            if self.meta_.mark({bit}) {{
                self.before_.get_or_insert_with(::core::default::Default::default).{plain} =
                    ::core::clone::Clone::clone(&self.state_.{plain});
            }}
            {borrows}
        }}\n"
    )
}

struct Setter {
    /// What `set_x` takes.
    takes: String,
    /// How that becomes the field.
    converts: String,
    /// What `x_mut` lends.
    keeps: String,
    /// How it does.
    borrows: String,
}

impl Setter {
    fn of(entity: &Entity, field: &Field) -> Self {
        let (desc, package) = (&field.desc, entity.desc.package_name());
        let value = value_type(package, desc);
        let place = format!("self.state_.{}", snake(desc.name()));
        let borrows = format!("&mut {place}");
        let same = |keeps: String| Self {
            takes: keeps.clone(),
            converts: "value".to_owned(),
            keeps,
            borrows: borrows.clone(),
        };
        let into = |takes: &str, keeps: String| Self {
            takes: format!("impl ::core::convert::Into<{takes}>"),
            converts: "value.into()".to_owned(),
            keeps,
            borrows: borrows.clone(),
        };
        if desc.is_map() {
            let Kind::Message(entry) = desc.kind() else {
                return same(value);
            };
            let key = value_type(package, &entry.map_entry_key_field());
            let item = value_type(package, &entry.map_entry_value_field());
            let map = "::guildhall::prost::alloc::collections::BTreeMap";
            return same(format!("{map}<{key}, {item}>"));
        }
        if desc.is_list() {
            return same(format!("::guildhall::prost::alloc::vec::Vec<{value}>"));
        }
        let option = format!("::core::option::Option<{value}>");
        match desc.kind() {
            Kind::Message(_) => Self {
                borrows: format!("{place}.get_or_insert_with(::core::default::Default::default)"),
                ..into(&option, value)
            },
            Kind::Enum(desc) => {
                let rust = type_path(package, desc.full_name());
                let optional = is_optional(&field.desc);
                Self {
                    takes: if optional {
                        format!("impl ::core::convert::Into<::core::option::Option<{rust}>>")
                    } else {
                        rust
                    },
                    converts: if optional {
                        "value.into().map(::core::convert::Into::into)".to_owned()
                    } else {
                        "value.into()".to_owned()
                    },
                    keeps: if optional { option } else { value },
                    borrows,
                }
            }
            _ if is_optional(desc) => into(&option, option.clone()),
            Kind::String | Kind::Bytes => into(&value, value.clone()),
            _ => same(value),
        }
    }
}

/// `codegen::Entity` for it.
fn implementation(entity: &Entity) -> String {
    let name = camel(entity.desc.name());
    let key = key(entity);
    let (mut loads, mut saves) = (String::new(), String::new());
    let holds_messages = entity.columns().any(|field| held(&field.desc).is_some());
    let meta = if holds_messages { "mut meta" } else { "meta" };
    for (bit, field) in entity.columns().enumerate() {
        let number = field.desc.number();
        let (load, value) = load_and_value(entity, field);
        let _ = write!(loads, "{number} => {load},");
        let _ = write!(
            saves,
            "if wanted & (1 << {bit}) != 0 {{
                let value = {value};
                to.push(({number}, value));
            }}"
        );
    }
    format!(
        "impl ::guildhall::codegen::Entity for {name}Entity {{
            const TABLE: &'static ::guildhall::codegen::Table = &{table}_TABLE;

            fn load(
                key: &::guildhall::codegen::Key,
                columns: ::std::vec::Vec<(u32, ::guildhall::codegen::Value)>,
                {meta}: ::guildhall::codegen::EntityMeta,
            ) -> ::core::result::Result<Self, ::guildhall::codegen::LoadError> {{
                let mut state = {name} {{
                    {key_name}: ::guildhall::codegen::key_field(Self::TABLE, key)?,
                    ..::core::default::Default::default()
                }};
                for (number, value) in columns {{
                    match number {{ {loads} _ => {{}} }}
                }}
                ::core::result::Result::Ok(Self {{ state_: state, meta_: meta, before_: ::core::option::Option::None }})
            }}

            fn key(&self) -> (u32, ::guildhall::codegen::Value) {{
                ({key_number}, ::guildhall::codegen::scalar_value(&self.state_.{key_name}))
            }}

            fn columns(
                &mut self,
                wanted: u128,
                to: &mut ::std::vec::Vec<(u32, ::guildhall::codegen::Value)>,
            ) {{ {saves} }}

            fn meta(&self) -> &::guildhall::codegen::EntityMeta {{
                &self.meta_
            }}

            fn meta_mut(&mut self) -> &mut ::guildhall::codegen::EntityMeta {{
                &mut self.meta_
            }}

            {turns}
        }}\n",
        turns = turns(entity),
        table = shouty(entity.desc.name()),
        key_name = snake(key.desc.name()),
        key_number = key.desc.number(),
    )
}

/// How a column becomes the field, and the field the column.
fn load_and_value(entity: &Entity, field: &Field) -> (String, String) {
    let (number, plain) = (field.desc.number(), snake(field.desc.name()));
    let swap = swap(field);
    if let Some(tags) = tags::of(&field.desc, entity.desc.package_name()) {
        let tags = format!("const {{ &::guildhall::codegen::Tags(&[({number}, {tags})]) }}");
        let load = format!(
            "::guildhall::codegen::load_message(
                key, (Self::TABLE, {number}, {tags}), value, &mut state, &mut meta,
            )?"
        );
        let value = format!(
            "::guildhall::codegen::message_value(
                &mut self.state_, {swap}, ({number}, {tags}), &self.meta_,
            )"
        );
        return (load, value);
    }
    if field.is_proto() {
        let load = format!(
            "::guildhall::codegen::load_proto(Self::TABLE, key, {number}, value, &mut state)?"
        );
        return (load, format!("::guildhall::codegen::proto_value(&mut self.state_, {swap})"));
    }
    let load = format!(
        "state.{plain} = ::guildhall::codegen::load_scalar(Self::TABLE, key, {number}, value)?"
    );
    (load, format!("::guildhall::codegen::scalar_value(&self.state_.{plain})"))
}
