//! Traces: follow a call through all apps, with a span for the duration of each step. Calls that are not sampled cost nothing.
//!
//! A trace begins where a call comes from outside: at a gate, or where an app calls by itself. From there on it travels in the
//! head of calls. Spans go to a [`SpanExporter`]; without one (`[trace] export`, `App::spans`) nothing is traced.

mod config;
mod parent;
pub(crate) mod context;
mod span;
mod exporter;

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use guildhall_core::env::Instant;
use guildhall_core::metrics::{Counter, MetricError, Metrics};
use guildhall_core::{Code, Env};
use guildhall_wire::{Head, Trace};
use parking_lot::Mutex;
use tokio::sync::Notify;

pub use config::TraceConfig;
pub use exporter::SpanExporter;
pub(crate) use exporter::StdoutSpans;
pub use parent::traceparent;
pub(crate) use parent::{hex, parse_traceparent};
pub use span::{Span, SpanKind};

/// In the flags of a [`Trace`].
const SAMPLED: u32 = 1;

/// What makes spans and hands them to the exporter.
pub(crate) struct Tracer {
    env: Env,
    app: Arc<str>,
    config: TraceConfig,
    exporter: Arc<dyn SpanExporter>,
    /// Of 2^64 calls, so many are sampled.
    threshold: u64,
    rolls: AtomicU64,
    ended: Mutex<Vec<Span>>,
    wake: Notify,
    exported: Counter,
    dropped: Counter,
    /// The exporter did not take the last spans, which is in the log.
    fails: AtomicBool,
}

impl Tracer {
    pub(crate) fn new(
        env: &Env,
        app: &str,
        config: TraceConfig,
        exporter: Arc<dyn SpanExporter>,
        metrics: &Metrics,
    ) -> Result<Arc<Self>, MetricError> {
        let help = "Spans that were exported";
        let exported = metrics.counter("guildhall_spans_total", help, &[])?.with(&[]);
        let help = "Spans that the queue had no room for (trace.queue_max), or that the exporter did not take";
        let dropped = metrics.counter("guildhall_spans_dropped_total", help, &[])?.with(&[]);
        Ok(Arc::new(Self {
            app: app.into(),
            threshold: config.threshold(),
            rolls: AtomicU64::new(env.random()),
            ended: Mutex::default(),
            wake: Notify::new(),
            env: env.clone(),
            config,
            exporter,
            exported,
            dropped,
            fails: AtomicBool::new(false),
        }))
    }

    /// Whether a trace begins with this call.
    #[inline]
    pub(crate) fn samples(&self) -> bool {
        match self.threshold {
            0 => false,
            u64::MAX => true,
            threshold => {
                let rolled = self.rolls.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
                xxhash_rust::xxh3::xxh3_64(&rolled.to_le_bytes()) < threshold
            }
        }
    }

    /// Begins a span now.
    pub(crate) fn open(
        self: &Arc<Self>,
        parent: Option<&Trace>,
        kind: SpanKind,
        name: impl Into<Cow<'static, str>>,
    ) -> OpenSpan {
        let ids = parent.and_then(parent::ids);
        let span = Span {
            trace_id: ids.map_or_else(|| self.env.random_bytes(), |(trace, _)| trace),
            span_id: self.env.random_bytes(),
            parent_id: ids.map(|(_, span)| span),
            kind,
            name: name.into(),
            app: Arc::clone(&self.app),
            started: self.env.wall(),
            took: Duration::ZERO,
            // What is dropped before its end.
            code: Code::Cancelled,
            fields: Vec::new(),
        };
        OpenSpan(Box::new(Open { tracer: Arc::clone(self), began: self.env.now(), span }))
    }

    fn end(&self, span: Span) {
        let mut ended = self.ended.lock();
        if ended.len() >= self.config.queue_max {
            self.dropped.add(1);
            return;
        }
        ended.push(span);
        drop(ended);
        self.wake.notify_one();
    }

    /// Exports what has ended, until the app ends.
    pub(crate) async fn drive(self: Arc<Self>) {
        loop {
            self.wake.notified().await;
            self.env.sleep(Duration::from_millis(self.config.flush_ms)).await;
            self.flush().await;
        }
    }

    /// Exports all that has ended so far.
    pub(crate) async fn flush(&self) {
        loop {
            let spans = {
                let mut ended = self.ended.lock();
                let count = ended.len().min(self.config.batch_max.max(1));
                ended.drain(..count).collect::<Vec<Span>>()
            };
            let count = spans.len() as u64;
            if count == 0 {
                return;
            }
            let deadline = self.env.now() + Duration::from_millis(self.config.export_ms);
            match self.env.until(deadline, self.exporter.export(&spans)).await {
                Some(Ok(())) => self.worked(count),
                Some(Err(why)) => self.failed(count, &why),
                None => self.failed(count, "no answer in time (trace.export_ms)"),
            }
        }
    }

    /// As [`Tracer::flush`], for no longer than one export may take: an exporter that hangs does not keep an app from its end.
    pub(crate) async fn last_flush(&self) {
        let deadline = self.env.now() + Duration::from_millis(self.config.export_ms);
        if self.env.until(deadline, self.flush()).await.is_none() {
            tracing::warn!(
                "spans at the end of the app were not exported in time (trace.export_ms)"
            );
        }
    }

    fn worked(&self, count: u64) {
        self.exported.add(count);
        if self.fails.swap(false, Ordering::Relaxed) {
            tracing::info!("spans are exported again");
        }
    }

    fn failed(&self, count: u64, why: &str) {
        self.dropped.add(count);
        if !self.fails.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                count,
                why,
                "spans were not exported; dropping and counting them until they are"
            );
        }
    }
}

/// A span that has not ended; it does when this is dropped.
pub(crate) struct OpenSpan(Box<Open>);

struct Open {
    tracer: Arc<Tracer>,
    began: Instant,
    span: Span,
}

impl OpenSpan {
    /// Where what happens within it stands.
    pub(crate) fn position(&self) -> Trace {
        Trace {
            trace_id: Bytes::copy_from_slice(&self.0.span.trace_id),
            span_id: Bytes::copy_from_slice(&self.0.span.span_id),
            flags: SAMPLED,
        }
    }

    /// How it ends.
    pub(crate) fn set(&mut self, code: Code) {
        self.0.span.code = code;
    }

    pub(crate) fn field(&mut self, name: &'static str, value: impl Into<String>) {
        self.0.span.fields.push((name, value.into()));
    }
}

impl Drop for OpenSpan {
    fn drop(&mut self) {
        let Open { tracer, began, span } = &mut *self.0;
        let took = tracer.env.now().saturating_duration_since(*began);
        tracer.end(Span { took, ..span.clone() });
    }
}

impl std::fmt::Debug for OpenSpan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.span.fmt(f)
    }
}

/// The trace that a head is in, if it is sampled.
#[inline]
pub(crate) fn sampled(head: Option<&Head>) -> Option<&Trace> {
    head?.trace.as_ref().filter(|trace| trace.flags & SAMPLED != 0)
}
