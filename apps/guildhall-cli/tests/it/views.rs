//! `guildhall store views`: the SQL that it prints, and that psql runs it.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::program::run;
use crate::world::{app, visit_at};

/// Gives SQL to psql: exit code, output, errors.
fn psql(url: &str, sql: &str) -> (i32, String, String) {
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let installed = installed.map(|version| version.path().join("bin/psql")).find(|it| it.exists());
    let mut psql = Command::new(installed.unwrap_or_else(|| "psql".into()));
    psql.args(["-v", "ON_ERROR_STOP=1", "-qAtX", url]);
    let psql = psql.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut psql = psql.spawn().unwrap();
    psql.stdin.take().unwrap().write_all(sql.as_bytes()).unwrap();
    let output = psql.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// The profile of the examples, encoded with its imports.
fn descriptors(folder: &Path) -> String {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let includes = ["examples/proto/proto", "crates/guildhall-build/proto"];
    let mut compiler = protox::Compiler::new(includes.map(|it| format!("{root}/{it}"))).unwrap();
    compiler.include_imports(true).open_file("profile.proto").unwrap();
    let file = folder.join("profile.bin");
    std::fs::write(&file, compiler.encode_file_descriptor_set()).unwrap();
    file.to_str().unwrap().to_owned()
}

#[test]
fn psql_runs_what_the_command_prints() {
    if !servers::is_there(&servers::POSTGRES, "views::psql_runs_what_the_command_prints") {
        return;
    }
    let (folder, url) = (tempfile::tempdir().unwrap(), servers::shared(&servers::POSTGRES).url());
    let file = descriptors(folder.path());
    let args = ["store", "views", "--descriptors", &file, "--schema", "game 7"];
    let (code, sql, errors) = run(folder.path(), &args);
    assert_eq!((code, errors.as_str()), (0, ""));
    // Without the store there, nothing is made.
    let (code, _, errors) = psql(&url, &sql);
    assert!(code != 0 && errors.contains("the schema game 7 has no table"), "{errors}");

    let table = "CREATE SCHEMA \"game 7\"; CREATE TABLE \"game 7\".profile (guildhall_key text, guildhall_exists boolean, \
                 guildhall_records bytea, friends bytea, items bytea); \
                 INSERT INTO \"game 7\".profile VALUES ('1', true, '', '\\x5203616e6e5203626f62', '\\x32070a036178651002');";
    assert_eq!(psql(&url, table), (0, String::new(), String::new()));
    for _ in 0..2 {
        let (code, out, errors) = psql(&url, &sql);
        assert_eq!((code, out.as_str()), (0, ""), "{errors}");
    }
    let select = "SELECT guildhall_key, friends->>1, items->'axe' FROM \"game 7_json\".profile;";
    assert_eq!(psql(&url, select), (0, "1|bob|2\n".to_owned(), String::new()));
}

#[tokio::test]
async fn the_types_come_from_the_apps_of_a_cluster_if_all_answer() {
    let (_app, address) = app("dev.w1.all.1").await;
    let (code, sql, err) = visit_at(&address, &["store", "views"]).await;
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(sql.contains("E'counter.") && sql.ends_with("COMMIT;\n"), "{sql}");
    // Port 1 is nobody's.
    let (code, sql, err) = visit_at(&format!("{address},127.0.0.1:1"), &["store", "views"]).await;
    assert!(code == 1 && sql.is_empty() && err.contains("some apps do not answer"), "{err}");
}

#[test]
fn a_file_that_is_no_descriptor_set_is_named() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("x.bin"), [0xff]).unwrap();
    for (file, want) in [("x.bin", "x.bin is no FileDescriptorSet"), ("y.bin", "y.bin: ")] {
        let (code, sql, err) = run(folder.path(), &["store", "views", "--descriptors", file]);
        assert!(code == 1 && sql.is_empty() && err.contains(want), "{err}");
    }
}
