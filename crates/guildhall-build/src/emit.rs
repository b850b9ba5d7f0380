//! Writes the Rust code, one file per package: prost's messages, and Guildhall's additions.

mod docs;
mod descriptors;
mod errors;
mod messages;
mod services;
mod casts;
mod clients;
mod pushes;
mod tags;
mod tidy;
mod views;
mod turns;
mod entities;

use prost_reflect::MessageDescriptor;

use crate::error::Result;
use crate::options::Model;
use crate::program::{Entity, Program, Service};
use crate::protos::Protos;
use crate::rust::{camel, shouty};

/// The files to write: name and contents.
pub(crate) fn emit(program: &Program, protos: &Protos) -> Result<Vec<(String, Vec<u8>)>> {
    let mut files = Vec::new();
    for (package, mut code) in messages::messages(protos)? {
        let services: Vec<_> =
            program.services.iter().filter(|it| it.desc.package_name() == package).collect();
        if !services.is_empty() {
            let name = format!("{package}.descriptors.bin");
            code += &descriptors::include(&name);
            files.push((name, descriptors::encode(protos, &package)));
        }
        for service in services {
            code += &services::describe(service);
            code += &match service.model {
                Model::Client => pushes::pushes(service),
                Model::Actor => services::actor(service) + &clients::client(service),
                Model::Concurrent => services::concurrent(service) + &clients::client(service),
                Model::Serial | Model::Interleaved => {
                    services::lane(service) + &clients::client(service)
                }
            };
        }
        for entity in program.entities.iter().filter(|it| it.desc.package_name() == package) {
            code += &entities::entity(entity, program);
        }
        for message in program.kept.iter().filter(|it| it.package_name() == package) {
            code += &tags::message(message);
        }
        for viewed in program.viewed.iter().filter(|it| it.desc.package_name() == package) {
            code += &views::message(viewed, program);
        }
        for error in program.errors.iter().filter(|it| it.desc.package_name() == package) {
            code += &errors::conversions(error);
        }
        files.push((format!("{package}.rs"), tidy::tidy(&package, &code)?.into_bytes()));
    }
    Ok(files)
}

/// Types that are generated for a service.
pub(crate) fn service_types(service: &Service) -> Vec<String> {
    let name = camel(service.desc.name());
    match service.model {
        Model::Client => vec![name],
        _ => {
            let casts = service.has_casts().then(|| format!("{name}Casts"));
            let always = [format!("{name}Server"), format!("{name}Client"), name];
            always.into_iter().chain(casts).collect()
        }
    }
}

/// Types that are generated for an entity.
pub(crate) fn entity_types(entity: &Entity) -> Vec<String> {
    let name = camel(entity.desc.name());
    let mut types = vec![format!("{name}Entity")];
    if !entity.views().is_empty() {
        types.push(format!("{name}View"));
    }
    types
}

/// The static of a service's table of methods.
pub(crate) fn service_static(service: &Service) -> String {
    shouty(service.desc.name())
}

/// The static of an entity's table.
pub(crate) fn entity_static(entity: &Entity) -> String {
    format!("{}_TABLE", shouty(entity.desc.name()))
}

/// The static of the tags of a message.
pub(crate) fn tags_static(message: &MessageDescriptor) -> String {
    tags::name(message)
}
