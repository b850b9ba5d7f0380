//! Rules of source files: a first `//!` line, and no access to the outside world except through `Env`.

/// Ways to the clock, random numbers, tasks and sockets that only `Env` may go.
const DOORS: &[&str] = &[
    concat!("Instant::", "now("),
    concat!("SystemTime::", "now("),
    concat!("tokio::time::", "sleep"),
    concat!("tokio::time::", "timeout"),
    concat!("tokio::time::", "interval"),
    concat!("tokio::", "spawn("),
    concat!("spawn_", "blocking("),
    concat!("thread::", "spawn("),
    concat!("thread::", "sleep("),
    concat!("tokio::", "net::"),
    concat!("Tcp", "Stream::connect"),
    concat!("Tcp", "Listener::bind"),
    concat!("Udp", "Socket::bind"),
    concat!("rand::", "rng("),
    concat!("Os", "Rng"),
    concat!("unbounded_", "channel"),
];

/// Where the doors are.
const DOOR_FILES: &[&str] = &[
    "crates/guildhall-core/src/env",
    "crates/guildhall-runtime/src/app/signals.rs",
    "crates/guildhall-testkit/src/process.rs",
    // What lapin, which spawns its own tasks, asks of its runtime.
    "plugins/guildhall-rabbitmq/src/wire.rs",
];

/// What is wrong with one file.
pub(super) fn check(file: &str, text: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    // `codegen --check` is the rule for those.
    if file.contains("/generated/") {
        return wrong;
    }
    let test = file.contains("/tests/") || file.ends_with("/tests.rs");
    if !text.starts_with("//!") {
        wrong.push(format!("{file}:1: begin with a `//!` line that says what the file is for"));
    }
    if file.ends_with("/mod.rs") && !test {
        wrong.push(format!("{file}:1: name it after its module, not mod.rs"));
    }
    let library = ["crates/", "plugins/", "demo/"].iter().any(|place| file.starts_with(place));
    if !library
        || test
        || file.contains("/examples/")
        || DOOR_FILES.iter().any(|d| file.starts_with(d))
    {
        return wrong;
    }
    for (at, line) in text.lines().enumerate() {
        let code = line.split("//").next().unwrap_or_default();
        if let Some(door) = DOORS.iter().find(|door| code.contains(**door)) {
            wrong.push(format!("{file}:{}: `{door}` goes around Env", at + 1));
        }
    }
    wrong
}

#[cfg(test)]
mod tests;
