//! [`Chaos`]: which faults come at random, to whom, how often and how many at once.

use std::ops::Range;
use std::time::Duration;

use guildhall_core::env::Instant;

use super::{START_AGAIN, Sim};
use crate::{Seam, SeamFaults};

/// What may go wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// An app is killed, and started again at the end of the fault.
    Kill,
    /// An app is paused.
    Pause,
    /// Nothing gets from an app to another, either way.
    Partition,
    /// Nothing gets from an app to another, or back, but not both.
    OneWayPartition,
    /// What travels between two apps takes as long, each way.
    Delay(Range<Duration>),
    /// A backend has faults for an app; now and then for all.
    Seam(Seam, SeamFaults),
    /// The lease backend is killed, and begins anew at the end of the fault.
    LeasesRestart,
    /// The disk of the store and of the lease backend is full.
    DiskFull,
    /// The wall clock of an app jumps, by up to so much, ahead or back; at the end of the fault it jumps back. What an app starts
    /// meanwhile has that clock too.
    ClockStep(Duration),
    /// The monotonic clock of an app is off by up to so much, either way. Leases stand what is well within `ownership.margin_ms`.
    ClockSkew(Duration),
}

/// Faults at random. Everything is within reach: begin with [`Chaos::default`] and set what should differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chaos {
    /// What may go wrong.
    pub faults: Vec<Fault>,
    /// Which apps it may happen to: those whose ids begin so. One of the two apps of a partition or delay is one of them.
    pub apps: String,
    /// How many faults there are at once.
    pub at_once: usize,
    /// How long after the beginning of a fault the next one begins.
    pub every: Range<Duration>,
    /// How long a fault lasts. Leases run for 5 seconds, where nothing else is set: some should last longer.
    pub lasts: Range<Duration>,
}

impl Default for Chaos {
    /// Everything, to all apps, at most two faults at once, each for up to 8 seconds.
    fn default() -> Self {
        let ms = Duration::from_millis;
        let mut faults = vec![
            Fault::Kill,
            Fault::Pause,
            Fault::Partition,
            Fault::OneWayPartition,
            Fault::Delay(ms(20)..ms(800)),
        ];
        for seam in Seam::ALL {
            faults.extend([
                Fault::Seam(seam, SeamFaults::away()),
                Fault::Seam(seam, SeamFaults::slow(ms(5)..ms(1_500))),
                Fault::Seam(seam, SeamFaults::unsure(20)),
            ]);
        }
        faults.extend([
            Fault::LeasesRestart,
            Fault::LeasesRestart,
            Fault::DiskFull,
            Fault::ClockStep(Duration::from_secs(8 * 3_600)),
            Fault::ClockSkew(ms(100)),
        ]);
        let (every, lasts) = (ms(100)..ms(2_000), ms(50)..ms(8_000));
        Self { faults, apps: String::new(), at_once: 2, every, lasts }
    }
}

impl Chaos {
    /// As the default, among the apps whose ids begin so.
    pub fn among(apps: impl Into<String>) -> Self {
        Self { apps: apps.into(), ..Self::default() }
    }

    /// As the default, with these faults alone.
    pub fn of(faults: impl IntoIterator<Item = Fault>) -> Self {
        Self { faults: faults.into_iter().collect(), ..Self::default() }
    }
}

const NS_PER_MS: i64 = 1_000_000;

/// A fault that has begun.
#[derive(Debug, PartialEq)]
pub(super) struct Ongoing {
    pub(super) fault: Fault,
    /// One app, or two; none are all.
    apps: Vec<String>,
    until: Instant,
}

/// Two faults of one kind at one place would end together: there is one at a time.
#[derive(PartialEq, Eq)]
enum Kind {
    Process,
    Partition,
    Delay,
    Seam(Seam),
    Disk,
    Wall,
    Skew,
}

impl Fault {
    fn kind(&self) -> Kind {
        match self {
            Self::Kill | Self::Pause => Kind::Process,
            Self::Partition | Self::OneWayPartition => Kind::Partition,
            Self::Delay(_) => Kind::Delay,
            Self::Seam(seam, _) => Kind::Seam(*seam),
            Self::LeasesRestart => Kind::Seam(Seam::Leases),
            Self::DiskFull => Kind::Disk,
            Self::ClockStep(_) => Kind::Wall,
            Self::ClockSkew(_) => Kind::Skew,
        }
    }
}

impl Sim {
    /// Lets faults begin and end at random for so long. Those that have not ended then go on until [`Sim::calm`].
    ///
    /// # Cancel safety
    /// Dropped, it leaves the faults that there are; an app that was about to start again may neither run nor have been killed.
    pub async fn chaos(&mut self, chaos: &Chaos, lasts: Duration) {
        let env = self.cluster.env.clone();
        let end = env.now() + lasts;
        let mut next = env.now() + self.random_of(&chaos.every);
        loop {
            let soonest = self.ongoing.iter().map(|ongoing| ongoing.until).min();
            let soonest = soonest.map_or(next, |over| over.min(next));
            env.sleep_until(soonest.min(end)).await;
            if env.now() >= end {
                return;
            }
            let is_over = |ongoing: &mut Ongoing| ongoing.until <= env.now();
            let over: Vec<_> = self.ongoing.extract_if(.., is_over).collect();
            for ongoing in over {
                self.end(ongoing).await;
            }
            if env.now() >= next {
                if self.ongoing.len() < chaos.at_once {
                    self.begin(chaos);
                }
                next = env.now() + self.random_of(&chaos.every);
            }
        }
    }

