//! [`check`]: runs a scenario in a simulated cluster with random faults, once per seed, and reports the first seed that fails.

mod chaos;
mod check;

use std::collections::BTreeSet;
use std::fmt::Display;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

pub use chaos::{Chaos, Fault};
pub use check::{Outcome, check, first_failure, trace_of};

use crate::Cluster;
use crate::net::SimNet;
use chaos::Ongoing;

/// Pause before an app that did not start is started again.
const START_AGAIN: Duration = Duration::from_millis(500);

/// Time after which apps close idle links, in ms: links come and go.
const IDLE_MS: u64 = 1_000;

/// Attempts of [`Sim::calm`] to start an app.
const STARTS_MAX: usize = 20;

/// A [`Cluster`] with random faults and a log, both determined by its seed.
///
/// [`check`] makes one per seed and has an example.
#[derive(Debug)]
pub struct Sim {
    cluster: Cluster,
    /// Faults that [`Sim::chaos`] has begun.
    ongoing: Vec<Ongoing>,
    /// Apps that it has killed.
    killed: BTreeSet<String>,
}

/// A handle to the log of a [`Sim`], for tasks.
#[derive(Clone)]
pub struct Logger(SimNet);

impl Sim {
    /// Makes a cluster without apps. With an odd seed, apps encode their calls to themselves; of each four seeds, apps of the first two
    /// dial all others at once, and apps of the last two close idle links after a second.
    ///
    /// # Panics
    /// The runtime's time is not paused.
    pub fn new(seed: u64) -> Self {
        let mut cluster = Cluster::new(seed);
        cluster.encode_own_calls(seed % 2 == 1);
        cluster.close_idle_links(if seed % 4 >= 2 { IDLE_MS } else { 0 });
        Self { cluster, ongoing: Vec::new(), killed: BTreeSet::new() }
    }

    /// Adds a line to the log, in order with the deliveries of the network. Log the results of calls: then the hash of the log shows whether two
    /// runs were equal, and its last lines are printed when a seed fails.
    pub fn log(&self, line: impl Display) {
        self.cluster.net.note(&line.to_string());
    }

    /// A handle for logging from a task.
    pub fn logger(&self) -> Logger {
        Logger(self.cluster.net.clone())
    }

    /// A random number below `bound`, determined by the seed.
    pub fn random_below(&self, bound: u64) -> u64 {
        self.cluster.env.random_below(bound)
    }

    /// Ends all faults, including the scenario's own: heals partitions, resumes paused apps, restarts the apps that [`Sim::chaos`] has killed,
    /// and waits until all apps are linked.
    ///
    /// # Panics
    /// An app does not start, or does not get its links within a minute of virtual time.
    ///
    /// # Cancel safety
    /// Dropping the future leaves some of the faults.
    pub async fn calm(&mut self) {
        // Some faults change state when they end: clocks jump back, and a killed lease backend starts again.
        for ongoing in std::mem::take(&mut self.ongoing) {
            if !matches!(ongoing.fault, Fault::Kill) {
                self.end(ongoing).await;
            }
        }
        self.cluster.heal_all();
        self.cluster.end_delays();
        self.cluster.end_faults();
        let apps = self.cluster.apps();
        apps.iter().filter(|id| self.cluster.runs(id)).for_each(|id| self.cluster.resume(id));
        for id in std::mem::take(&mut self.killed) {
            let mut starts = 1;
            while let Err(error) = self.cluster.restart(&id).await {
                assert!(starts < STARTS_MAX, "{id} does not start: {error}");
                starts += 1;
                self.cluster.advance(START_AGAIN).await;
            }
        }
        self.cluster.linked().await;
        self.log("calm");
    }
}

impl Logger {
    /// Adds a line to the log, as [`Sim::log`] does.
    pub fn log(&self, line: impl Display) {
        self.0.note(&line.to_string());
    }
}

impl Deref for Sim {
    type Target = Cluster;

    fn deref(&self) -> &Cluster {
        &self.cluster
    }
}

impl DerefMut for Sim {
    fn deref_mut(&mut self) -> &mut Cluster {
        &mut self.cluster
    }
}

impl std::fmt::Debug for Logger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Logger").finish_non_exhaustive()
    }
}
