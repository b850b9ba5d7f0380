//! [`MeasuredStore`]: measures store round trips: duration, errors, and whether the store answers.

use std::sync::{Arc, Weak};
use std::time::Duration;

use guildhall_core::env::Instant;
use guildhall_core::metrics::{Counter, Family, Histogram, MetricError, Metrics, SECONDS};
use guildhall_core::store::{Batch, Committed, Store, StoreError, StoreErrorKind, StoreLayer};
use guildhall_core::{BoxFuture, Code, Env};

use crate::observe::health::Health;
use crate::observe::outage::Outage;
use crate::observe::trace::context::present;
use crate::observe::trace::{OpenSpan, SpanKind, Tracer};

/// How often a store that did not answer is asked again.
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// A round trip that was given up after this long says that the store is not there.
const GIVEN_UP: Duration = Duration::from_secs(1);
const COMPONENT: &str = "store";

/// A store whose round trips are measured.
pub(crate) struct MeasuredStore(Arc<Watched>);

struct Watched {
    store: Arc<dyn Store>,
    env: Env,
    health: Arc<Health>,
    seconds: Family<Histogram, 1>,
    errors: Family<Counter, 2>,
    /// It takes no writes, and is being asked.
    outage: Arc<Outage>,
    tracer: Option<Arc<Tracer>>,
    me: Weak<Self>,
}

impl MeasuredStore {
    /// Watches `store`; `outage` is how others see it.
    pub(crate) fn new(
        store: Arc<dyn Store>,
        outage: &Arc<Outage>,
        env: &Env,
        metrics: &Metrics,
        health: &Arc<Health>,
        tracer: Option<Arc<Tracer>>,
    ) -> Result<Self, MetricError> {
        let help = "How long a round trip to the store took";
        let seconds =
            metrics.histogram("guildhall_store_seconds", help, &["operation"], &SECONDS)?;
        let help = "Batches and rows that the store did not take, or round trips that failed";
        let errors =
            metrics.counter("guildhall_store_errors_total", help, &["operation", "kind"])?;
        health.set(COMPONENT, Ok(()));
        let (env, health) = (env.clone(), Arc::clone(health));
        let outage = Arc::clone(outage);
        Ok(Self(Arc::new_cyclic(|me| Watched {
            me: Weak::clone(me),
            store,
            env,
            health,
            seconds,
            errors,
            outage,
            tracer,
        })))
    }
}

impl Watched {
    fn begin(&self, operation: &'static str) -> RoundTrip<'_> {
        let open = |tracer: &Arc<Tracer>| {
            let trace = present(|context| context.trace().cloned()).flatten()?;
            Some(tracer.open(Some(&trace), SpanKind::Store, operation))
        };
        let span = self.tracer.as_ref().and_then(open);
        RoundTrip { watched: self, operation, began: self.env.now(), came_back: false, span }
    }

    fn failed(&self, operation: &'static str, error: &StoreError) {
        self.errors.with(&[operation, kind(&error.kind)]).add(1);
        if is_away(error) {
            self.is_away(error.to_string());
        }
    }

    /// Reports the outage and probes the store until it answers: a load balancer may send no requests here meanwhile.
    fn is_away(&self, why: String) {
        self.health.set(COMPONENT, Err(why));
        if self.outage.begin(self.env.now()) {
            let (me, env) = (Weak::clone(&self.me), self.env.clone());
            self.env.spawn("store-ask", async move {
                loop {
                    env.sleep(ASK_AGAIN).await;
                    let Some(watched) = me.upgrade() else { return };
                    if watched.answers().await {
                        return;
                    }
                }
            });
        }
    }

    fn is_there(&self) {
        if self.outage.end() {
            self.health.set(COMPONENT, Ok(()));
        }
    }

    async fn answers(&self) -> bool {
        if !self.outage.is_there() {
            return true;
        }
        // Not a read: a store whose disk is full answers those.
        let probe = self.store.probe();
        let there = match self.env.until(self.env.now() + ASK_AGAIN, probe).await {
            Some(Ok(())) => true,
            Some(Err(error)) => !is_away(&error),
            None => false,
        };
        if there {
            self.is_there();
        }
        there
    }
}

/// A round trip that has begun.
struct RoundTrip<'a> {
    watched: &'a Watched,
    operation: &'static str,
    began: Instant,
    came_back: bool,
    span: Option<OpenSpan>,
}

impl RoundTrip<'_> {
    /// Counts what came back.
    fn back<T>(mut self, results: &[Result<T, StoreError>]) {
        self.came_back = true;
        if let Some(span) = &mut self.span {
            let failed = results.iter().any(Result::is_err);
            span.set(if failed { Code::Unavailable } else { Code::Ok });
        }
        let errors = || results.iter().filter_map(|result| result.as_ref().err());
        errors().for_each(|error| self.watched.failed(self.operation, error));
        // What was read says nothing of writes; nor does a refusal, which writes nothing.
        let writes = matches!(self.operation, "claim" | "commit");
        if writes && !results.is_empty() && results.iter().all(Result::is_ok) {
            self.watched.is_there();
        }
    }
}

impl Drop for RoundTrip<'_> {
    fn drop(&mut self) {
        let Watched { env, seconds, .. } = self.watched;
        let took = env.now().saturating_duration_since(self.began);
        seconds.with(&[self.operation]).observe(took.as_secs_f64());
        if !self.came_back && took >= GIVEN_UP {
            self.watched.is_away(format!("no answer to {} after {took:?}", self.operation));
        }
    }
}

fn is_away(error: &StoreError) -> bool {
    matches!(error.kind, StoreErrorKind::Unavailable | StoreErrorKind::Unknown)
}

fn kind(kind: &StoreErrorKind) -> &'static str {
    match kind {
        StoreErrorKind::Refused { .. } => "refused",
        StoreErrorKind::Exists => "exists",
        StoreErrorKind::Missing => "missing",
        StoreErrorKind::Unavailable => "unavailable",
        StoreErrorKind::Unknown => "unknown",
        StoreErrorKind::Invalid => "invalid",
    }
}

/// One result of a whole round trip.
fn back<T>(trip: RoundTrip<'_>, result: Result<T, StoreError>) -> Result<T, StoreError> {
    let result = [result];
    trip.back(&result);
    let [result] = result;
    result
}

impl StoreLayer for MeasuredStore {
    fn inner(&self) -> &dyn Store {
        &*self.0.store
    }

    fn around<'a, T: Send + 'static>(
        &'a self,
        operation: &'static str,
        request: BoxFuture<'a, Result<T, StoreError>>,
    ) -> BoxFuture<'a, Result<T, StoreError>> {
        if matches!(operation, "prepare" | "probe") {
            return request;
        }
        Box::pin(async move {
            let trip = self.0.begin(operation);
            back(trip, request.await)
        })
    }

    fn around_commit(
        &self,
        batches: Vec<Batch>,
    ) -> BoxFuture<'_, Vec<Result<Committed, StoreError>>> {
        Box::pin(async move {
            let trip = self.0.begin("commit");
            let results = self.0.store.commit(batches).await;
            trip.back(&results);
            results
        })
    }
}
