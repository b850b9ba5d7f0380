//! The path between two hosts: latency, and partitions.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use guildhall_core::Env;

/// Latency where nobody has set one: a network within a building. Less than tokio's clock can show, but it decides the order.
const NEAR: Range<Duration> = Duration::from_micros(100)..Duration::from_micros(500);

/// Place of a host in the order in which they were added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct HostId(pub(super) u16);

/// From one host to another.
pub(super) type Way = (HostId, HostId);

/// All ways that differ from the usual.
#[derive(Default)]
pub(super) struct Paths(BTreeMap<Way, Path>);

#[derive(Default)]
struct Path {
    delay: Option<Range<Duration>>,
    cut: bool,
}

impl Paths {
    /// `None` is the usual latency.
    pub(super) fn delay(&mut self, way: Way, delay: Option<Range<Duration>>) {
        self.0.entry(way).or_default().delay = delay;
    }

    pub(super) fn all_near(&mut self) {
        self.0.values_mut().for_each(|path| path.delay = None);
    }

    /// Whether that is news.
    pub(super) fn set_cut(&mut self, way: Way, cut: bool) -> bool {
        let path = self.0.entry(way).or_default();
        std::mem::replace(&mut path.cut, cut) != cut
    }

    pub(super) fn is_cut(&self, way: Way) -> bool {
        self.0.get(&way).is_some_and(|path| path.cut)
    }

    pub(super) fn all_cut(&self) -> Vec<Way> {
        self.0.iter().filter(|(_, path)| path.cut).map(|(way, _)| *way).collect()
    }

    /// How long something that is sent now travels.
    pub(super) fn latency(&self, way: Way, env: &Env) -> Duration {
        let delay = self.0.get(&way).and_then(|path| path.delay.as_ref()).unwrap_or(&NEAR);
        let span = delay.end.saturating_sub(delay.start).as_nanos();
        let span = u64::try_from(span).unwrap_or(u64::MAX);
        delay.start + Duration::from_nanos(env.random_below(span))
    }
}
