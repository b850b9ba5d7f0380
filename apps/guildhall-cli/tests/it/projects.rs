//! `guildhall new`; that its projects build and pass is shown by `cargo xtask ci`, which has the time.

use crate::program::run;

#[test]
fn a_project_has_its_name_and_less_than_120_lines() {
    let folder = tempfile::tempdir().unwrap();
    let (code, out, err) = run(folder.path(), &["new", "red-fox"]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.contains("cd red-fox"), "{out}");
    let project = folder.path().join("red-fox");
    let files = [
        "Cargo.toml",
        "build.rs",
        "guildhall.toml",
        "proto/red_fox.proto",
        "src/lib.rs",
        "src/main.rs",
        "tests/kill.rs",
        ".gitignore",
    ];
    let mut lines = 0;
    for file in files {
        let text = std::fs::read_to_string(project.join(file)).unwrap();
        assert!(!text.contains("{{"), "{file}:\n{text}");
        lines += text.lines().count();
    }
    assert!(lines < 120, "{lines} lines");
    let manifest = std::fs::read_to_string(project.join("Cargo.toml")).unwrap();
    let manifest: toml::Table = manifest.parse().unwrap();
    let dev = &manifest["profile"]["dev"];
    assert_eq!(dev["debug"].as_str(), Some("line-tables-only"), "{manifest}");
    assert_eq!(dev["package"]["*"]["debug"].as_bool(), Some(false), "{manifest}");
    // `cargo xtask ci` shows that nothing is built twice.
    assert_eq!(manifest["package"]["resolver"].as_str(), Some("1"), "{manifest}");
    let (code, _, err) = run(folder.path(), &["new", "red-fox"]);
    assert!(code == 1 && err.contains("red-fox is there already"), "{err}");
}

#[test]
fn names_that_would_not_build_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for name in
        ["Fox", "1up", "a b", "a/b", "..", "fox-", "fn", "test", "guildhall", &"x".repeat(33)]
    {
        let (code, _, err) = run(folder.path(), &["new", name]);
        assert!(code == 1 && err.contains(&format!("`{name}`")), "{name}: {err}");
    }
    let (code, _, err) = run(folder.path(), &["new", "fox", "--path", "/"]);
    assert!(code == 1 && err.contains("is no checkout of Guildhall"), "{err}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left");
}

#[test]
fn completions_and_the_manual_name_the_commands() {
    let folder = tempfile::tempdir().unwrap();
    for args in [&["completions", "bash"][..], &["man"]] {
        let (code, out, _) = run(folder.path(), args);
        assert_eq!(code, 0);
        assert!(out.contains("reload") && out.contains("discovery"), "{out}");
        assert!(!out.contains("end-with-supervisor"), "{out}");
    }
}
