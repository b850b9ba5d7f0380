//! Generates the code of the protos beside it.

fn main() -> guildhall_build::Result {
    guildhall_build::compile(&["proto/hello.proto"], &["proto"])
}
