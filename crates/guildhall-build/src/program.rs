//! Services, entities and error enums with their options: the input of the checks and the generator.

use prost_reflect::{
    EnumDescriptor, FieldDescriptor, FileDescriptor, Kind, MessageDescriptor, MethodDescriptor,
    ServiceDescriptor,
};

use crate::error::{Error, Result};
use crate::options::{
    EntityOptions, ErrorOptions, FieldOptions, Model, Route, RpcOptions, ServiceOptions, read,
};
use crate::protos::Protos;

/// Everything in the protos that Guildhall generates code for.
pub(crate) struct Program {
    pub(crate) services: Vec<Service>,
    pub(crate) entities: Vec<Entity>,
    pub(crate) errors: Vec<ErrorEnum>,
    /// Messages with views, entities or parts of them.
    pub(crate) viewed: Vec<Viewed>,
    /// The messages that columns hold, at any depth; Google's aside.
    pub(crate) kept: Vec<MessageDescriptor>,
    /// All messages, for checks that concern those that are no entities.
    pub(crate) messages: Vec<MessageDescriptor>,
}

pub(crate) struct Service {
    pub(crate) desc: ServiceDescriptor,
    pub(crate) model: Model,
    pub(crate) methods: Vec<Method>,
}

pub(crate) struct Method {
    pub(crate) desc: MethodDescriptor,
    pub(crate) options: RpcOptions,
    /// `/package.Service/Method`.
    pub(crate) path: String,
}

pub(crate) struct Entity {
    pub(crate) desc: MessageDescriptor,
    pub(crate) table: String,
    /// Its table has the hidden column `guildhall_wake`.
    pub(crate) wakes: bool,
    /// By ascending number.
    pub(crate) fields: Vec<Field>,
}

#[derive(Clone)]
pub(crate) struct Field {
    pub(crate) desc: FieldDescriptor,
    pub(crate) options: FieldOptions,
}

/// A message with fields that are in views.
pub(crate) struct Viewed {
    pub(crate) desc: MessageDescriptor,
    pub(crate) fields: Vec<Field>,
    /// Of an entity: in all views.
    pub(crate) key: Option<FieldDescriptor>,
}

pub(crate) struct ErrorEnum {
    pub(crate) desc: EnumDescriptor,
    pub(crate) base: u32,
}

impl Program {
    pub(crate) fn read(protos: &Protos) -> Result<Self> {
        let mut program = Self {
            services: Vec::new(),
            entities: Vec::new(),
            errors: Vec::new(),
            viewed: Vec::new(),
            kept: Vec::new(),
            messages: Vec::new(),
        };
        let wrong = |file: &FileDescriptor, path: &[i32], err: &Error| {
            Error::new(protos.error_at(file, path, &err.to_string()))
        };
        for file in protos.files() {
            for desc in file.services() {
                let service = Service::read(protos, &desc);
                program.services.push(service.map_err(|err| wrong(&file, desc.path(), &err))?);
            }
            for desc in file.enums() {
                program.read_enum(protos, &desc).map_err(|err| wrong(&file, desc.path(), &err))?;
            }
            for desc in file.messages() {
                program
                    .read_message(protos, &desc)
                    .map_err(|err| wrong(&file, desc.path(), &err))?;
            }
        }
        let columns = program.entities.iter().flat_map(Entity::columns);
        let mut kept = Vec::new();
        columns.for_each(|field| keep(&field.desc, &mut kept));
        program.kept = kept;
        Ok(program)
    }

    fn read_message(&mut self, protos: &Protos, desc: &MessageDescriptor) -> Result {
        let options = read::<EntityOptions>(&protos.pool, "entity", &desc.options())?;
        let fields = desc.fields().map(|field| Field::read(protos, field));
        let fields = fields.collect::<Result<Vec<_>>>()?;
        if fields.iter().any(|field| !field.options.views.is_empty()) {
            let key = fields.iter().find(|field| field.options.key).map(|key| key.desc.clone());
            let fields = fields.iter().filter(|field| !field.options.key).cloned().collect();
            self.viewed.push(Viewed { desc: desc.clone(), fields, key });
        }
        if let Some(EntityOptions { table, wakes }) = options {
            self.entities.push(Entity { desc: desc.clone(), table, wakes, fields });
        }
        self.messages.push(desc.clone());
        for child in desc.child_enums() {
            self.read_enum(protos, &child)?;
        }
        for child in desc.child_messages().filter(|child| !child.is_map_entry()) {
            self.read_message(protos, &child)?;
        }
        Ok(())
    }

    fn read_enum(&mut self, protos: &Protos, desc: &EnumDescriptor) -> Result {
        let options = read::<ErrorOptions>(&protos.pool, "errors", &desc.options())?;
        if let Some(ErrorOptions { base }) = options {
            self.errors.push(ErrorEnum { desc: desc.clone(), base });
        }
        Ok(())
    }
}

