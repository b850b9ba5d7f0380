//! Prometheus' text format, version 0.0.4.

use std::fmt::{Display, Write as _};

use super::histogram::Histogram;
use super::number::{Counter, Gauge};
use super::summary::Summary;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Histogram,
    Summary,
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::Summary => "summary",
        }
    }
}

/// The lines before those of the series.
pub(super) fn head(out: &mut String, name: &str, help: &str, kind: Kind) {
    let _infallible = write!(out, "# HELP {name} ");
    escape(out, help, false);
    let _infallible = writeln!(out, "\n# TYPE {name} {}", kind.name());
}

/// Something with lines in the text.
pub(super) trait Written {
    fn write(&self, out: &mut String, name: &str, labels: &[String], values: &[String]);
}

impl Written for Counter {
    fn write(&self, out: &mut String, name: &str, labels: &[String], values: &[String]) {
        line(out, (name, ""), labels, values, None, self.get());
    }
}

impl Written for Gauge {
    fn write(&self, out: &mut String, name: &str, labels: &[String], values: &[String]) {
        line(out, (name, ""), labels, values, None, self.get());
    }
}

impl Written for Histogram {
    fn write(&self, out: &mut String, name: &str, labels: &[String], values: &[String]) {
        let (sum, count) = self.read(|bound, count| {
            let le = number(bound);
            line(out, (name, "_bucket"), labels, values, Some(("le", &le)), count);
        });
        line(out, (name, "_sum"), labels, values, None, number(sum));
        line(out, (name, "_count"), labels, values, None, count);
    }
}

impl Written for Summary {
    fn write(&self, out: &mut String, name: &str, labels: &[String], values: &[String]) {
        let (sum, count) = self.read(|quantile, value| {
            line(out, (name, ""), labels, values, Some(("quantile", quantile)), number(value));
        });
        line(out, (name, "_sum"), labels, values, None, number(sum));
        line(out, (name, "_count"), labels, values, None, count);
    }
}

fn line(
    out: &mut String,
    (name, suffix): (&str, &str),
    labels: &[String],
    values: &[String],
    last: Option<(&str, &str)>,
    value: impl Display,
) {
    let _infallible = write!(out, "{name}{suffix}");
    let pairs = labels.iter().map(String::as_str).zip(values.iter().map(String::as_str));
    let mut before = '{';
    for (label, value) in pairs.chain(last) {
        let _infallible = write!(out, "{before}{label}=\"");
        escape(out, value, true);
        out.push('"');
        before = ',';
    }
    if before == ',' {
        out.push('}');
    }
    let _infallible = writeln!(out, " {value}");
}

fn escape(out: &mut String, text: &str, quoted: bool) {
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '"' if quoted => out.push_str("\\\""),
            c => out.push(c),
        }
    }
}

fn number(value: f64) -> String {
    match value {
        f64::INFINITY => "+Inf".into(),
        f64::NEG_INFINITY => "-Inf".into(),
        value => value.to_string(),
    }
}
