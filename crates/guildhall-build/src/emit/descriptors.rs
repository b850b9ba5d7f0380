//! The descriptors in a program, with which gates and tools decode bodies.

use std::collections::HashSet;

use prost_reflect::prost::Message;
use prost_reflect::prost::encoding::{WireType, encode_key, encode_varint};
use prost_reflect::prost_types::FileDescriptorProto;
use prost_reflect::{DynamicMessage, FileDescriptor, ReflectMessage};

use crate::protos::Protos;

/// The code that embeds the file `name`, which stands beside the generated code.
pub(crate) fn include(name: &str) -> String {
    format!(
        "/// Encoded `FileDescriptorSet` of this package and its imports.\n\
         static GUILDHALL_DESCRIPTORS: &[u8] = ::core::include_bytes!({name:?});\n"
    )
}

/// The encoded `FileDescriptorSet` of a package: its files after all they import, with options, without source positions.
pub(crate) fn encode(protos: &Protos, package: &str) -> Vec<u8> {
    let mut set = Vec::new();
    let mut seen = HashSet::new();
    for file in protos.files().filter(|file| file.package_name() == package) {
        append(&file, &mut seen, &mut set);
    }
    set
}

fn append(file: &FileDescriptor, seen: &mut HashSet<String>, set: &mut Vec<u8>) {
    if !seen.insert(file.name().to_owned()) {
        return;
    }
    for import in file.dependencies() {
        append(&import, seen, set);
    }
    // As a dynamic message, because prost-types drops options that it does not know.
    let desc = FileDescriptorProto::default().descriptor();
    let mut message = DynamicMessage::decode(desc, file.encode_to_vec().as_slice())
        .expect("the compiler made these bytes");
    message.clear_field_by_name("source_code_info");
    encode_key(1, WireType::LengthDelimited, set);
    encode_varint(message.encoded_len() as u64, set);
    message.encode(set).expect("a Vec grows");
}
