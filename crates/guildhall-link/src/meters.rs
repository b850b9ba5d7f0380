//! Calls by method and code: those that this app makes, and those that it serves.

use std::sync::OnceLock;
use std::time::Duration;

use guildhall_core::env::Instant;
use guildhall_core::metrics::{Counter, Family, Histogram, MetricError, Metrics, SECONDS};
use guildhall_core::{Code, Env, MethodDesc};

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
        self.add_many(code, 1);
    }

    #[inline]
    fn add_many(&self, code: Code, n: u64) {
        match self.by_code.get(code as usize) {
            Some(counter) => counter.get_or_init(|| self.first(code)).add(n),
            None => debug_assert!(false, "there are {CODES} codes"),
        }
    }

    #[cold]
    fn first(&self, code: Code) -> Counter {
        self.family.with(&[self.method, code.name()])
    }
}

/// Methods that an app may have clients of and count apart; all further ones share the method `other`.
const METHODS_MAX: usize = 1024;

type Place = OnceLock<(u32, Box<Outcomes>)>;

/// Calls that this app makes.
pub struct CallMeters {
    family: Family<Counter, 2>,
    /// By the method's id, each at the first free place from where the id points to: nothing ever leaves, so a look takes no
    /// lock.
    methods: Box<[Place; METHODS_MAX]>,
    others: Outcomes,
}

impl CallMeters {
    /// Registers the metric.
    ///
    /// # Errors
    /// The name is taken.
    pub fn new(metrics: &Metrics) -> Result<Self, MetricError> {
        let help = "Calls that this app made, by how they ended; of a cast, whether it was sent";
        let family = metrics.counter("guildhall_calls_total", help, &["method", "code"])?;
        let others = Outcomes::new(&family, "other");
        Ok(Self { family, methods: Box::new([const { Place::new() }; METHODS_MAX]), others })
    }

    /// Counts a call that has ended.
    #[inline]
    pub fn add(&self, method: &'static MethodDesc, code: Code) {
        match self.methods[method.id as usize % METHODS_MAX].get() {
            Some((id, outcomes)) if *id == method.id => outcomes.add(code),
            _ => self.find(method).add(code),
        }
    }

    /// The method that is not where its id points to, or not there yet.
    #[cold]
    fn find(&self, method: &'static MethodDesc) -> &Outcomes {
        let (before, from) = self.methods.split_at(method.id as usize % METHODS_MAX);
        for place in from.iter().chain(before) {
            let new = || (method.id, Box::new(Outcomes::new(&self.family, method.path)));
            let (id, outcomes) = place.get_or_init(new);
            if *id == method.id {
                return outcomes;
            }
        }
        &self.others
    }
}

impl std::fmt::Debug for CallMeters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CallMeters").field("family", &self.family).finish_non_exhaustive()
    }
}

/// Calls that this app serves.
#[derive(Debug)]
pub struct ServedMeters {
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
    pub const UNKNOWN: usize = 0;

    /// Registers the metrics.
    ///
    /// # Errors
    /// A name is taken.
    pub fn new(metrics: &Metrics) -> Result<Self, MetricError> {
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
    pub fn push(&mut self, method: &'static str) -> usize {
        let outcomes = Outcomes::new(&self.calls, method);
        self.methods.push(ServedMeter { outcomes, seconds: self.seconds.with(&[method]) });
        self.methods.len() - 1
    }

    /// Counts calls that are answered now, all of them at once, and forgets them.
    pub fn answered(&self, answered: &mut Answered, env: &Env) {
        if answered.0.is_empty() {
            return;
        }
        let now = env.now();
        for Answers { method, code, arrived, count } in answered.0.drain(..) {
            if let Some(method) = self.methods.get(method) {
                method.outcomes.add_many(code, count);
                let after = now.saturating_duration_since(arrived);
                method.seconds.observe_many(after.as_secs_f64(), count);
            }
        }
    }

    /// Counts a call that is answered after this time.
    #[inline]
    pub fn answered_one(&self, method: usize, code: Code, after: Duration) {
        if let Some(method) = self.methods.get(method) {
            method.outcomes.add(code);
            method.seconds.observe(after.as_secs_f64());
        }
    }

    /// Counts a cast that has come.
    #[inline]
    pub fn count_cast(&self, at: usize) {
        if let Some(method) = self.methods.get(at) {
            method.outcomes.add(Code::Ok);
        }
    }
}

/// Answers that were not counted yet: one clock read counts all that leave together.
#[derive(Debug, Default)]
pub struct Answered(Vec<Answers>);

/// Answers to calls that arrived together.
#[derive(Debug)]
struct Answers {
    method: usize,
    code: Code,
    arrived: Instant,
    count: u64,
}

impl Answered {
    /// Adds an answer of one of [`ServedMeters`]' methods.
    #[inline]
    pub fn add(&mut self, method: usize, code: Code, arrived: Instant) {
        match self.0.last_mut() {
            Some(last) if (last.method, last.code, last.arrived) == (method, code, arrived) => {
                last.count += 1;
            }
            _ => self.0.push(Answers { method, code, arrived, count: 1 }),
        }
    }
}
