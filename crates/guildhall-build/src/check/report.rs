//! [`Report`]: the misuses that were found, each at its place.

use prost_reflect::{
    EnumDescriptor, EnumValueDescriptor, FieldDescriptor, FileDescriptor, MessageDescriptor,
    MethodDescriptor, OneofDescriptor, ServiceDescriptor,
};

use crate::error::{Error, Result};
use crate::protos::Protos;

/// What has been found so far.
pub(super) struct Report<'a> {
    protos: &'a Protos,
    messages: Vec<String>,
}

impl<'a> Report<'a> {
    pub(super) fn new(protos: &'a Protos) -> Self {
        Self { protos, messages: Vec::new() }
    }

    /// All of them as one error, if there are any.
    pub(super) fn finish(self) -> Result {
        if self.messages.is_empty() { Ok(()) } else { Err(Error::all(self.messages)) }
    }

    pub(super) fn at(&mut self, place: &impl Place, message: impl AsRef<str>) {
        let (file, path) = place.place();
        self.messages.push(self.protos.error_at(&file, path, message.as_ref()));
    }
}

/// Something that stands somewhere in a file.
pub(super) trait Place {
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
