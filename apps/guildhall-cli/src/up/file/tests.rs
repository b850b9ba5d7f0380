//! What a cluster file may say, and how it is told what is wrong.

use super::ClusterFile;

fn parse(text: &str) -> anyhow::Result<ClusterFile> {
    ClusterFile::of(toml::from_str(text)?)
}

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
    let file = parse(TWO).unwrap();
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
        format!("{:#}", parse(&TWO.replace(from, to)).unwrap_err())
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

#[test]
fn a_file_is_like_another_one_but_for_what_it_says_itself() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        std::fs::create_dir_all(folder.path().join("games")).unwrap();
        std::fs::write(folder.path().join(name), text).unwrap();
        folder.path().join(name)
    };
    write("games/two.toml", &format!("folder = '.'\n{TWO}"));
    let like = "like = 'games/two.toml'\n";
    let file = write(
        "mine.toml",
        &format!(
            "{like}env = {{ MORE = 'yes' }}\n[apps.role]\ncount = 3\n[apps.role.env]\nWHO = 'me'\n"
        ),
    );
    let mine = ClusterFile::read(&file).unwrap();
    assert_eq!(mine.folder, folder.path().join("games").canonicalize().unwrap());
    assert_eq!(mine.apps["role"].count, 3);
    let env = mine.start("role", 1).unwrap().env;
    assert_eq!((&*env["WHO"], &*env["MORE"], &*env["BRACE"]), ("me", "yes", "{inst}"));

    let file = write("less.toml", &format!("{like}without = ['role']\n"));
    let less = ClusterFile::read(&file).unwrap();
    assert_eq!(less.order().unwrap(), ["edge"], "nobody waits for what is left out");
}

#[test]
fn what_is_wrong_with_a_file_that_is_like_another_one_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.toml");
    std::fs::write(folder.path().join("two.toml"), TWO).unwrap();
    for (text, want) in [
        ("like = 'none.toml'", "none.toml"),
        ("like = 7", "like: the path of a file"),
        ("like = 'mine.toml'", "more than 4 files"),
        ("like = 'two.toml'\nwithout = ['rol']", "there is no [apps.rol] to leave out"),
        ("like = 'two.toml'\nwithout = 'role'", "without: names of apps"),
        ("without = ['role']", "the file is like no other"),
        ("like = 'two.toml'\ncuont = 2", "unknown field `cuont`"),
    ] {
        std::fs::write(&path, text).unwrap();
        let error = format!("{:#}", ClusterFile::read(&path).unwrap_err());
        assert!(error.contains(want), "{text}: {error}");
    }
}
