//! The cluster files of the demo, as people run them: on a hub, and on servers of vendors.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use super::{BOTS_MAX, DEMO, DRAIN_MAX, READY_MAX};
use crate::process::{Program, run as run_command};
use crate::suite::services;

/// The demo as thirteen processes on a hub.
const ON_A_HUB: &str = "demo/cluster-hub.toml";

/// The same on servers.
const ON_SERVERS: [&str; 4] = [
    "demo/cluster-postgres.toml",
    "demo/cluster-nats.toml",
    "demo/cluster-etcd.toml",
    "demo/cluster-mysql.toml",
];

/// What they run on, and what tests require of it.
const SERVERS: [&str; 5] = ["etcd", "mysql", "nats", "postgres", "redis"];
const REQUIRE: &str = "GUILDHALL_REQUIRE";

/// Where `cargo xtask services` says what runs where.
const URLS: &str = "target/services";

/// What `guildhall up` says when all of them are ready.
const ALL_CLEAR: &str = "all is ready";

const BOTS: &[&str] = &[
    "bots",
    "--players",
    "100",
    "--seconds",
    "5",
    "--address",
    "tcp://127.0.0.1:7001",
    "--address",
    "tcp://127.0.0.1:7002",
];

/// Starts all processes of the cluster file that the README names, and sees that none of them warns of anything and that all is said to
/// be well. Their data is in a temporary folder.
pub(super) fn on_a_hub(root: &Path, programs: &Path) -> Result<()> {
    let said = up(root, programs, ON_A_HUB, &|line| line.to_owned(), &|_| Ok(()))?;
    let loud = |line: &&str| line.contains(" WARN ") || line.contains(" ERROR ");
    let loud: Vec<&str> = said.lines().filter(loud).collect();
    ensure!(loud.is_empty(), "a healthy cluster warns:\n{}", loud.join("\n"));
    Ok(())
}

/// What happens to a cluster while it is up.
pub(super) trait Meanwhile {
    /// Whether nothing happens of which the log may say an error.
    fn is_calm(&self) -> bool;
    /// `up` is the process that has started all others; `servers` is what they run on.
    fn happens(&self, root: &Path, programs: &Path, up: u32, servers: &[&str]) -> Result<()>;
}

/// Bots play.
pub(super) struct Play;

/// The same on servers of vendors. What is not installed is not run, and said. Whether all was there. Warnings, which a busy machine
/// has, are counted.
pub(super) fn on_servers(root: &Path, programs: &Path, meanwhile: &dyn Meanwhile) -> Result<bool> {
    services(root, &[&["up"], &SERVERS[..]].concat())?;
    let done = on_running_servers(root, programs, meanwhile);
    services(root, &["down"]).and(done)
}

fn on_running_servers(root: &Path, programs: &Path, meanwhile: &dyn Meanwhile) -> Result<bool> {
    let urls = std::fs::read_to_string(root.join(URLS)).with_context(|| format!("read {URLS}"))?;
    // By the scheme of its URL.
    let servers: BTreeMap<&str, Server<'_>> = urls.lines().filter_map(Server::of).collect();
    let (required, mut is_all) = (std::env::var(REQUIRE).unwrap_or_default(), true);
    for file in ON_SERVERS {
        let text =
            std::fs::read_to_string(root.join(file)).with_context(|| format!("read {file}"))?;
        let schemes = || text.lines().filter_map(|line| Some(named(line)?.0));
        if let Some(missing) = schemes().find(|scheme| !servers.contains_key(scheme)) {
            ensure!(!required.contains(missing), "{file} needs {missing}, which does not run");
            println!("NOT RUN: {file}: {missing} is not installed here");
            is_all = false;
            continue;
        }
        let moved = |line: &str| moved(line, &servers, file);
        let names: Vec<&str> = schemes().map(|scheme| servers[scheme].name).collect();
        let happens = |up| meanwhile.happens(root, programs, up, &names);
        let said = up(root, programs, file, &moved, &happens)?;
        // A cluster that ends moves no slots to apps that end too.
        let bad = |line: &&str| line.contains(" ERROR ") || line.contains("move abandoned; slot");
        let bad: Vec<&str> = said.lines().filter(bad).collect();
        ensure!(
            bad.is_empty() || !meanwhile.is_calm(),
            "{file}: what must not be logged:\n{}",
            bad.join("\n")
        );
        println!(
            "{file}: {} warnings",
            said.lines().filter(|line| line.contains(" WARN ")).count()
        );
    }
    Ok(is_all)
}

/// A server that runs here: `nats nats://127.0.0.1:4222`.
#[derive(Clone, Copy)]
struct Server<'a> {
    name: &'a str,
    url: &'a str,
}

