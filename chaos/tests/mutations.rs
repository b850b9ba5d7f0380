//! What chaos is worth: it finds a game whose runtime breaks one rule of ownership.

#![allow(clippy::disallowed_methods, reason = "real processes; nothing here is simulated")]

use std::process::Command;

/// Plays on a game without a rule; what is printed at the end.
fn played_without(rule: &str) -> String {
    let without = format!(r#"demo.without=["{rule}"]"#);
    let mut chaos = Command::new(env!("CARGO_BIN_EXE_chaos"));
    chaos.args(["ownership", "--seed", "1", "--seconds", "20", "--players", "50"]);
    chaos.args(["--features", "mutations", "--set", &without]);
    let output = chaos.output().expect("chaos runs");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{printed}{said}");
    printed.lines().last().unwrap_or_default().to_owned()
}

#[test]
#[ignore = "builds the game once more, in release, and plays for 20 s"]
fn a_game_that_replies_before_it_commits_is_found() {
    let last = played_without("CommitBeforeReply");
    assert!(last.starts_with("acked=") && !last.contains(" lost=0 "), "{last}");
}
