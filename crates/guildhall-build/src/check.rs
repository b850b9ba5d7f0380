//! Finds every misuse of the options and reports each with file and line.

mod report;
mod errors;
mod names;
mod members;
mod rpc;
mod entities;
mod views;

use crate::error::Result;
use crate::program::Program;
use crate::protos::Protos;
use report::Report;

pub(crate) fn check(program: &Program, protos: &Protos) -> Result {
    let mut report = Report::new(protos);
    names::packages(protos, &mut report);
    for service in &program.services {
        rpc::service(service, &mut report);
    }
    rpc::ids(&program.services, &mut report);
    for entity in &program.entities {
        entities::entity(entity, &mut report);
    }
    entities::tables(&program.entities, &mut report);
    entities::strays(program, &mut report);
    for viewed in &program.viewed {
        views::message(viewed, program, &mut report);
    }
    errors::bases(&program.errors, &mut report);
    names::types(program, protos, &mut report);
    for message in &program.messages {
        members::message(message, program, &mut report);
    }
    members::enums(program, protos, &mut report);
    for entity in &program.entities {
        members::entity(entity, &mut report);
    }
    report.finish()
}
