//! The ownership protocol as a model, and all that can happen to it.
//!
//! `cargo run --release -p models [-- PART OF A NAME]` prints one line per scenario: what is there, its faults, the states that were
//! looked at, seconds, and whether it is as expected. It ends with 1 if anything is not; then it shows the steps that led there.
//! `cargo run --release -p models -- --steps NAME` shows the steps of what a mutation finds.
//!
//! `models/README.md` says how to read it, and what it does not cover.

#![allow(unreachable_pub, reason = "one program: nothing leaves it")]
#![allow(clippy::print_stdout, reason = "a command line speaks")]

mod search;
mod clock;
mod rules;
mod scenario;
mod script;
mod world;
mod scenarios;
mod mutations;
mod session;
#[cfg(test)]
mod tests;

use std::process::ExitCode;

use clock::CLOCKS;
use search::{Checked, Found, REACHED};

/// Of stateright's search; what must stay in reach is searched by one.
const THREADS: usize = 2;

/// What was looked at so far.
#[derive(Default)]
struct Sum {
    runs: usize,
    states: usize,
    seconds: f64,
    surprises: usize,
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let steps = args.iter().any(|arg| arg == "--steps");
    let part = args.iter().find(|arg| *arg != "--steps").map_or("", String::as_str);
    let mut sum = Sum::default();
    for clock in CLOCKS.iter().filter(|clock| clock.name.contains(part)) {
        let (states, holds) = clock.check();
        let found = Found::<()>::of_clock(states, holds);
        let wrong = if holds == clock.holds { Vec::new() } else { vec!["not as expected".into()] };
        sum.add(clock.name, "drift", &found, clock.holds, &wrong);
    }
    let all = scenarios::all().into_iter().chain(mutations::all());
    for scenario in all.filter(|scenario| scenario.name.contains(part)) {
        sum.run(scenario.name, &scenario.shows_faults(), &scenario, steps);
    }
    let all = session::scenarios().into_iter().chain(session::mutations());
    for scenario in all.filter(|scenario| scenario.name.contains(part)) {
        sum.run(scenario.name, &scenario.faults.shown(), &scenario, steps);
    }
    let Sum { runs, states, seconds, surprises } = sum;
    println!("{runs} runs, {states} states, {seconds:.0} s, {surprises} not as expected");
    // A name that nothing has is a mistake.
    if surprises == 0 && runs > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

impl Sum {
    fn run<M: Checked>(&mut self, name: &str, faults: &str, scenario: &M, steps: bool) {
        let found = search::run(scenario, THREADS);
        let wrong = found.surprises(scenario);
        self.add(name, faults, &found, scenario.finds().is_empty(), &wrong);
        if steps || !wrong.is_empty() {
            show_steps(scenario, &found);
        }
    }

    fn add<Step>(
        &mut self,
        name: &str,
        faults: &str,
        found: &Found<Step>,
        holds: bool,
        wrong: &[String],
    ) {
        let end = match (wrong, holds) {
            ([], true) => "holds".into(),
            ([], false) => "finds".into(),
            (wrong, _) => format!("NOT AS EXPECTED: {}", wrong.join("; ")),
        };
        let Found { states, seconds, .. } = found;
        println!("{name:<66} {faults:<46} {states:>8} {seconds:>5.1} s  {end}");
        self.runs += 1;
        self.states += states;
        self.seconds += seconds;
        self.surprises += usize::from(!wrong.is_empty());
    }
}

/// The shortest way to what was found. What was only to be reached is left out.
fn show_steps<M: Checked>(scenario: &M, found: &Found<M::Action>) {
    let finds = scenario.finds();
    // Whether the property is one that the scenario is about, if it is about any.
    let is_about = |name: &&str| finds.is_empty() || finds.contains(name);
    let broken = found.traces.iter().filter(|(name, _)| !name.starts_with(REACHED));
    for (name, steps) in broken.filter(|(name, _)| is_about(name)) {
        println!("  {name}:");
        for step in steps {
            println!("    {step:?}");
        }
    }
}
