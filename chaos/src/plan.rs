//! Which faults come when: all from the seed, before the run begins. Pure.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

/// The processes that the game consists of, by `func.inst`.
#[derive(Clone, Debug)]
pub(crate) struct Cast {
    /// What has the leases and the store: the hub, or servers.
    pub(crate) backends: Vec<String>,
    pub(crate) roles: Vec<String>,
    pub(crate) gates: Vec<String>,
    /// All else.
    pub(crate) rest: String,
}

/// Which way of a connection is cut; who dials does not matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Both,
    /// From the first to the second alone.
    Forth,
    Back,
}

/// What becomes of the connections that are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Nothing moves; afterwards all comes late.
    Late,
    /// Nothing moves; then they end.
    Lost,
    /// They end at once, and new ones are refused meanwhile.
    Refused,
}

/// Something that goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// SIGKILL, and a start after `down`.
    Kill { app: String, down: Duration },
    /// SIGSTOP, and SIGCONT after `pause`.
    Stop { app: String, pause: Duration },
    /// SIGSTOP of an owner for longer than its lease lasts; it goes on together with a backend that was killed for `down`, while others
    /// own what was its, and are read from.
    Away { app: String, backend: String, pause: Duration, down: Duration },
    /// Between two, or one and all others where the second is missing.
    Cut { one: String, other: Option<String>, way: Way, cut: Cut, time: Duration },
    /// Everything between the two comes later.
    Delay { one: String, other: Option<String>, by: Duration, time: Duration },
    /// SIGTERM: it hands over what it has and ends; then a start.
    Move { app: String },
    /// When all else is well, one after the other, to be measured: SIGKILL of an owner, SIGSTOP of one, one cut off from all others, two
    /// that hang one after the other, SIGTERM of one.
    Probe { owners: [String; 3] },
}

/// A fault, and when it comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) at: Duration,
    pub(crate) fault: Fault,
}

/// Before the first fault: everybody has been served once.
const BEGIN: Duration = Duration::from_secs(2);
/// Between one fault and the next, in ms.
const PAUSE_MS: std::ops::RangeInclusive<u64> = 800..=3200;

/// Between one probe and the next. The first is the first fault of a run.
const PROBES: Duration = Duration::from_secs(150);
/// About what a probe takes.
pub(crate) const PROBE: Duration = Duration::from_secs(64);
/// Shorter runs have none.
const PROBED_FROM: Duration = Duration::from_secs(90);

/// The faults of a run.
pub(crate) fn plan(seed: u64, time: Duration, cast: &Cast) -> Vec<Event> {
    let mut rng = StdRng::seed_from_u64(seed);
    let (mut at, mut events, mut probe) = (BEGIN, Vec::new(), BEGIN);
    while at + Duration::from_secs(1) < time {
        if at >= probe && at + PROBE < time && time >= PROBED_FROM {
            // Different ones, where there are as many.
            let first = rng.random_range(0..cast.roles.len().max(1));
            let next = |at| cast.roles.iter().cycle().nth(first + at).cloned().unwrap_or_default();
            let owners = std::array::from_fn(next);
            events.push(Event { at, fault: Fault::Probe { owners } });
            (at, probe) = (at + PROBE, at + PROBES);
        }
        events.push(Event { at, fault: fault(&mut rng, cast) });
        at += ms(&mut rng, PAUSE_MS);
    }
    events
}

