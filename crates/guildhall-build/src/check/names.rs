//! Checks names of packages, types and statics: each has a name in Rust, and no two share one.

use std::collections::HashMap;

use prost_reflect::{EnumDescriptor, MessageDescriptor};

use super::report::{Place, Report};
use crate::emit;
use crate::program::Program;
use crate::protos::Protos;
use crate::rust::{camel, has_words, oneof_type, shouty, snake};

pub(super) fn packages(protos: &Protos, report: &mut Report<'_>) {
    for file in protos.files() {
        let package = file.package_name();
        if package.is_empty() {
            report.at(&file, "the file has no package; add one, e.g. `package game;`");
        } else if !package.split('.').all(has_words) {
            let why =
                format!("package `{package}` has a part without a letter or digit; rename it");
            report.at(&file, why);
        }
    }
}

/// The names of one Rust module that are taken, and by what.
#[derive(Default)]
pub(super) struct Taken(HashMap<String, Owner>);

struct Owner {
    kind: &'static str,
    /// As the proto says it.
    name: String,
    /// Something else than the thing itself, made for it.
    generated: bool,
}

impl Taken {
    /// Notes a name that is made for something else.
    pub(super) fn generated(&mut self, rust: String, kind: &'static str, name: &str) {
        let owner = Owner { kind, name: name.to_owned(), generated: true };
        self.0.entry(rust).or_insert(owner);
    }

    /// Notes the name of something that stands at `place`, or reports that it has none, or that another thing has it.
    pub(super) fn own(
        &mut self,
        place: &impl Place,
        (rust, kind, name): (String, &'static str, &str),
        report: &mut Report<'_>,
    ) {
        if !has_words(name) {
            let why = format!(
                "{kind} `{name}` has no letter and no digit, so it has no name in Rust; rename it"
            );
            return report.at(place, why);
        }
        let shown = rust.trim_start_matches("r#").to_owned();
        match self.0.get(&rust) {
            Some(Owner { kind: other, name: of, generated: true }) => report.at(
                place,
                format!("`{shown}` is the name of something generated for {other} `{of}`; rename the {kind}"),
            ),
            Some(Owner { name: other, .. }) => report
                .at(place, format!("`{other}` and `{name}` are both `{shown}` in Rust; rename one")),
            None => {
                self.0.insert(rust, Owner { kind, name: name.to_owned(), generated: false });
            }
        }
    }
}

/// Types, modules and statics of each package, and of what is inside messages.
pub(super) fn types(program: &Program, protos: &Protos, report: &mut Report<'_>) {
    let mut packages: HashMap<String, (Taken, Taken)> = HashMap::new();
    for service in &program.services {
        let (types, statics) = packages.entry(service.desc.package_name().to_owned()).or_default();
        let name = camel(service.desc.name());
        for rust in emit::service_types(service).into_iter().filter(|rust| *rust != name) {
            types.generated(rust, "service", service.desc.name());
        }
        statics.generated(
            "GUILDHALL_DESCRIPTORS".to_owned(),
            "package",
            service.desc.package_name(),
        );
    }
    for entity in &program.entities {
        let (types, statics) = packages.entry(entity.desc.package_name().to_owned()).or_default();
        for rust in emit::entity_types(entity) {
            types.generated(rust, "entity", &camel(entity.desc.name()));
        }
        statics.generated(emit::entity_static(entity), "entity", entity.desc.name());
    }
    for message in &program.kept {
        let (_, statics) = packages.entry(message.package_name().to_owned()).or_default();
        statics.generated(emit::tags_static(message), "message", message.name());
    }
    for service in &program.services {
        let (types, statics) = packages.entry(service.desc.package_name().to_owned()).or_default();
        let name = service.desc.name();
        types.own(&service.desc, (camel(name), "service", name), report);
        // Services that share a static share a type too, which has been reported.
        if statics.0.get(&shouty(name)).is_none_or(|owner| owner.generated) {
            statics.own(&service.desc, (emit::service_static(service), "service", name), report);
        }
    }
    for file in protos.files() {
        let package = file.package_name();
        let (types, _) = packages.entry(package.to_owned()).or_default();
        inner(types, file.messages(), file.enums(), report);
        for message in file.messages() {
            modules(&message, protos, report);
        }
    }
}

/// Types that stand in one module.
fn inner(
    types: &mut Taken,
    messages: impl Iterator<Item = MessageDescriptor>,
    enums: impl Iterator<Item = EnumDescriptor>,
    report: &mut Report<'_>,
) {
    for message in messages.filter(|message| !message.is_map_entry()) {
        types.own(&message, (camel(message.name()), "message", message.name()), report);
        let mut nested = Taken::default();
        inner(&mut nested, message.child_messages(), message.child_enums(), report);
        for oneof in message.oneofs().filter(|oneof| !oneof.is_synthetic()) {
            nested.own(&oneof, (oneof_type(&oneof), "oneof", oneof.name()), report);
        }
    }
    for desc in enums {
        types.own(&desc, (camel(desc.name()), "enum", desc.name()), report);
    }
}

/// What is inside a message is in a module of its name, which no package can have.
fn modules(message: &MessageDescriptor, protos: &Protos, report: &mut Report<'_>) {
    let has_module = message.child_messages().any(|child| !child.is_map_entry())
        || message.child_enums().next().is_some()
        || message.oneofs().any(|oneof| !oneof.is_synthetic());
    let module = format!("{}.{}", message.package_name(), snake(message.name()));
    let is_package = |package: &str| {
        let parts: Vec<_> = package.split('.').map(snake).collect();
        let parts = parts.join(".");
        parts == module || parts.starts_with(&format!("{module}."))
    };
    if has_module && protos.files().any(|file| is_package(file.package_name())) {
        report.at(
            message,
            format!(
                "what is inside message `{}` is in the Rust module of package `{module}`; rename one",
                message.name()
            ),
        );
    }
}
