//! How long a crash and a move are felt by who calls what has crashed or moves, when nothing else goes wrong. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::history::{At, History, Record};

/// A time in which one thing happened, and nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) what: What,
    pub(crate) begun: At,
    pub(crate) ended: At,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Nothing,
    /// The owner in this process was lost when it began.
    Lost(Loss, u64),
    /// A process was told to end when it began, and is back.
    Moved,
}

/// How an owner is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Loss {
    /// SIGKILL.
    Killed,
    /// SIGSTOP, for longer than its lease.
    Hung,
    /// Nothing gets to it or from it.
    CutOff,
    /// One hangs, and another does while the first is replaced.
    TwoHung,
}

impl Loss {
    /// As the result names it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Killed => "kill",
            Self::Hung => "stop",
            Self::CutOff => "cut",
            Self::TwoHung => "two_stops",
        }
    }

    /// How many leases are over before all is served again.
    pub(crate) fn leases(self) -> u32 {
        match self {
            Self::TwoHung => 2,
            Self::Killed | Self::Hung | Self::CutOff => 1,
        }
    }
}

/// How long things took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Measures {
    /// From the loss of an owner to the first answer for the last role that was owned there, and that role.
    pub(crate) takeovers: BTreeMap<Loss, (Duration, String)>,
    /// Of calls while nothing goes wrong.
    pub(crate) usual_p99: Duration,
    /// Of calls to roles while they move.
    pub(crate) moving_p99: Duration,
    pub(crate) moving_max: Duration,
    /// How many of these there were.
    pub(crate) moving: usize,
}

/// Measures what was done in these times.
pub(crate) fn measure(histories: &[History], windows: &[Window]) -> Measures {
    let mut measures = Measures::default();
    let (mut usual, mut moving) = (Vec::new(), Vec::new());
    for window in windows {
        for history in histories {
            let begun =
                |record: &&Record| window.begun <= record.begun && record.begun < window.ended;
            let times =
                history.records.iter().filter(begun).map(|record| record.ended - record.begun);
            match window.what {
                What::Nothing => usual.extend(times),
                What::Moved if moves(history, window) => moving.extend(times),
                What::Moved => {}
                What::Lost(loss, process) => {
                    let longest = measures.takeovers.get(&loss).map(|(took, _)| *took);
                    if let Some(took) = takeover(history, window, process)
                        && Some(took) > longest
                    {
                        measures.takeovers.insert(loss, (took, history.player.clone()));
                    }
                }
            }
        }
    }
    usual.sort_unstable();
    moving.sort_unstable();
    measures.usual_p99 = p99(&usual);
    measures.moving_p99 = p99(&moving);
    measures.moving_max = moving.last().copied().unwrap_or_default();
    measures.moving = moving.len();
    measures
}

/// Who answered last before a time.
fn owner(history: &History, before: At) -> Option<u64> {
    let known = history.records.iter().filter(|record| record.ended < before);
    known.filter_map(|record| Some((record.ended, record.by?))).max().map(|(_, by)| by)
}

/// Whether another process answers in this time than before.
fn moves(history: &History, window: &Window) -> bool {
    let before = owner(history, window.begun);
    let within = |record: &&Record| window.begun <= record.ended && record.ended < window.ended;
    let mut answers = history.records.iter().filter(within).filter_map(|record| record.by);
    before.is_some() && answers.any(|by| Some(by) != before)
}

/// How long after the loss the role is answered for again; `None` where it was not owned there.
fn takeover(history: &History, window: &Window, process: u64) -> Option<Duration> {
    if owner(history, window.begun) != Some(process) {
        return None;
    }
    let answered =
        |record: &&Record| record.ended > window.begun && record.by.is_some_and(|by| by != process);
    let first = history.records.iter().filter(answered).map(|record| record.ended).min();
    Some(first.unwrap_or(window.ended).saturating_sub(window.begun))
}

fn p99(sorted: &[Duration]) -> Duration {
    let at = (sorted.len() * 99).div_ceil(100);
    sorted.get(at.saturating_sub(1)).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{Asked, Outcome};

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// Reads that took from one time to another, each answered by a process.
    fn history(reads: &[(u64, u64, u64)]) -> History {
        let record = |(begun, ended, by): &(u64, u64, u64)| Record {
            asked: Asked::Read,
            begun: ms(*begun),
            ended: ms(*ended),
            outcome: Outcome::Listed(0),
            by: Some(*by),
        };
        History { records: reads.iter().map(record).collect(), ..History::default() }
    }

    fn window(what: What, begun: u64, ended: u64) -> Window {
        Window { what, begun: ms(begun), ended: ms(ended) }
    }

    #[test]
    fn a_takeover_ends_with_the_first_answer_of_another_for_the_last_role_of_who_was_killed() {
        let one = history(&[(0, 10, 7), (95, 101, 7), (150, 400, 8), (410, 420, 8)]);
        let last = history(&[(0, 10, 7), (90, 900, 9)]);
        let of_another = history(&[(0, 10, 8), (90, 5000, 9)]);
        let killed = [window(What::Lost(Loss::Killed, 7), 100, 8000)];
        let measured = |histories: &[History]| {
            let measures = measure(histories, &killed);
            measures.takeovers.get(&Loss::Killed).map(|(took, _)| *took)
        };
        assert_eq!(measured(&[one.clone(), last, of_another.clone()]), Some(ms(800)));
        assert_eq!(measured(&[one]), Some(ms(300)));
        assert_eq!(measured(&[of_another]), None);
        // Nobody has answered.
        assert_eq!(measured(&[history(&[(0, 10, 7)])]), Some(ms(7900)));
    }

    #[test]
    fn calls_to_what_moves_are_those_to_roles_that_another_process_answers_for() {
        let moved = history(&[(0, 10, 7), (100, 150, 8), (200, 203, 8)]);
        let stayed = history(&[(0, 20, 9), (100, 900, 9)]);
        let windows = [window(What::Nothing, 0, 50), window(What::Moved, 90, 1000)];
        let measured = measure(&[moved, stayed], &windows);
        assert_eq!((measured.usual_p99, measured.moving_p99), (ms(20), ms(50)));
        assert_eq!((measured.moving_max, measured.moving), (ms(50), 2));
    }
}
