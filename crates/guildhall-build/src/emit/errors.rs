//! Error enums: their reasons, and the conversion to a `Status`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::docs::docs;
use crate::program::ErrorEnum;
use crate::protos::comment;
use crate::rust::type_path;

/// `ErrorEnum` and `Into<Status>` for an enum.
pub(crate) fn conversions(error: &ErrorEnum) -> String {
    let (desc, base) = (&error.desc, error.base);
    let rust = type_path(desc.package_name(), desc.full_name());
    // By number, because aliases are one value in Rust.
    let mut texts = BTreeMap::new();
    for value in desc.values() {
        let comment = comment(&desc.parent_file(), value.path()).join(" ");
        let text = if comment.is_empty() { words(desc.name(), value.name()) } else { comment };
        texts.entry(value.number()).or_insert(text);
    }
    let mut arms = String::new();
    for (number, text) in texts {
        let _ = write!(arms, "{number} => {text:?},");
    }
    let docs = docs(&[], "Makes the status of a handler that fails for this reason.");
    format!(
        "impl ::guildhall::codegen::ErrorEnum for {rust} {{
            fn reason(self) -> ::guildhall::codegen::Reason {{
                ::guildhall::codegen::Reason::new({base} + self as u32)
            }}
        }}

        impl ::core::convert::From<{rust}> for ::guildhall::codegen::Status {{
            {docs}fn from(error: {rust}) -> Self {{
                let text = match error as i32 {{ {arms} _ => \"\" }};
                Self::new(::guildhall::codegen::Code::InvalidArgument, text)
                    .with_reason(::guildhall::codegen::ErrorEnum::reason(error))
            }}
        }}\n"
    )
}

/// `ROLE_ERROR_NAME_TAKEN` of `RoleError`: name taken.
fn words(enum_name: &str, value: &str) -> String {
    let prefix = format!("{}_", crate::rust::shouty(enum_name));
    value.strip_prefix(&prefix).unwrap_or(value).to_lowercase().replace('_', " ")
}