/// Of a hundred: 20 kills, 8 long stops with a new backend at the end, 16 stops, 32 cuts, 10 delays, 14 moves.
fn fault(rng: &mut StdRng, cast: &Cast) -> Fault {
    match rng.random_range(0..100) {
        0..20 => {
            let app = process(rng, cast);
            Fault::Kill { app, down: ms(rng, 50..=2000) }
        }
        20..28 => {
            let app = one_of(rng, &cast.roles);
            let backend = one_of(rng, &cast.backends);
            Fault::Away { app, backend, pause: ms(rng, 7_500..=10_000), down: ms(rng, 50..=2000) }
        }
        28..44 => {
            let app = process(rng, cast);
            Fault::Stop { app, pause: ms(rng, 500..=8000) }
        }
        44..76 => {
            let (one, other) = link(rng, cast);
            let way = [Way::Both, Way::Both, Way::Forth, Way::Back][rng.random_range(0..4)];
            let cut = [Cut::Late, Cut::Lost, Cut::Refused][rng.random_range(0..3)];
            Fault::Cut { one, other, way, cut, time: ms(rng, 300..=8000) }
        }
        76..86 => {
            let (one, other) = link(rng, cast);
            Fault::Delay { one, other, by: ms(rng, 20..=800), time: ms(rng, 1000..=6000) }
        }
        _ => Fault::Move { app: one_of(rng, &cast.roles) },
    }
}

/// Who owns something, mostly.
fn process(rng: &mut StdRng, cast: &Cast) -> String {
    match rng.random_range(0..100) {
        0..74 => one_of(rng, &cast.roles),
        74..84 => one_of(rng, &cast.gates),
        84..94 => one_of(rng, &cast.backends),
        _ => cast.rest.clone(),
    }
}

fn link(rng: &mut StdRng, cast: &Cast) -> (String, Option<String>) {
    let role = one_of(rng, &cast.roles);
    match rng.random_range(0..100) {
        0..35 => (role, Some(one_of(rng, &cast.backends))),
        35..60 => (one_of(rng, &cast.gates), Some(role)),
        60..75 => {
            let others: Vec<_> = cast.roles.iter().filter(|other| **other != role).collect();
            let other = others.get(rng.random_range(0..others.len().max(1)));
            (role, other.map(|other| (*other).clone()))
        }
        75..82 => (one_of(rng, &cast.gates), Some(one_of(rng, &cast.backends))),
        82..88 => (cast.rest.clone(), Some(one_of(rng, &cast.backends))),
        // From everybody.
        _ => (role, None),
    }
}

fn one_of(rng: &mut StdRng, names: &[String]) -> String {
    names.get(rng.random_range(0..names.len().max(1))).cloned().unwrap_or_default()
}

fn ms(rng: &mut StdRng, range: std::ops::RangeInclusive<u64>) -> Duration {
    Duration::from_millis(rng.random_range(range))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cast() -> Cast {
        let names = |func: &str, n: u32| (1..=n).map(|i| format!("{func}.{i}")).collect();
        let (backends, rest) = (vec!["hub.1".into()], "rest.1".into());
        Cast { backends, roles: names("role", 4), gates: names("gate", 2), rest }
    }

    #[test]
    fn one_seed_is_one_plan() {
        let time = Duration::from_secs(300);
        assert_eq!(plan(7, time, &cast()), plan(7, time, &cast()));
        assert_ne!(plan(7, time, &cast()), plan(8, time, &cast()));
    }

    #[test]
    fn every_run_has_more_faults_than_it_must_have_and_long_ones_have_all_kinds() {
        for seed in 0..100 {
            for seconds in [20, 40, 300] {
                let events = plan(seed, Duration::from_secs(seconds), &cast());
                assert!(events.len() as u64 > seconds / 6, "{seed}: {}", events.len());
            }
            let events = plan(seed, Duration::from_secs(300), &cast());
            let kinds = [
                |fault: &Fault| matches!(fault, Fault::Kill { .. }),
                |fault: &Fault| matches!(fault, Fault::Stop { .. }),
                |fault: &Fault| matches!(fault, Fault::Cut { .. }),
                |fault: &Fault| matches!(fault, Fault::Away { .. }),
                |fault: &Fault| matches!(fault, Fault::Delay { .. }),
                |fault: &Fault| matches!(fault, Fault::Move { .. }),
            ];
            assert!(kinds.iter().all(|is| events.iter().any(|event| is(&event.fault))), "{seed}");
            let probes = events.iter().filter(|e| matches!(e.fault, Fault::Probe { .. }));
            assert_eq!(probes.count(), 2, "{seed}");
        }
    }
}
