//! Checks that generated names are free, and that every file has a package to put them into.

use std::collections::HashMap;

use super::Report;
use crate::emit;
use crate::program::Program;
use crate::protos::Protos;
use crate::rust::camel;

pub(super) fn packages(protos: &Protos, report: &mut Report<'_>) {
    for file in protos.files().filter(|file| file.package_name().is_empty()) {
        report.at(&file, "the file has no package; add one, e.g. `package game;`");
    }
}

/// `GreeterClient` beside service `Greeter` is the generated client, so no message can have the name.
pub(super) fn generated(program: &Program, report: &mut Report<'_>) {
    let mut generated: HashMap<(String, String), String> = HashMap::new();
    for service in &program.services {
        let (package, name) = (service.desc.package_name().to_owned(), camel(service.desc.name()));
        for generated_name in emit::service_types(service) {
            generated.insert((package.clone(), generated_name), format!("service `{name}`"));
        }
    }
    for entity in &program.entities {
        let (package, name) = (entity.desc.package_name().to_owned(), camel(entity.desc.name()));
        for generated_name in emit::entity_types(entity) {
            generated.insert((package.clone(), generated_name), format!("entity `{name}`"));
        }
    }
    let messages = program.messages.iter().filter(|message| message.parent_message().is_none());
    for message in messages {
        let name = (message.package_name().to_owned(), camel(message.name()));
        if let Some(owner) = generated.get(&name) {
            report.at(
                message,
                format!(
                    "`{}` is the name of something generated for {owner}; rename the message",
                    name.1
                ),
            );
        }
    }
}
