//! [`Chaos`]: random faults: which, to which apps, how often, and how many at once.

use std::ops::Range;
use std::time::Duration;

use guildhall_core::env::Instant;

use super::{START_AGAIN, Sim};
use crate::{Seam, SeamFaults};

/// A fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// An app is killed, and restarted at the end of the fault.
    Kill,
    /// An app is paused.
    Pause,
    /// Two apps are partitioned: the network delivers nothing in either direction.
    Partition,
    /// The network delivers nothing in one direction between two apps.
    OneWayPartition,
    /// Network latency between two apps, each way.
    Delay(Range<Duration>),
    /// A backend has faults for one app, and sometimes for all apps.
    Seam(Seam, SeamFaults),
    /// The lease backend is killed, and restarted at the end of the fault.
    LeasesRestart,
    /// The disk of the store and of the lease backend is full.
    DiskFull,
    /// The wall clock of an app jumps by up to this duration, ahead or back; at the end of the fault it jumps back. An app that is
    /// restarted meanwhile has the same clock.
    ClockStep(Duration),
    /// The monotonic clock of an app is off by up to this duration, either way. Leases tolerate values well within `ownership.margin_ms`.
    ClockSkew(Duration),
}

/// Random faults. Start from [`Chaos::default`] and change single fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chaos {
    /// The faults to choose from.
    pub faults: Vec<Fault>,
    /// Prefix of the ids of affected apps. At least one of the two apps of a partition or delay has it.
    pub apps: String,
    /// Number of faults at once.
    pub at_once: usize,
    /// Time from the beginning of a fault to the beginning of the next one.
    pub every: Range<Duration>,
    /// Duration of a fault. Some should exceed the TTL of leases, 5 seconds by default.
    pub lasts: Range<Duration>,
}

impl Default for Chaos {
    /// All faults, for all apps, at most two at once, each for up to 8 seconds.
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
    /// The default, for apps whose ids begin with `apps`.
    pub fn among(apps: impl Into<String>) -> Self {
        Self { apps: apps.into(), ..Self::default() }
    }

    /// The default, with these faults only.
    pub fn of(faults: impl IntoIterator<Item = Fault>) -> Self {
        Self { faults: faults.into_iter().collect(), ..Self::default() }
    }
}

const NS_PER_MS: i64 = 1_000_000;

/// A fault in progress.
#[derive(Debug, PartialEq)]
pub(super) struct Ongoing {
    pub(super) fault: Fault,
    /// One app, or two; empty: all apps.
    apps: Vec<String>,
    until: Instant,
}

/// Two faults of one kind at one place would end together, so there is at most one at a time.
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
