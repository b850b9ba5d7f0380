fn main() -> guildhall_build::Result {
    guildhall_build::compile(&["proto/{{package}}.proto"], &["proto"])
}
