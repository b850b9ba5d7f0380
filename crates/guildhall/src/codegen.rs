//! What generated code names. Not for people.

pub use guildhall_runtime::codegen::*;
