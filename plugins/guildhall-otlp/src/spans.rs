//! Spans in OTLP's form.

use std::time::Duration;

use guildhall_core::Code;
use guildhall_runtime::trace::{Span, SpanKind};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind as Kind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{Span as Converted, Status};

use crate::attribute::text;

/// A span with its ids, its times and what is known of it.
pub(crate) fn converted(span: &Span) -> Converted {
    let known =
        [text("guildhall.kind", span.kind.name()), text("guildhall.code", span.code.name())];
    let fields = span.fields.iter().map(|(name, value)| text(&format!("guildhall.{name}"), value));
    let status = match span.code {
        Code::Ok => None,
        code => Some(Status { message: code.name().to_owned(), code: StatusCode::Error.into() }),
    };
    Converted {
        trace_id: span.trace_id.to_vec(),
        span_id: span.span_id.to_vec(),
        parent_span_id: span.parent_id.map_or_else(Vec::new, |id| id.to_vec()),
        // W3C's flags: sampled, as every span here is.
        flags: 1,
        name: span.name.to_string(),
        kind: kind(span.kind).into(),
        start_time_unix_nano: nanos(span.started),
        end_time_unix_nano: nanos(span.started.saturating_add(span.took)),
        attributes: known.into_iter().chain(fields).collect(),
        status,
        ..Converted::default()
    }
}

fn kind(kind: SpanKind) -> Kind {
    match kind {
        SpanKind::Client | SpanKind::Store => Kind::Client,
        SpanKind::Server => Kind::Server,
        SpanKind::Turn => Kind::Internal,
        SpanKind::Push => Kind::Producer,
    }
}

/// Of a time since the Unix epoch.
pub(crate) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
