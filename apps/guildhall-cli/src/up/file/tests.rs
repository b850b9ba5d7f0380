//! What a cluster file may say, and how it is told what is wrong.

use super::ClusterFile;

const TWO: &str = r#"
command = "bin/demo"
args = ["--set=app.id=dev.w1.{app}.{inst}"]

[apps.edge]
after = ["role"]
[apps.role]
count = 2
config = "role.toml"
args = ["--set=link.listen=127.0.0.1:{7200+inst}"]
env = { WHO = "{app}-{inst}", BRACE = "{{inst}" }
"#;

#[test]
fn an_instance_gets_its_arguments_by_template() {
    let file = ClusterFile::parse(TWO).unwrap();
    let start = file.start("role", 2).unwrap();
    let want =
        ["--config=role.toml", "--set=app.id=dev.w1.role.2", "--set=link.listen=127.0.0.1:7202"];
    assert_eq!(start.args, want);
    assert_eq!((&*start.env["WHO"], &*start.env["BRACE"]), ("role-2", "{inst}"));
    assert_eq!(file.order().unwrap(), ["role", "edge"]);
}

#[test]
fn what_is_wrong_with_a_file_is_named() {
    let wrong = |from: &str, to: &str| {
        assert!(TWO.contains(from), "{from}");
        format!("{:#}", ClusterFile::parse(&TWO.replace(from, to)).unwrap_err())
    };
    for (from, to, want) in [
        ("after = [\"role\"]", "after = [\"rol\"]", "did you mean `role`?"),
        (
            "count = 2",
            "count = 2\nafter = [\"edge\"]",
            "wait for each other with `after`: edge, role",
        ),
        ("count = 2", "count = 101", "apps.role.count is 101; at most 100"),
        ("count = 2", "cuont = 2", "unknown field `cuont`"),
        ("{inst}\"", "{ins}\"", "there is no {ins}"),
        ("{7200+inst}", "{x+inst}", "`x` is no number"),
        ("command = \"bin/demo\"", "", "apps.edge has no program"),
        ("[apps.edge]", "[apps.Edge]", "a name has a-z, 0-9 and - only"),
    ] {
        let error = wrong(from, to);
        assert!(error.contains(want), "{error}");
    }
}
