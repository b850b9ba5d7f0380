//! Calls by method and code: those that this app makes, and those that it serves.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use guildhall_core::{Code, MethodDesc};

use crate::metrics::{Counter, Family, Histogram, MetricError, Metrics, SECONDS};
use crate::service::IdHasher;

/// Codes of a status, `Ok` included.
const CODES: usize = 17;

/// The counters of one method by code, each there once it is needed.
#[derive(Debug)]
struct Outcomes {
    family: Family<Counter, 2>,
    method: &'static str,
    by_code: [OnceLock<Counter>; CODES],
}

impl Outcomes {
    fn new(family: &Family<Counter, 2>, method: &'static str) -> Self {
        Self { family: family.clone(), method, by_code: Default::default() }
    }

    #[inline]
    fn add(&self, code: Code) {
        if let Some(counter) = self.by_code.get(code as usize) {
            counter.get_or_init(|| self.family.with(&[self.method, code.name()])).add(1);
        }
    }
}

type ById = HashMap<u32, Arc<Outcomes>, BuildHasherDefault<IdHasher>>;

/// Calls that this app makes.
#[derive(Debug)]
pub(crate) struct CallMeters {
    family: Family<Counter, 2>,
    /// By the method's id; it grows with the methods that this app has clients of.
    methods: ArcSwap<ById>,
}

impl CallMeters {
    pub(super) fn new(metrics: &Metrics) -> Result<Self, MetricError> {
        let help = "Calls that this app made, by how they ended; of a cast, whether it was sent";
        let family = metrics.counter("guildhall_calls_total", help, &["method", "code"])?;
        Ok(Self { family, methods: ArcSwap::default() })
    }

    /// Counts a call that has ended.
    #[inline]
    pub(crate) fn add(&self, method: &'static MethodDesc, code: Code) {
        match self.methods.load().get(&method.id) {
            Some(outcomes) => outcomes.add(code),
            None => self.add_first(method, code),
        }
    }

    #[cold]
    fn add_first(&self, method: &'static MethodDesc, code: Code) {
        let outcomes = Arc::new(Outcomes::new(&self.family, method.path));
        outcomes.add(code);
        self.methods.rcu(|methods| {
            let mut methods = ById::clone(methods);
            methods.entry(method.id).or_insert_with(|| Arc::clone(&outcomes));
            methods
        });
    }
}

/// Calls that this app serves.
#[derive(Debug)]
pub(crate) struct ServedMeters {
    calls: Family<Counter, 2>,
    seconds: Family<Histogram, 1>,
    /// The first is for methods that this app does not have.
    methods: Vec<ServedMeter>,
}

#[derive(Debug)]
struct ServedMeter {
    outcomes: Outcomes,
    seconds: Histogram,
}

impl ServedMeters {
    /// Where calls to methods are counted that this app does not have.
    pub(crate) const UNKNOWN: usize = 0;

    pub(crate) fn new(metrics: &Metrics) -> Result<Self, MetricError> {
        let help = "Calls that this app served, by how they ended; of casts, that they came";
        let calls = metrics.counter("guildhall_served_total", help, &["method", "code"])?;
        let help = "From a call's arrival to its answer";
        let name = "guildhall_served_seconds";
        let seconds = metrics.histogram(name, help, &["method"], &SECONDS)?;
        let mut meters = Self { calls, seconds, methods: Vec::new() };
        meters.push("unknown");
        Ok(meters)
    }

    /// Adds a method; where it is counted.
    pub(crate) fn push(&mut self, method: &'static str) -> usize {
        let outcomes = Outcomes::new(&self.calls, method);
        self.methods.push(ServedMeter { outcomes, seconds: self.seconds.with(&[method]) });
        self.methods.len() - 1
    }

    /// Counts a call that was answered.
    #[inline]
    pub(crate) fn answered(&self, at: usize, code: Code, after: Duration) {
        if let Some(method) = self.methods.get(at) {
            method.outcomes.add(code);
            method.seconds.observe(after.as_secs_f64());
        }
    }

    /// Counts a cast that has come.
    #[inline]
    pub(crate) fn came(&self, at: usize) {
        if let Some(method) = self.methods.get(at) {
            method.outcomes.add(Code::Ok);
        }
    }
}
