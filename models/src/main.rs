//! The ownership protocol as a model.
#![allow(unreachable_pub, reason = "one program: nothing leaves it")]
#![allow(clippy::print_stdout, reason = "a command line speaks")]

mod clock;
mod mutations;
mod rules;
mod scenario;
mod scenarios;
mod search;
mod world;

use std::process::ExitCode;

fn main() -> ExitCode {
    let want = std::env::args().nth(1).unwrap_or_default();
    let mut total = 0;
    let mut wrong = 0;
    for s in scenarios::all().iter().chain(&mutations::all()).filter(|s| s.name.contains(&want)) {
        let found = search::run(s, 2);
        use std::io::Write; std::io::stdout().flush().unwrap();
        let surprises = found.surprises(s);
        println!("{:<55} {:<40} {:>9} {:>6.1} {:?}", s.name, s.shows_faults(), found.states, found.seconds, surprises);
        total += found.states;
        wrong += surprises.len();
        if !surprises.is_empty() {
            for (name, trace) in &found.traces {
                if name.starts_with("reached") { continue }
                println!("  {name}:");
                if *name == world::STUCK && std::env::var("DBG").is_ok() { search::Graph::debug(s, trace) }
                for step in trace { println!("     {step:?}"); }
            }
        }
    }
    println!("{total} {wrong}");
    ExitCode::SUCCESS
}
