//! The bots' counts, and the summary line.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command that reports")]

use std::process::ExitCode;
use std::time::Duration;

/// Wrong answers that are explained; the rest is counted.
const EXPLAINED_MAX: usize = 5;

/// Of one bot, or of all.
#[derive(Debug, Default)]
pub(super) struct Score {
    pub(super) calls: u64,
    pub(super) pushes: u64,
    /// How long calls took that were answered.
    pub(super) times: Vec<Duration>,
    /// How long bots were not connected, all together: they owe one call for each other second.
    pub(super) lost: Duration,
    wrong: u64,
    explained: Vec<String>,
}

impl Score {
    /// Counts something that must not be, and remembers the first ones.
    pub(super) fn wrong(&mut self, what: String) {
        self.wrong += 1;
        if self.explained.len() < EXPLAINED_MAX {
            self.explained.push(what);
        }
    }

    pub(super) fn add(&mut self, other: Self) {
        self.calls += other.calls;
        self.pushes += other.pushes;
        self.times.extend(other.times);
        self.lost += other.lost;
        self.wrong += other.wrong;
        self.explained.extend(other.explained);
        self.explained.truncate(EXPLAINED_MAX);
    }

    /// Prints it; the line is the last thing on stdout.
    pub(super) fn report(mut self, players: u32, seconds: u64) -> ExitCode {
        self.times.sort_unstable();
        let (p50, p99) = (percentile(&self.times, 50), percentile(&self.times, 99));
        for wrong in &self.explained {
            eprintln!("wrong: {wrong}");
        }
        let owed = (u64::from(players) * seconds).saturating_sub(self.lost.as_secs());
        let Self { calls, wrong, pushes, .. } = self;
        if calls < owed {
            eprintln!("too few calls: {calls} of {owed} expected, one per player and second");
        }
        eprintln!("pushes: {pushes}");
        println!("players={players} calls={calls} wrong={wrong} p50_ms={p50:.2} p99_ms={p99:.2}");
        match (wrong, calls < owed) {
            (0, false) => ExitCode::SUCCESS,
            (0, true) => ExitCode::from(2),
            _ => ExitCode::from(1),
        }
    }
}

/// In ms; 0 when there is none.
fn percentile(sorted: &[Duration], percent: usize) -> f64 {
    let at = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
    sorted.get(at).map_or(0.0, |time| time.as_secs_f64() * 1000.0)
}
