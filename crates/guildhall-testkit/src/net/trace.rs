//! [`Trace`]: the log of a simulated network and of its test, for comparing two runs.

use std::fmt;
use std::hash::Hasher as _;
use std::sync::Arc;
use std::time::Duration;

use xxhash_rust::xxh3::Xxh3;

use super::stream::{Segment, StreamId};

/// How many events are kept to be shown. Later ones are only hashed.
const EVENTS_MAX: usize = 50_000;

/// Everything that a simulated network delivered and that the test has noted, in order, with virtual times and bytes.
///
/// Two runs of one scenario with one seed have equal traces; [`Trace::difference`] shows where they are not.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Trace {
    first: Vec<Event>,
    count: u64,
    hash: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Event {
    at: Duration,
    what: What,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum What {
    Delivered {
        from: Arc<str>,
        to: Arc<str>,
        stream: StreamId,
        segment: &'static str,
        /// Of bytes their number, of a first segment its port.
        number: usize,
        /// Of the bytes.
        hash: u64,
    },
    Noted(Arc<str>),
}

impl Trace {
    /// How many events there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Of all events: equal for two runs of one scenario with one seed.
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// What the test has noted, one line each: the last `max` of what is kept.
    pub fn notes(&self, max: usize) -> Vec<String> {
        let noted = |event: &&Event| matches!(event.what, What::Noted(_));
        let mut last: Vec<_> =
            self.first.iter().rev().filter(noted).take(max).map(Event::to_string).collect();
        last.reverse();
        last
    }

    /// Where the runs part, or `None` if they are equal.
    pub fn difference(&self, other: &Self) -> Option<String> {
        if self == other {
            return None;
        }
        let pairs = self.first.iter().zip(&other.first);
        let same = pairs.take_while(|(here, there)| here == there).count();
        let shown = |trace: &Self| match trace.first.get(same) {
            Some(event) => event.to_string(),
            None => format!("one of {} events, past those that are kept", trace.count),
        };
        Some(format!("event {same}: {}; in the other {}", shown(self), shown(other)))
    }

    pub(super) fn delivered(
        &mut self,
        at: Duration,
        (from, to): (Arc<str>, Arc<str>),
        stream: StreamId,
        segment: &Segment,
    ) {
        let (name, number) = match segment {
            Segment::Syn(port) => ("syn", usize::from(*port)),
            Segment::Open => ("open", 0),
            Segment::Refused => ("refused", 0),
            Segment::Bytes(bytes) => ("bytes", bytes.len()),
            Segment::Fin => ("fin", 0),
            Segment::Reset => ("reset", 0),
        };
        let hash = hash(0, segment);
        let what = What::Delivered { from, to, stream, segment: name, number, hash };
        self.add(Event { at, what });
    }

    pub(super) fn noted(&mut self, at: Duration, text: &str) {
        self.add(Event { at, what: What::Noted(text.into()) });
    }

    fn add(&mut self, event: Event) {
        self.count += 1;
        self.hash = hash(self.hash, &event);
        if self.first.len() < EVENTS_MAX {
            self.first.push(event);
        }
    }
}

/// One line per event.
impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.first.iter().try_for_each(|event| writeln!(f, "{event}"))
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} ", self.at)?;
        match &self.what {
            What::Noted(text) => f.write_str(text),
            What::Delivered { from, to, stream, segment, number, hash } => {
                write!(f, "{from} -> {to} #{stream} {segment} {number} {hash:016x}")
            }
        }
    }
}

fn hash(before: u64, what: &impl std::hash::Hash) -> u64 {
    let mut hasher = Xxh3::with_seed(before);
    what.hash(&mut hasher);
    hasher.finish()
}
