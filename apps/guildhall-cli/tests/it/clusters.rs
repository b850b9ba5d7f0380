//! `guildhall up` and what reaches it: programs of a few lines of shell, which drain on SIGTERM.
#![cfg(unix)]

use std::path::Path;
use std::process::Command;

use guildhall_testkit::process::Program;
use serde_json::Value;
use tempfile::TempDir;

use crate::program::{run, start, wait_until};

/// `{app}` must be ready before `tail`; both drain with a word.
const CLUSTER: &str = r#"
command = "sh"
args = ["-c", "trap 'echo bye; exit 0' TERM; echo I am {app}.{inst}; echo ready; while :; do sleep 0.05; done"]

[apps.head]
count = 2
[apps.tail]
after = ["head"]
"#;

fn cluster(text: &str) -> (TempDir, Program) {
    let folder = tempfile::tempdir().unwrap();
    let up = up_in(&folder, text);
    (folder, up)
}

pub(crate) fn up_in(folder: &TempDir, text: &str) -> Program {
    std::fs::write(folder.path().join("cluster.toml"), text).unwrap();
    start(folder.path(), &["up"])
}

pub(crate) fn status(folder: &Path) -> Vec<Value> {
    let (_, out, _) = run(folder, &["status", "--json"]);
    serde_json::from_str(&out).unwrap_or_default()
}

/// `head.1 ready 0`, by name.
fn states(folder: &Path) -> Vec<String> {
    let line = |row: &Value| {
        let text = |field: &str| row[field].as_str().unwrap().to_owned();
        format!("{} {} {}", text("instance"), text("state"), row["restarts"])
    };
    status(folder).iter().map(line).collect()
}

pub(crate) fn wait_for_states(folder: &Path, want: &[&str]) {
    wait_until(&want.join(", "), || states(folder) == want);
}

fn interrupt(program: &Program) {
    let pid = program.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
}

const ALL_READY: &[&str] = &["head.1 ready 0", "head.2 ready 0", "tail.1 ready 0"];

#[test]
fn a_killed_instance_comes_back() {
    let (folder, mut up) = cluster(CLUSTER);
    let folder = folder.path();
    wait_for_states(folder, ALL_READY);
    let before = status(folder)[1]["pid"].as_u64();
    assert_eq!(run(folder, &["kill", "head.2", "--hard"]).1, "head.2 is killed\n");
    up.wait_for("head.2 | -- ended: signal 9 (SIGKILL); starts again in 200ms");
    wait_for_states(folder, &["head.1 ready 0", "head.2 ready 1", "tail.1 ready 0"]);
    assert_ne!(status(folder)[1]["pid"].as_u64(), before);
    // In order, too: it says goodbye.
    assert_eq!(run(folder, &["kill", "head.2"]).1, "head.2 drains\n");
    up.wait_for("head.2 | bye");
    wait_for_states(folder, &["head.1 ready 0", "head.2 ready 2", "tail.1 ready 0"]);
    let (code, _, err) = run(folder, &["kill", "heat.2"]);
    assert!(code == 1 && err.contains("did you mean `head.2`?"), "{err}");
}

#[test]
fn scaling_starts_and_ends_instances() {
    let (folder, mut up) = cluster(CLUSTER);
    let folder = folder.path();
    wait_for_states(folder, ALL_READY);
    assert_eq!(run(folder, &["scale", "head=3"]).1, "head is scaled to 3\n");
    up.wait_for("head.3 | I am head.3");
    run(folder, &["scale", "head=1", "tail=0"]);
    wait_for_states(folder, &["head.1 ready 0"]);
    let (code, _, err) = run(folder, &["scale", "haed=2"]);
    assert!(code == 1 && err.contains("did you mean `head`?"), "{err}");
    assert_eq!(run(folder, &["scale", "head"]).0, 2);
}

/// As [`CLUSTER`], of one app that takes a second to drain.
const SLOW: &str = r#"
command = "sh"
args = ["-c", "trap 'sleep 1; echo bye; exit 0' TERM; echo ready; while :; do sleep 0.05; done"]
[apps.head]
count = 2
"#;

#[test]
fn an_instance_that_drains_when_it_is_wanted_again_starts_after_it_has_ended() {
    let (folder, mut up) = cluster(SLOW);
    let folder = folder.path();
    wait_for_states(folder, &["head.1 ready 0", "head.2 ready 0"]);
    let before = status(folder)[1]["pid"].as_u64();
    for count in ["1", "2", "1", "2"] {
        let head = format!("head={count}");
        assert_eq!(run(folder, &["scale", &head]).1, format!("head is scaled to {count}\n"));
    }
    up.wait_for("head.2 | bye");
    up.wait_for("head.2 | ready");
    wait_for_states(folder, &["head.1 ready 0", "head.2 ready 0"]);
    assert_ne!(status(folder)[1]["pid"].as_u64(), before, "another process");
}

#[test]
fn what_runs_once_and_fails_makes_up_fail() {
    let once = "[apps.once]\nrestart = false\ncommand = \"sh\"\nargs = [\"-c\", \"exit 3\"]\n";
    let (_folder, up) = cluster(once);
    let (status, printed) = up.finish();
    assert_eq!(status.code(), Some(1), "{printed}");
    assert!(printed.contains("once.1 | -- failed: exit status 3"), "{printed}");
    let (_folder, up) = cluster(&once.replace("exit 3", "exit 0"));
    let (status, printed) = up.finish();
    assert_eq!(status.code(), Some(0), "{printed}");
}

