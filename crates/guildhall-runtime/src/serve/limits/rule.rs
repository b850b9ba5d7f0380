//! One limit with its counts, and the ticket that a call carries.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use guildhall_core::env::Instant;
use guildhall_core::metrics::{Counter, MetricError, Metrics};
use guildhall_core::status::reason;
use guildhall_core::{Code, Effect, Env, Status};
use parking_lot::Mutex;

use super::breaker::{Breaker, Change};
use super::config::{BreakerKind, LimitConfig, RateConfig};
use super::queue::{Place, Queue};
use super::window::Window;
use crate::call::Cx;

/// A caller gives up this much earlier than its deadline is here, at most: time left travels in steps of 10 ms.
const ROUNDING: Duration = Duration::from_millis(20);

/// One `[limits..]` section in force.
#[derive(Debug)]
pub(crate) struct Rule {
    name: String,
    config: LimitConfig,
    running: Arc<AtomicUsize>,
    rates: Vec<Rate>,
    breakers: Vec<Breaker>,
    counts: Counts,
}

#[derive(Debug)]
enum Rate {
    /// Calls may come together.
    Burst(Mutex<Window<1>>),
    /// Calls begin evenly spaced.
    Even(Arc<Queue>),
}

#[derive(Debug)]
struct Counts {
    limited: Counter,
    held: Counter,
    turned_away: Counter,
    opened: Counter,
}

impl Counts {
    fn new(metrics: &Metrics, rule: &str) -> Result<Self, MetricError> {
        let counter = |name, help| Ok(metrics.counter(name, help, &["rule"])?.with(&[rule]));
        Ok(Self {
            limited: counter("guildhall_limited_total", "Calls and casts that were over a limit")?,
            held: counter("guildhall_limit_held_total", "Calls and casts that were held back")?,
            turned_away: counter(
                "guildhall_breaker_refused_total",
                "Calls that met an open breaker",
            )?,
            opened: counter("guildhall_breaker_opened_total", "Times that a breaker opened")?,
        })
    }
}

impl Rule {
    /// Puts `config` into force. What is as it was goes on as it was; the calls that run count in any case.
    pub(super) fn new(
        name: &str,
        config: LimitConfig,
        now: Instant,
        metrics: &Metrics,
        old: Option<&Arc<Self>>,
    ) -> Result<Arc<Self>, MetricError> {
        if let Some(old) = old.filter(|old| old.config == config) {
            return Ok(Arc::clone(old));
        }
        let rate = |rate: &RateConfig| match rate.wait_ms {
            0 => Rate::Burst(Mutex::new(Window::new(rate.per_ms, now))),
            _ => Rate::Even(Queue::new(rate)),
        };
        Ok(Arc::new(Self {
            name: name.to_owned(),
            running: old.map(|old| Arc::clone(&old.running)).unwrap_or_default(),
            counts: Counts::new(metrics, name)?,
            rates: config.rates.iter().map(rate).collect(),
            breakers: config.breakers.iter().map(|b| Breaker::new(b.clone(), now)).collect(),
            config,
        }))
    }

    /// Whether a call could begin, as far as breakers and concurrency are concerned.
    fn look(&self, now: Instant) -> Result<(), Status> {
        for (n, breaker) in self.breakers.iter().enumerate() {
            if let Some(left) = breaker.turns_away(now) {
                return Err(self.turn_away(n, left));
            }
        }
        match self.is_full(self.running.load(Ordering::Relaxed)) {
            true => Err(self.full()),
            false => Ok(()),
        }
    }

    fn is_full(&self, running: usize) -> bool {
        self.config.concurrency > 0 && running >= self.config.concurrency
    }

    fn full(&self) -> Status {
        let (name, max) = (&self.name, self.config.concurrency);
        self.limited(format!("{max} calls run ({name}.concurrency)"))
    }

    fn over_rate(&self, n: usize) -> Status {
        let (name, RateConfig { calls, per_ms, .. }) = (&self.name, &self.config.rates[n]);
        self.limited(format!("more than {calls} calls in {per_ms} ms ({name}.rates[{n}])"))
    }

    fn limited(&self, why: String) -> Status {
        self.counts.limited.add(1);
        Status::not_run(Code::ResourceExhausted, reason::LIMITED, why)
    }

    fn turn_away(&self, n: usize, left: Duration) -> Status {
        self.counts.turned_away.add(1);
        let (name, ms) = (&self.name, left.as_millis());
        let why = format!("the breaker {name}.breakers[{n}] is open; try again in {ms} ms");
        Status::not_run(Code::Unavailable, reason::BREAKER_OPEN, why)
    }

    /// Takes one of the rate's calls.
    fn take_rate(&self, n: usize, now: Instant) -> bool {
        let Rate::Burst(window) = &self.rates[n] else { return true };
        let mut window = window.lock();
        let [calls] = window.sums(now);
        let free = calls < self.config.rates[n].calls;
        if free {
            window.add(now, 0);
        }
        free
    }

    fn take_back(&self, n: usize) {
        if let Rate::Burst(window) = &self.rates[n] {
            window.lock().take_back(0);
        }
    }