impl Service {
    fn read(protos: &Protos, desc: &ServiceDescriptor) -> Result<Self> {
        let options = read::<ServiceOptions>(&protos.pool, "service", &desc.options())?;
        let methods = desc.methods().map(|method| {
            let options = read(&protos.pool, "rpc", &method.options())?.unwrap_or_default();
            let path = format!("/{}/{}", desc.full_name(), method.name());
            Ok(Method { desc: method, options, path })
        });
        Ok(Self {
            desc: desc.clone(),
            model: options.unwrap_or_default().model(),
            methods: methods.collect::<Result<_>>()?,
        })
    }
}

impl Service {
    /// Whether a method can be cast to many: it wants no reply, and no actor with a key.
    pub(crate) fn is_cast(&self, method: &Method) -> bool {
        let keyed = self.model == Model::Actor && !method.options.key.is_empty();
        method.options.oneway && !keyed
    }

    pub(crate) fn has_casts(&self) -> bool {
        self.methods.iter().any(|method| self.is_cast(method))
    }
}

impl Method {
    /// Whether it has no reply: by option, and always in a CLIENT service.
    pub(crate) fn is_oneway(&self, model: Model) -> bool {
        self.options.oneway || model == Model::Client
    }

    pub(crate) fn returns_empty(&self) -> bool {
        self.desc.output().full_name() == "google.protobuf.Empty"
    }

    pub(crate) fn route(&self) -> Route {
        self.options.route()
    }

    /// The request field that is the key.
    pub(crate) fn key(&self) -> Option<FieldDescriptor> {
        self.desc.input().get_field_by_name(&self.options.key)
    }

    /// `Role.PowerUp`, for messages.
    pub(crate) fn label(&self) -> String {
        format!("{}.{}", self.desc.parent_service().name(), self.desc.name())
    }

    /// The id that travels in frames: FNV-1a-32 of the path, as `guildhall_wire::method_id` computes it.
    pub(crate) fn id(&self) -> u32 {
        self.path
            .bytes()
            .fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
    }
}

impl Field {
    fn read(protos: &Protos, desc: FieldDescriptor) -> Result<Self> {
        let options = read(&protos.pool, "field", &desc.options())?.unwrap_or_default();
        Ok(Self { desc, options })
    }

    /// Whether the column is kept as protobuf: everything but scalars that are always there.
    pub(crate) fn is_proto(&self) -> bool {
        self.desc.is_list()
            || self.desc.is_map()
            || is_optional(&self.desc)
            || matches!(self.desc.kind(), Kind::Message(_))
    }

    pub(crate) fn is_in(&self, view: &str) -> bool {
        self.options.views.iter().any(|it| it == view)
    }

    /// The message with views of its own that it holds, also in a list or as values of a map.
    pub(crate) fn nested<'a>(&self, program: &'a Program) -> Option<&'a Viewed> {
        let message = held(&self.desc)?;
        program.viewed.iter().find(|viewed| viewed.desc == message)
    }
}

impl Viewed {
    /// Names of the views, in the order they are first used.
    pub(crate) fn views(&self) -> Vec<&str> {
        views(&self.fields)
    }
}

impl Entity {
    /// The key field; checked to be the only one.
    pub(crate) fn key(&self) -> Option<&Field> {
        self.fields.iter().find(|field| field.options.key)
    }

    /// All other fields; their place is their dirty bit.
    pub(crate) fn columns(&self) -> impl Iterator<Item = &Field> {
        self.fields.iter().filter(|field| !field.options.key)
    }

    /// Names of the views, in the order they are first used.
    pub(crate) fn views(&self) -> Vec<&str> {
        views(&self.fields)
    }
}

fn views(fields: &[Field]) -> Vec<&str> {
    let mut views = Vec::new();
    for view in fields.iter().flat_map(|field| &field.options.views) {
        if !views.contains(&view.as_str()) {
            views.push(view.as_str());
        }
    }
    views
}

fn keep(field: &FieldDescriptor, kept: &mut Vec<MessageDescriptor>) {
    if let Some(message) = held(field)
        && !kept.contains(&message)
    {
        kept.push(message.clone());
        message.fields().for_each(|field| keep(&field, kept));
    }
}

/// The message that a field holds, also in a list or as values of a map; none of Google's.
pub(crate) fn held(field: &FieldDescriptor) -> Option<MessageDescriptor> {
    let kind = match field.kind() {
        Kind::Message(entry) if field.is_map() => entry.map_entry_value_field().kind(),
        kind => kind,
    };
    let message = kind.as_message()?.clone();
    (!message.full_name().starts_with("google.protobuf.")).then_some(message)
}

/// Whether prost makes it an `Option` of a scalar.
pub(crate) fn is_optional(field: &FieldDescriptor) -> bool {
    field.supports_presence()
        && field.cardinality() == prost_reflect::Cardinality::Optional
        && !matches!(field.kind(), Kind::Message(_))
}

/// Whether it is in a oneof that somebody wrote; `optional` makes one too.
pub(crate) fn in_oneof(field: &FieldDescriptor) -> bool {
    field.containing_oneof().is_some() && !field.field_descriptor_proto().proto3_optional()
}
