//! The table of all rounds, and whether ours is where it must be.

use std::collections::BTreeMap;

use super::contender::{ACTORS, Round};
use crate::measure::median;

const NAMES: [&str; 5] = ["guildhall", "ractor", "kameo", "actix", "channel"];

/// What was measured.
#[derive(Default)]
pub(super) struct Table {
    rounds: BTreeMap<&'static str, Vec<Round>>,
    idle: BTreeMap<&'static str, usize>,
}

/// What ours must be at most, and should be.
struct Floor {
    what: String,
    measured: f64,
    floor: f64,
    goal: f64,
    unit: &'static str,
}

impl Table {
    pub(super) fn add(&mut self, round: Round) {
        self.rounds.entry(round.name).or_default().push(round);
    }

    pub(super) fn idle(&mut self, name: &'static str, bytes: usize) {
        self.idle.insert(name, bytes);
    }

    /// Prints all; whether every floor is kept.
    pub(super) fn print(&self, instructions: Option<u64>) -> bool {
        println!(
            "{:<34}{}",
            "CPU ns, median of rounds",
            NAMES.map(|n| format!("{n:>11}")).concat()
        );
        for (what, of) in rows() {
            let of_name = |name| format!("{:>11.0}", self.median_of(name, of));
            println!("{what:<34}{}", NAMES.map(of_name).concat());
        }
        let bytes = NAMES.map(|name| format!("{:>11}", self.idle[name]));
        println!("{:<34}{}\n", "bytes of an idle actor", bytes.concat());
        let floors = self.floors(instructions);
        for Floor { what, measured, floor, goal, unit } in &floors {
            let said = if measured <= floor { "ok" } else { "short" };
            let digits = if *unit == "x" { 2 } else { 0 };
            println!(
                "{what:<46}{measured:>9.digits$}{unit}  floor {floor}{unit}, goal {goal}{unit}: {said}"
            );
        }
        if instructions.is_none() {
            println!("instructions of a call: not measured, as valgrind is not installed");
        }
        floors.iter().all(|floor| floor.measured <= floor.floor)
    }

    fn floors(&self, instructions: Option<u64>) -> Vec<Floor> {
        let floor =
            |what: String, measured, floor, goal, unit| Floor { what, measured, floor, goal, unit };
        let mut floors = Vec::new();
        for (at, actors) in [(0, 1), (1, ACTORS)] {
            let ratio = self.ratio(&["ractor"], |round| round.calls[at]);
            floors.push(floor(
                format!("call, {actors} actors, of ractor's time"),
                ratio,
                1.0,
                0.6,
                "x",
            ));
        }
        for (at, actors) in [(0, 1), (1, ACTORS)] {
            let ratio = self.ratio(&["ractor", "kameo"], |round| round.tells[at]);
            let what = format!("tell, {actors} actors, of the better of two's time");
            floors.push(floor(what, ratio, 1.0, 0.3, "x"));
        }
        #[allow(clippy::cast_precision_loss, reason = "fewer than 2^52")]
        if let Some(count) = instructions {
            let what = "instructions of a call".to_owned();
            floors.push(floor(what, count as f64, 2_500.0, 1_500.0, ""));
        }
        #[allow(clippy::cast_precision_loss, reason = "fewer than 2^52")]
        let idle = self.idle["guildhall"] as f64;
        floors.push(floor("bytes of an idle actor".to_owned(), idle, 900.0, 500.0, " B"));
        let activation = self.median_of("guildhall", |round| round.activation);
        let what = "activation and first call".to_owned();
        floors.push(floor(what, activation, 2_000.0, 1_000.0, " ns"));
        floors
    }

    fn median_of(&self, name: &str, of: fn(&Round) -> f64) -> f64 {
        median(self.rounds[name].iter().map(of).collect())
    }

    /// Ours as a part of the best of others, round by round.
    fn ratio(&self, others: &[&str], of: impl Fn(&Round) -> f64) -> f64 {
        let ours = self.rounds["guildhall"].iter().enumerate();
        let best = |at: usize| {
            let others = others.iter().map(|other| of(&self.rounds[other][at]));
            others.fold(f64::MAX, f64::min)
        };
        median(ours.map(|(at, round)| of(round) / best(at)).collect())
    }
}

type Of = fn(&Round) -> f64;

fn rows() -> [(String, Of); 5] {
    [
        ("call, 1 actor".to_owned(), |round| round.calls[0]),
        (format!("call, {ACTORS} actors"), |round| round.calls[1]),
        ("tell, 1 actor".to_owned(), |round| round.tells[0]),
        (format!("tell, {ACTORS} actors"), |round| round.tells[1]),
        ("activation and first call".to_owned(), |round| round.activation),
    ]
}
