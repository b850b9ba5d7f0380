//! [`check`]: runs a scenario in a cluster once for each of many seeds, with faults at random, and says which seed fails.

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

/// How long an app waits that could not be started, before it is started again.
const START_AGAIN: Duration = Duration::from_millis(500);

/// How often [`Sim::calm`] starts an app.
const STARTS_MAX: usize = 20;

/// A [`Cluster`] with faults at random and a log, all from its seed. See [`check`].
#[derive(Debug)]
pub struct Sim {
    cluster: Cluster,
    /// The faults that [`Sim::chaos`] has begun.
    ongoing: Vec<Ongoing>,
    /// Those that it has killed.
    killed: BTreeSet<String>,
}

/// Writes lines into the log of a [`Sim`], from wherever it is taken to.
#[derive(Clone)]
pub struct Logger(SimNet);

impl Sim {
    /// Makes a cluster without apps.
    ///
    /// # Panics
    /// Where time is not paused.
    pub fn new(seed: u64) -> Self {
        Self { cluster: Cluster::new(seed), ongoing: Vec::new(), killed: BTreeSet::new() }
    }

    /// Notes a line in the log, between what the network delivered before and after it. A scenario notes what happened to its
    /// callers: then its hash tells whether two runs were equal, and its last lines are shown when a seed fails.
    pub fn log(&self, line: impl Display) {
        self.cluster.net.note(&line.to_string());
    }

    /// What logs elsewhere: in a task.
    pub fn logger(&self) -> Logger {
        Logger(self.cluster.net.clone())
    }

    /// A random number below `bound`, from the seed.
    pub fn random_below(&self, bound: u64) -> u64 {
        self.cluster.env.random_below(bound)
    }

    /// Ends all faults, those of the scenario's own too: heals, resumes, restarts what [`Sim::chaos`] has killed, and waits until
    /// all apps are linked.
    ///
    /// # Panics
    /// An app cannot be started, or does not get its links within a minute of virtual time.
    ///
    /// # Cancel safety
    /// Dropped, it leaves some of the faults.
    pub async fn calm(&mut self) {
        // What the end of a fault does beside ending it: clocks jump back, and a killed lease backend begins anew.
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
    /// As [`Sim::log`].
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
