//! [`SpanExporter`], and the built-in exporter to stdout.

use std::io::Write as _;

use guildhall_core::{BoxFuture, Env};
use serde_json::{Map, Value};

use super::Span;
use super::parent::hex;

/// Where the spans of an app go: `App::spans`.
pub trait SpanExporter: Send + Sync + 'static {
    /// Takes spans that have ended. What takes longer than `trace.export_ms` is cut off.
    ///
    /// # Errors
    /// Why they are lost: they are counted and not brought again; the log says the first of a row of errors, and the end of the row.
    fn export<'a>(&'a self, spans: &'a [Span]) -> BoxFuture<'a, Result<(), String>>;
}

/// Prints spans, one JSON object per line.
pub(crate) struct StdoutSpans(pub(crate) Env);

impl SpanExporter for StdoutSpans {
    fn export<'a>(&'a self, spans: &'a [Span]) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async move {
            let lines: String = spans.iter().map(|span| line(span) + "\n").collect();
            // The reader may be slow.
            let write = move || std::io::stdout().lock().write_all(lines.as_bytes());
            let written = self.0.blocking(write).await;
            written.unwrap_or(Ok(())).map_err(|error| format!("stdout: {error}"))
        })
    }
}

fn line(span: &Span) -> String {
    let mut object = Map::new();
    let mut put = |name: &str, value: Value| object.insert(name.to_owned(), value);
    put("trace", hex(&span.trace_id).into());
    put("span", hex(&span.span_id).into());
    if let Some(parent) = span.parent_id {
        put("parent", hex(&parent).into());
    }
    put("kind", span.kind.name().into());
    put("name", span.name.as_ref().into());
    put("app", span.app.as_ref().into());
    put("started_us", u64::try_from(span.started.as_micros()).unwrap_or(u64::MAX).into());
    put("took_us", u64::try_from(span.took.as_micros()).unwrap_or(u64::MAX).into());
    put("code", span.code.name().into());
    for (name, value) in &span.fields {
        put(name, value.as_str().into());
    }
    Value::Object(object).to_string()
}
