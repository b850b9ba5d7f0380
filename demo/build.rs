//! Generates the code of the demo's protos.

fn main() -> guildhall_build::Result {
    let protos = ["club", "login", "online", "role", "uid"];
    guildhall_build::compile(&protos.map(|name| format!("proto/demo/{name}.proto")), &["proto"])
}