    /// Begins a fault, unless there is one of its kind where it would be.
    fn begin(&mut self, chaos: &Chaos) {
        let Some(fault) = self.one_of(&chaos.faults) else { return };
        let all = self.cluster.apps();
        let may: Vec<_> = all.iter().filter(|id| id.starts_with(&chaos.apps)).cloned().collect();
        let Some(app) = self.one_of(&may) else { return };
        let apps = match fault.kind() {
            Kind::Process | Kind::Wall | Kind::Skew => vec![app],
            Kind::Disk => Vec::new(),
            Kind::Seam(_) if fault == Fault::LeasesRestart => Vec::new(),
            Kind::Partition | Kind::Delay => {
                let others: Vec<_> = all.into_iter().filter(|id| *id != app).collect();
                let Some(other) = self.one_of(&others) else { return };
                if self.random_below(2) == 0 { vec![app, other] } else { vec![other, app] }
            }
            Kind::Seam(_) => {
                if self.random_below(4) == 0 {
                    Vec::new()
                } else {
                    vec![app]
                }
            }
        };
        let until = self.cluster.env.now() + self.random_of(&chaos.lasts);
        let ongoing = Ongoing { fault, apps, until };
        let meets = |other: &Ongoing| other.meets(&ongoing);
        if self.ongoing.iter().any(meets) {
            return;
        }
        self.log(format_args!("begins: {ongoing}"));
        match (&ongoing.fault, &ongoing.apps[..]) {
            (Fault::Kill, [app]) if self.runs(app) => {
                self.cluster.kill(app);
                self.killed.insert(app.clone());
            }
            (Fault::Pause, [app]) if self.runs(app) => self.pause(app),
            (Fault::Partition, [a, b]) => self.partition(a, b),
            (Fault::OneWayPartition, [a, b]) => self.partition_one_way(a, b),
            (Fault::Delay(delay), [a, b]) => self.delay(a, b, delay.clone()),
            (Fault::Seam(seam, faults), [app]) => self.set_faults(app, *seam, faults.clone()),
            (Fault::Seam(seam, faults), _) => self.set_faults_of_all(*seam, faults),
            (Fault::LeasesRestart, _) => {
                self.set_faults_of_all(Seam::Leases, &SeamFaults::away());
            }
            (Fault::DiskFull, _) => self.set_disk_full(true),
            (Fault::ClockStep(most), [app]) => {
                let ahead = self.random_within(*most) * NS_PER_MS;
                self.set_wall_step_of(app, ahead);
            }
            (Fault::ClockSkew(most), [app]) if self.runs(app) => {
                let ahead = self.random_within(*most) * NS_PER_MS;
                self.cluster.env(app).set_skew(ahead);
            }
            // One that the scenario has killed.
            _ => return,
        }
        self.ongoing.push(ongoing);
    }

    pub(super) async fn end(&mut self, mut ongoing: Ongoing) {
        self.log(format_args!("ends: {ongoing}"));
        match (&ongoing.fault, &ongoing.apps[..]) {
            (Fault::Kill, [app]) if self.killed.contains(app) => {
                if let Err(error) = self.cluster.restart(app).await {
                    self.log(format_args!("{app} does not start: {error}"));
                    ongoing.until = self.cluster.env.now() + START_AGAIN;
                    self.ongoing.push(ongoing);
                } else {
                    self.killed.remove(app);
                }
            }
            (Fault::Pause, [app]) if self.runs(app) => self.resume(app),
            (Fault::Partition | Fault::OneWayPartition, [a, b]) => self.heal(a, b),
            (Fault::Delay(_), [a, b]) => self.end_delay(a, b),
            (Fault::Seam(seam, _), [app]) => self.set_faults(app, *seam, SeamFaults::default()),
            (Fault::Seam(seam, _), _) => self.set_faults_of_all(*seam, &SeamFaults::default()),
            (Fault::LeasesRestart, _) => {
                self.restart_leases();
                self.set_faults_of_all(Seam::Leases, &SeamFaults::default());
            }
            (Fault::DiskFull, _) => self.set_disk_full(false),
            (Fault::ClockStep(_), [app]) => self.set_wall_step_of(app, 0),
            (Fault::ClockSkew(_), [app]) if self.runs(app) => self.cluster.env(app).set_skew(0),
            _ => {}
        }
    }

    fn one_of<T: Clone>(&self, all: &[T]) -> Option<T> {
        let place = self.random_below(all.len() as u64);
        all.get(usize::try_from(place).ok()?).cloned()
    }

    /// In ms, ahead or back.
    fn random_within(&self, most: Duration) -> i64 {
        let most = i64::try_from(most.as_millis()).unwrap_or(i64::MAX / 4);
        let drawn = self.random_below(u64::try_from(2 * most + 1).unwrap_or(1));
        i64::try_from(drawn).unwrap_or_default() - most
    }

    fn random_of(&self, range: &Range<Duration>) -> Duration {
        let span = range.end.saturating_sub(range.start).as_millis();
        range.start
            + Duration::from_millis(self.random_below(u64::try_from(span).unwrap_or(u64::MAX)))
    }
}

impl Ongoing {
    fn meets(&self, other: &Self) -> bool {
        let place = |ongoing: &Self| {
            let mut apps = ongoing.apps.clone();
            apps.sort_unstable();
            apps
        };
        let everywhere = self.apps.is_empty() || other.apps.is_empty();
        self.fault.kind() == other.fault.kind() && (everywhere || place(self) == place(other))
    }
}

impl std::fmt::Display for Ongoing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let apps = if self.apps.is_empty() { "all".to_owned() } else { self.apps.join(" ") };
        match &self.fault {
            Fault::Seam(seam, faults) => write!(f, "{seam:?} {faults} of {apps}"),
            fault => write!(f, "{fault:?} of {apps}"),
        }
    }
}