    fn announce(&self, n: usize, change: Change) {
        let name = &self.name;
        match change {
            Change::Opened => {
                self.counts.opened.add(1);
                let ms = self.config.breakers[n].open_ms;
                tracing::warn!(
                    breaker = format!("{name}.breakers[{n}]"),
                    ms,
                    "circuit breaker opened"
                );
            }
            Change::Closed => {
                tracing::info!(breaker = format!("{name}.breakers[{n}]"), "circuit breaker closed");
            }
        }
    }
}

/// The rules that a method falls under.
#[derive(Debug, Default)]
pub(crate) struct Rules(Vec<Arc<Rule>>);

impl FromIterator<Arc<Rule>> for Rules {
    fn from_iter<T: IntoIterator<Item = Arc<Rule>>>(rules: T) -> Self {
        Self(rules.into_iter().collect())
    }
}

impl Rules {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn rates(&self) -> impl Iterator<Item = (&Rule, usize)> {
        self.0.iter().flat_map(|rule| (0..rule.rates.len()).map(move |n| (&**rule, n)))
    }

    /// Takes the call from all rates that hold nothing back; or from none, when the call is refused.
    pub(super) fn take_rates(&self, now: Instant) -> Result<(), Status> {
        self.0.iter().try_for_each(|rule| rule.look(now))?;
        for (at, (rule, n)) in self.rates().enumerate() {
            if !rule.take_rate(n, now) {
                self.rates().take(at).for_each(|(rule, n)| rule.take_back(n));
                return Err(rule.over_rate(n));
            }
        }
        Ok(())
    }

    /// Whether calls may be held back.
    pub(super) fn hold_back(&self) -> bool {
        self.rates().any(|(rule, n)| matches!(rule.rates[n], Rate::Even(_)))
    }

    /// Holds the call back until its time has come at all rates that space their calls; gives its places in their lines, which
    /// it keeps until it has begun.
    pub(super) async fn wait(&self, cx: &Cx) -> Result<Vec<Place>, Status> {
        let mut places = Vec::new();
        for (rule, n) in self.rates() {
            let Rate::Even(queue) = &rule.rates[n] else { continue };
            let mut place = queue.join(cx.env(), cx.deadline).ok_or_else(|| rule.over_rate(n))?;
            if let Place::Held(held) = &mut place {
                rule.counts.held.add(1);
                held.wait().await;
            }
            places.push(place);
        }
        Ok(places)
    }

    /// The call begins: breakers and concurrency count it until the ticket is dropped.
    pub(super) fn begin(self: Arc<Self>, cx: &Cx) -> Result<Ticket, Status> {
        let (env, began) = (cx.env().clone(), cx.env().now());
        let mut ticket = Ticket {
            env,
            began,
            deadline: cx.deadline,
            entered: 0,
            epochs: Vec::new(),
            ended: None,
            rules: Arc::clone(&self),
        };
        for rule in &self.0 {
            let more = |running| (!rule.is_full(running)).then_some(running + 1);
            let entered = rule.running.fetch_update(Ordering::AcqRel, Ordering::Relaxed, more);
            if entered.is_err() {
                return Err(rule.full());
            }
            ticket.entered += 1;
            for (n, breaker) in rule.breakers.iter().enumerate() {
                let epoch = breaker.begin_call(began);
                ticket.epochs.push(epoch.ok_or_else(|| rule.turn_away(n, Duration::ZERO))?);
            }
        }
        Ok(ticket)
    }
}

/// A call that has passed its rules. Dropped without a result, its outcome is unknown.
#[derive(Debug)]
pub(crate) struct Ticket {
    rules: Arc<Rules>,
    env: Env,
    began: Instant,
    deadline: Option<Instant>,
    /// Rules that count it as running.
    entered: usize,
    /// Of the breakers that count it, in their order.
    epochs: Vec<u64>,
    /// The result's code, and whether the call has run.
    ended: Option<(Code, bool)>,
}

impl crate::call::reply::Ticket for Ticket {
    fn end(&mut self, status: Option<&Status>) {
        let result = status.map_or((Code::Ok, true), |s| (s.code(), s.effect() != Effect::NotRun));
        self.ended = Some(result);
    }
}

impl Ticket {
    /// Whether it ended badly, as far as that can be said.
    fn is_bad(&self, breaker: &Breaker, now: Instant) -> Option<bool> {
        let config = &breaker.config;
        if config.on == BreakerKind::SlowRatio {
            let slow = now - self.began >= Duration::from_millis(config.slow_ms);
            return (slow || self.ended.is_some_and(|(_, ran)| ran)).then_some(slow);
        }
        match self.ended {
            Some((Code::Ok, _)) => Some(false),
            Some((code, _)) if config.counts(code) => Some(true),
            Some((_, ran)) => ran.then_some(false),
            // Its caller did not wait any longer.
            None if self.deadline.is_some_and(|deadline| now + ROUNDING >= deadline) => {
                Some(config.counts(Code::DeadlineExceeded))
            }
            None => None,
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let now = self.env.now();
        let mut epochs = self.epochs.iter();
        for rule in &self.rules.0[..self.entered] {
            rule.running.fetch_sub(1, Ordering::AcqRel);
            for (n, (breaker, epoch)) in rule.breakers.iter().zip(&mut epochs).enumerate() {
                if let Some(change) = breaker.leave(*epoch, self.is_bad(breaker, now), now) {
                    rule.announce(n, change);
                }
            }
        }
    }
}
