//! Finds every misuse of the options and reports each with file and line.

mod errors;
mod names;
mod members;
mod rpc;
mod entities;
mod views;

use prost_reflect::{
    EnumDescriptor, EnumValueDescriptor, FieldDescriptor, FileDescriptor, MessageDescriptor,
    MethodDescriptor, OneofDescriptor, ServiceDescriptor,
};

use crate::error::{Error, Result};
use crate::program::Program;
use crate::protos::Protos;

pub(crate) fn check(program: &Program, protos: &Protos) -> Result {
    let mut report = Report { protos, messages: Vec::new() };
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
    if report.messages.is_empty() { Ok(()) } else { Err(Error::all(report.messages)) }
}

/// What has been found so far.
struct Report<'a> {
    protos: &'a Protos,
    messages: Vec<String>,
}

impl Report<'_> {
    fn at(&mut self, place: &impl Place, message: impl AsRef<str>) {
        let (file, path) = place.place();
        self.messages.push(self.protos.error_at(&file, path, message.as_ref()));
    }
}

/// Something that stands somewhere in a file.
trait Place {
    fn place(&self) -> (FileDescriptor, &[i32]);
}

macro_rules! places {
    ($($desc:ty),*) => {$(
        impl Place for $desc {
            fn place(&self) -> (FileDescriptor, &[i32]) {
                (self.parent_file(), self.path())
            }
        }
    )*};
}
places!(
    EnumDescriptor,
    EnumValueDescriptor,
    FieldDescriptor,
    MessageDescriptor,
    MethodDescriptor,
    OneofDescriptor,
    ServiceDescriptor
);

impl Place for FileDescriptor {
    fn place(&self) -> (FileDescriptor, &[i32]) {
        (self.clone(), &[])
    }
}
