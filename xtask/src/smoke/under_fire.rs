//! A cluster while bots play: the first process of each app is killed, and each server is killed and starts again.

use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use super::DEMO;
use super::clusters::Meanwhile;
use crate::process::{Program, output, run as run_command};
use crate::suite::services;

/// The apps of the demo's cluster files.
const APPS: [&str; 7] = ["role", "club", "gate", "uid", "online", "clubrole", "login"];

/// What bots say when all of them are logged in, and how long that may take: each login costs a password hash.
const PLAYS: &str = "play:";
const LOGINS_MAX: Duration = Duration::from_secs(300);

/// The shortest run.
const SECONDS_MIN: u64 = 60;

/// How long they may take beyond their time, to come back for the last time and to compare what they know.
const END_MAX: Duration = Duration::from_secs(240);

/// The exit code of bots that have seen nothing wrong, and had less calls than in quiet times.
const FEW_CALLS: i32 = 2;

/// How many players there are, and for how many seconds they play.
pub(super) struct Fire {
    players: String,
    seconds: u64,
}

impl Fire {
    /// Of `[--players N] [--seconds N]`.
    pub(super) fn of(args: &[&str]) -> Result<Self> {
        let value = |name: &str, default: u64| match args.iter().position(|arg| *arg == name) {
            Some(at) => {
                let given = args.get(at + 1).with_context(|| format!("{name} needs a number"))?;
                given.parse().with_context(|| format!("{name} {given} is no number"))
            }
            None => Ok(default),
        };
        let (players, seconds) = (value("--players", 500)?, value("--seconds", 120)?);
        // In less time the servers are away for most of it, and what is said in clubs is lost.
        ensure!(seconds >= SECONDS_MIN, "--seconds {seconds} is less than {SECONDS_MIN}");
        Ok(Self { players: players.to_string(), seconds })
    }
}

impl Meanwhile for Fire {
    fn is_calm(&self) -> bool {
        false
    }

    fn happens(&self, root: &Path, programs: &Path, up: u32, servers: &[&str]) -> Result<()> {
        let seconds = self.seconds.to_string();
        let mut bots = Command::new("sh");
        bots.args(["-c", r#"exec "$0" "$@" 2>&1"#]).arg(programs.join(DEMO)).arg("bots");
        bots.args(["--reconnect", "--players", &self.players, "--seconds", &seconds]);
        bots.args(["--address", "tcp://127.0.0.1:7001", "--address", "tcp://127.0.0.1:7002"]);
        let mut bots = Program::start(&mut bots)?;
        bots.wait_for_line(PLAYS, |line| line.starts_with(PLAYS), LOGINS_MAX)?;
        let began = Instant::now();
        let victims = APPS.map(Victim::App).into_iter();
        let victims: Vec<_> = victims.chain(servers.iter().copied().map(Victim::Server)).collect();
        let pause = Duration::from_secs(self.seconds) / u32::try_from(victims.len() + 1)?;
        for (victim, at) in victims.iter().zip(1..) {
            sleep((pause * at).saturating_sub(began.elapsed()));
            victim.falls(root, up)?;
        }
        let (status, printed) = bots.finish(Duration::from_secs(self.seconds) + END_MAX)?;
        println!("{}", printed.lines().last().unwrap_or_default());
        let is_well = status.success() || status.code() == Some(FEW_CALLS);
        ensure!(is_well, "the bots failed: {status}\n{printed}");
        Ok(())
    }
}

/// What is killed.
enum Victim<'a> {
    /// The first process of an app; `guildhall up` starts it again.
    App(&'a str),
    /// A server, which starts again.
    Server(&'a str),
}

impl Victim<'_> {
    fn falls(&self, root: &Path, up: u32) -> Result<()> {
        match self {
            Self::App(app) => {
                let id = format!("app.id=demo.w1.{app}.1");
                let parent = up.to_string();
                let mut find = Command::new("pgrep");
                let found = output(find.args(["--parent", &parent, "--full", &id]))?;
                let pid = found.trim();
                println!("SIGKILL of {app}.1, process {pid}");
                run_command(Command::new("kill").args(["-KILL", pid]))
            }
            Self::Server(name) => {
                println!("SIGKILL of {name}, which starts again");
                services(root, &["restart", name])
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Fire;

    #[test]
    fn players_and_seconds_are_numbers_that_have_defaults() {
        let fire = Fire::of(&["--seconds", "60"]).unwrap();
        assert_eq!((fire.players.as_str(), fire.seconds), ("500", 60));
        let error = |args: &[&str]| Fire::of(args).err().unwrap().to_string();
        assert_eq!(error(&["--players"]), "--players needs a number");
        assert_eq!(error(&["--seconds", "59"]), "--seconds 59 is less than 60");
        assert_eq!(error(&["--players", "-1"]), "--players -1 is no number");
    }
}