#[test]
fn a_program_that_is_not_there_is_not_tried_again() {
    for command in ["./no-such-program", "no-such-program-in-path"] {
        let (_folder, up) = cluster(&format!("[apps.gone]\ncommand = \"{command}\"\n"));
        let (status, printed) = up.finish();
        assert_eq!(status.code(), Some(1), "{printed}");
        assert!(printed.contains("gone.1 | -- stays down: there is no program"), "{printed}");
        assert!(
            printed.contains("no-such-program") && printed.contains("build it first"),
            "{printed}"
        );
        assert!(!printed.contains("starts again"), "{printed}");
    }
}

#[test]
fn up_says_what_it_builds_and_when_all_are_ready_and_again_after_some_were_not() {
    let (folder, mut up) = cluster(&format!("build = [\"true\", \"all\"]\n{CLUSTER}"));
    up.wait_for("guildhall: builds first: true all");
    up.wait_for_start("guildhall: all is ready after ");
    run(folder.path(), &["kill", "head.2", "--hard"]);
    up.wait_for_start("guildhall: all is ready after ");
    interrupt(&up);
    let (_, printed) = up.finish();
    // Those that are left while it ends are no news.
    let said: Vec<_> = printed.lines().filter(|line| line.contains("all is ready")).collect();
    assert!(said.len() == 2 && said.iter().all(|line| line.ends_with("instances: 3")), "{said:?}");
}

#[test]
fn ctrl_c_ends_all_those_first_that_started_last() {
    let (folder, up) = cluster(CLUSTER);
    wait_for_states(folder.path(), ALL_READY);
    interrupt(&up);
    let (status, printed) = up.finish();
    assert_eq!(status.code(), Some(0), "{printed}");
    let at = |line: &str| printed.find(line).unwrap_or_else(|| panic!("no {line}:\n{printed}"));
    assert!(at("head.1 | ready") < at("tail.1 | ready"), "{printed}");
    assert!(at("tail.1 | -- ended") < at("head.1 | bye"), "{printed}");
    assert!(printed.contains("head.2 | bye"), "{printed}");
    let (code, _, err) = run(folder.path(), &["status"]);
    assert!(code == 1 && err.contains("cluster.toml is not up"), "{err}");
}

#[test]
fn a_second_ctrl_c_kills() {
    let deaf = CLUSTER.replace("echo bye; exit 0", "echo no");
    let (folder, mut up) = cluster(&deaf);
    wait_for_states(folder.path(), ALL_READY);
    interrupt(&up);
    up.wait_for("tail.1 | no");
    interrupt(&up);
    let (status, printed) = up.finish();
    assert_eq!(status.code(), Some(1), "{printed}");
    assert!(printed.contains("head.1 | -- ended: signal 9 (SIGKILL)"), "{printed}");
}

#[test]
fn what_fails_again_and_again_stays_down() {
    let bad = "[limits]\nrestarts_max = 1\nbackoff_ms = 1\n\
               [apps.bad]\ncommand = \"sh\"\nargs = [\"-c\", \"exit 3\"]\n";
    let (_folder, up) = cluster(bad);
    // Nothing else runs, so it ends.
    let (status, printed) = up.finish();
    assert_eq!(status.code(), Some(1), "{printed}");
    assert!(printed.contains("exit status 3; starts again in 1ms"), "{printed}");
    assert!(printed.contains("stays down: exit status 3; it failed 2 times in a row"), "{printed}");
}

#[test]
fn what_is_not_ready_in_time_is_killed() {
    let late = "[limits]\nrestarts_max = 0\nready_ms = 50\n\
                [apps.late]\ncommand = \"sleep\"\nargs = [\"600\"]\n";
    let (_folder, up) = cluster(late);
    let (status, printed) = up.finish();
    assert_eq!(status.code(), Some(1), "{printed}");
    assert!(printed.contains("(it was not ready within ready_ms)"), "{printed}");
}

#[test]
fn processes_end_with_a_killed_supervisor() {
    let (folder, up) = cluster(CLUSTER);
    wait_for_states(folder.path(), ALL_READY);
    let pids: Vec<String> =
        status(folder.path()).iter().map(|row| row["pid"].to_string()).collect();
    up.kill();
    wait_until("all have ended", || pids.iter().all(|pid| has_ended(pid)));
}

/// Gone, or dead and not yet reaped: whose parent was killed is reaped by the system in its own time.
fn has_ended(pid: &str) -> bool {
    let ps = Command::new("ps").args(["-o", "stat=", "-p", pid]).output().unwrap();
    let stat = String::from_utf8_lossy(&ps.stdout).trim().to_owned();
    stat.is_empty() || stat.starts_with('Z')
}

#[test]
fn a_cluster_is_up_once() {
    let (folder, _up) = cluster(CLUSTER);
    wait_for_states(folder.path(), ALL_READY);
    let (code, _, err) = run(folder.path(), &["up"]);
    assert!(code == 1 && err.contains("cluster.toml is up already, with 3 instances"), "{err}");
}

#[test]
fn a_wrong_file_is_named_with_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let (code, _, err) = run(folder.path(), &["up", "clutser.toml"]);
    assert!(code == 1 && err.contains("clutser.toml: there must be a file"), "{err}");
    std::fs::write(folder.path().join("cluster.toml"), "[apps.a]\nafter = [\"b\"]").unwrap();
    let (code, _, err) = run(folder.path(), &["up"]);
    assert!(code == 1 && err.contains("cluster.toml: apps.a.after: there is no [apps.b]"), "{err}");
}
