//! `cargo xtask services up|down|restart|status|install`: servers for trying things out, on spare ports of loopback.
//!
//! Tests start servers of their own; these are for people, and for the demo.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program for people who build Guildhall"
)]

mod older;

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use servers::{ALL, CONSUL, Recipe, Server};

/// Where the URLs are while the servers run: one line each, `name url`. The servers end when it is gone.
const URLS: &str = "target/services";

/// The name of a server that shall be killed and start again, until it has.
const RESTART: &str = "target/services.restart";

/// How long all servers together may take to start or to end.
const PATIENCE: Duration = Duration::from_secs(120);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (command, names) = arguments.split_first().map_or(("", &[][..]), |(c, n)| (&**c, n));
    let unknown = names.iter().find(|name| ALL.iter().all(|recipe| recipe.name != **name));
    let done = match (command, unknown) {
        (_, Some(name)) => Err(format!("there is no server `{name}`; there are {}", all_names())),
        ("up", None) => up(names),
        ("down", None) => down(),
        ("restart", None) => names.iter().try_for_each(|name| restart(name)),
        ("status", None) => status(),
        ("install", None) => install(names),
        ("hold", None) => hold(names),
        (other, None) => Err(format!(
            "`{other}` is none of: up [NAME..], down, restart NAME.., status, install [NAME..]"
        )),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn all_names() -> String {
    ALL.iter().map(|recipe| recipe.name).collect::<Vec<_>>().join(", ")
}

/// The recipes with these names, or all.
fn chosen(names: &[String]) -> impl Iterator<Item = &'static Recipe> {
    let is_chosen =
        move |recipe: &&Recipe| names.is_empty() || names.iter().any(|n| *n == recipe.name);
    ALL.iter().copied().filter(is_chosen)
}

/// Starts the servers that are installed, in a process of their own, and prints their URLs.
fn up(names: &[String]) -> Result<(), String> {
    if Path::new(URLS).exists() {
        return Err(format!("{URLS} says that they run; `down` ends them"));
    }
    let this = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut hold = Command::new(this);
    hold.arg("hold").args(names).stdin(Stdio::null()).stdout(Stdio::null());
    let mut holder = hold.spawn().map_err(|error| error.to_string())?;
    let end = Instant::now() + PATIENCE;
    while !Path::new(URLS).exists() {
        if let Some(ended) = holder.try_wait().map_err(|error| error.to_string())? {
            return Err(format!("the servers did not start: {ended}"));
        }
        if Instant::now() > end {
            return Err(format!("the servers did not start within {PATIENCE:?}"));
        }
        sleep(Duration::from_millis(50));
    }
    status()
}

/// Ends them, with their data.
fn down() -> Result<(), String> {
    let Ok(urls) = std::fs::read_to_string(URLS) else { return Err("no servers run".to_owned()) };
    let holder = urls.lines().find_map(|line| line.strip_prefix("holder ")).unwrap_or_default();
    std::fs::remove_file(URLS).map_err(|error| format!("remove {URLS}: {error}"))?;
    let end = Instant::now() + PATIENCE;
    while !holder.is_empty() && Path::new("/proc").join(holder).exists() {
        if Instant::now() > end {
            return Err(format!("process {holder} did not end within {PATIENCE:?}"));
        }
        sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// Kills a server that runs, and waits until it has started again, with its data.
fn restart(name: &str) -> Result<(), String> {
    let urls = std::fs::read_to_string(URLS).unwrap_or_default();
    if !urls.lines().any(|line| line.split_once(' ').is_some_and(|(server, _)| server == name)) {
        return Err(format!("{name} does not run"));
    }
    write_at_once(RESTART, name)?;
    let end = Instant::now() + PATIENCE;
    while Path::new(RESTART).exists() {
        if Instant::now() > end {
            return Err(format!("{name} did not start again within {PATIENCE:?}"));
        }
        sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// A file that is there with all it says, or not at all.
fn write_at_once(file: &str, text: &str) -> Result<(), String> {
    let written = format!("{file}.new");
    std::fs::write(&written, text).map_err(|error| format!("write {written}: {error}"))?;
    std::fs::rename(&written, file).map_err(|error| format!("write {file}: {error}"))
}

/// Prints a line per server: its URL, or why it does not run.
fn status() -> Result<(), String> {
    let urls = std::fs::read_to_string(URLS).unwrap_or_default();
    for recipe in ALL {
        let url = urls.lines().find_map(|line| line.strip_prefix(recipe.name)?.strip_prefix(' '));
        match url {
            Some(url) => println!("{:9} {url}", recipe.name),
            None if recipe.is_installed() => println!("{:9} does not run", recipe.name),
            None => println!("{:9} is not installed ({})", recipe.name, recipe.package),
        }
    }
    Ok(())
}

/// Installs Debian's packages of those that are not there.
fn install(names: &[String]) -> Result<(), String> {
    let missing: Vec<_> = chosen(names)
        .filter(|recipe| !recipe.is_installed())
        .map(|recipe| recipe.package)
        .collect();
    if !missing.is_empty() {
        apt_get(&["update", "--quiet=2"])?;
        let install = ["install", "--yes", "--quiet=2", "--no-install-recommends"];
        apt_get(&[&install, &*missing].concat())?;
    }
    // Not every mirror has releases of old: the tests of these are skipped then, and counted.
    if names.is_empty()
        && !CONSUL.is_installed()
        && let Err(why) = older::install(&CONSUL, "bullseye")
    {
        println!("consul is not installed: {why}");
    }
    Ok(())
}

fn apt_get(arguments: &[&str]) -> Result<(), String> {
    let mut command = Command::new("apt-get");
    // In run level 1, where no package starts a server of its own.
    command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive").env("RUNLEVEL", "1");
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("apt-get {}: {status}", arguments.join(" "))),
        Err(error) => Err(format!("apt-get {}: {error}", arguments.join(" "))),
    }
}

/// Runs the servers until the file of their URLs is gone.
fn hold(names: &[String]) -> Result<(), String> {
    let starting: Vec<_> = chosen(names)
        .filter(|recipe| recipe.is_installed())
        .map(|recipe| {
            std::thread::spawn(move || {
                let mut server = Server::new(recipe);
                server.start();
                (recipe, server)
            })
        })
        .collect();
    let mut running = Vec::new();
    for server in starting {
        running.push(server.join().map_err(|_| "a server did not start".to_owned())?);
    }
    let lines =
        running.iter().map(|(recipe, server)| format!("{} {}\n", recipe.name, server.url()));
    let text: String = lines.chain([format!("holder {}\n", std::process::id())]).collect();
    let _of_one_that_was_killed = std::fs::remove_file(RESTART);
    write_at_once(URLS, &text)?;
    while Path::new(URLS).exists() {
        if let Ok(name) = std::fs::read_to_string(RESTART) {
            for (_, server) in running.iter_mut().filter(|(recipe, _)| recipe.name == name) {
                server.kill();
                server.start();
            }
            std::fs::remove_file(RESTART).map_err(|error| format!("remove {RESTART}: {error}"))?;
        }
        sleep(Duration::from_millis(200));
    }
    Ok(())
}
