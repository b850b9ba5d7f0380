//! Items that generated code uses; not a public API.

pub use guildhall_runtime::codegen::*;
