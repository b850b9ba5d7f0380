//! Generates the code of the demo's protos.

fn main() -> guildhall_build::Result {
    guildhall_build::compile(&["proto/demo/login.proto", "proto/demo/role.proto"], &["proto"])
}