impl<'a> Server<'a> {
    /// With the scheme of its URL.
    fn of(line: &'a str) -> Option<(&'a str, Self)> {
        let (name, url) = line.split_once(' ')?;
        Some((url.split_once("://")?.0, Self { name, url }))
    }
}

/// The scheme and the URL of a line of `[env]`: `GUILDHALL__APP__STORE = "redis://.."`.
fn named(line: &str) -> Option<(&str, &str)> {
    let (_, url) = line.strip_prefix("GUILDHALL__APP__")?.split_once(" = \"")?;
    let url = url.strip_suffix('"')?;
    Some((url.split_once("://")?.0, url))
}

/// A line with the URL of the server that runs here. Each file has rows of its own: it has leases of its own, whose epochs are no others'.
fn moved(line: &str, servers: &BTreeMap<&str, Server<'_>>, file: &str) -> String {
    let Some((scheme, url)) = named(line) else { return line.to_owned() };
    let schema = file.trim_start_matches("demo/").trim_end_matches(".toml").replace('-', "_");
    let options = if scheme == "postgres" { format!("?schema={schema}") } else { String::new() };
    line.replace(url, &format!("{}{options}", servers[scheme].url))
}

impl Meanwhile for Play {
    fn is_calm(&self) -> bool {
        true
    }

    fn happens(&self, _root: &Path, programs: &Path, _up: u32, _servers: &[&str]) -> Result<()> {
        let bots = Program::start(Command::new(programs.join(DEMO)).args(BOTS))?;
        let (status, printed) = bots.finish(BOTS_MAX)?;
        println!("{}", printed.lines().last().unwrap_or_default());
        ensure!(status.success(), "the bots failed: {status}\n{printed}");
        Ok(())
    }
}

/// Runs a cluster file, with other lines, in a temporary folder, and does something while it is up; returns all that it printed.
fn up(
    root: &Path,
    programs: &Path,
    file: &str,
    moved: &dyn Fn(&str) -> String,
    meanwhile: &dyn Fn(u32) -> Result<()>,
) -> Result<String> {
    let folder = tempfile::tempdir().context("make a temporary folder")?;
    std::fs::create_dir_all(folder.path().join(DEMO)).context("make a folder")?;
    let here = format!("{}/", programs.display());
    // The file, and what it is like.
    for file in [ON_A_HUB, file] {
        let text =
            std::fs::read_to_string(root.join(file)).with_context(|| format!("read {file}"))?;
        let lines = text.lines().filter(|line| !line.starts_with("build = "));
        let lines = lines.map(|line| moved(&line.replace("target/release/", &here)) + "\n");
        std::fs::write(folder.path().join(file), lines.collect::<String>())
            .context("write the cluster file")?;
    }
    let common = "demo/on-hub.toml";
    std::fs::copy(root.join(common), folder.path().join(common)).context("copy its settings")?;
    // What it and all of them say, in one.
    let mut up = Command::new("sh");
    let file = folder.path().join(file);
    up.args(["-c", r#"exec "$0" up "$1" 2>&1"#]).arg(programs.join("guildhall")).arg(&file);
    let mut up = Program::start(&mut up)?;
    let printed =
        up.wait_for_line(ALL_CLEAR, |line| line.contains(ALL_CLEAR), READY_MAX)?.to_owned();
    println!("{}", printed.lines().last().unwrap_or_default());
    let done = meanwhile(up.id());
    run_command(Command::new("kill").args(["-TERM", &up.id().to_string()]))?;
    let (status, printed) = up.finish(DRAIN_MAX)?;
    done.with_context(|| format!("while this was up:\n{printed}"))?;
    ensure!(
        status.success(),
        "after SIGTERM the cluster ended with {status}; it printed:\n{printed}"
    );
    Ok(printed)
}

#[cfg(test)]
mod tests {
    use super::{Server, moved};

    #[test]
    fn the_urls_of_a_cluster_file_become_those_of_the_servers_that_run() {
        let lines = ["postgres postgres://u@h:1/d", "nats nats://h:2"];
        let servers = lines.into_iter().filter_map(Server::of).collect();
        let moved = |line| moved(line, &servers, "demo/cluster-nats.toml");
        let line = "GUILDHALL__APP__STORE = \"postgres://game:game@127.0.0.1:5432/game\"";
        let want = "GUILDHALL__APP__STORE = \"postgres://u@h:1/d?schema=cluster_nats\"";
        assert_eq!(moved(line), want);
        let line = "GUILDHALL__APP__CLUSTER = \"nats://127.0.0.1:4222\"";
        assert_eq!(moved(line), "GUILDHALL__APP__CLUSTER = \"nats://h:2\"");
        assert_eq!(moved("count = 2"), "count = 2");
    }
}
