//! A log line: the event, and the actor, player and trace of the current turn.

use std::fmt::{Debug, Write as _};
use std::sync::Arc;

use guildhall_core::outside;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};
use tracing_subscriber::layer::Context;

use super::sink::Sink;
use crate::observe::trace::context::present;

/// Writes a line for each event.
pub(super) struct Lines {
    pub(super) is_json: bool,
    pub(super) sink: Arc<Sink>,
}

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let call = |fields: &mut Map<String, Value>| {
            let put = |name: &str, value: &str| {
                // What the event says itself is better known.
                fields.entry(name).or_insert_with(|| outside(value).to_string().into());
            };
            present(|context| context.each(put));
        };
        call(&mut fields.named);
        let line = if self.is_json {
            json(event.metadata(), fields)
        } else {
            text(event.metadata(), &fields)
        };
        self.sink.put(line);
    }
}

/// What an event says.
#[derive(Default)]
struct Fields {
    message: String,
    named: Map<String, Value>,
}

/// Longest value, in bytes. The framework cuts what comes from outside before it logs it; games may forget to.
const VALUE_LEN_MAX: usize = 2048;

impl Fields {
    fn put(&mut self, field: &Field, mut value: Value) {
        if let Value::String(text) = &mut value
            && text.len() > VALUE_LEN_MAX
        {
            text.truncate(text.floor_char_boundary(VALUE_LEN_MAX));
            text.push('…');
        }
        match (field.name(), value) {
            ("message", Value::String(message)) => self.message = message,
            (name, value) => {
                self.named.insert(name.to_owned(), value);
            }
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.put(field, format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }
}

fn now() -> String {
    let mut text = String::new();
    // A clock before 1970 has no text.
    let _no_text = SystemTime.format_time(&mut Writer::new(&mut text));
    text
}

fn json(of: &Metadata<'_>, fields: Fields) -> String {
    let mut object = Map::new();
    object.insert("time".into(), now().into());
    object.insert("level".into(), of.level().as_str().into());
    object.insert("target".into(), of.target().into());
    object.insert("message".into(), fields.message.into());
    object.insert("fields".into(), fields.named.into());
    Value::Object(object).to_string() + "\n"
}

fn text(of: &Metadata<'_>, fields: &Fields) -> String {
    let mut line = format!("{} {:>5} {}: ", now(), of.level().as_str(), of.target());
    put_escaped(&mut line, &fields.message);
    for (name, value) in &fields.named {
        let _never_fails = write!(line, " {name}=");
        match value {
            Value::String(text) if is_plain(text) => line.push_str(text),
            Value::String(text) => {
                let _never_fails = write!(line, "{text:?}");
            }
            value => {
                let _never_fails = write!(line, "{value}");
            }
        }
    }
    line.push('\n');
    line
}

/// Whether it can stand without quotes.
fn is_plain(text: &str) -> bool {
    !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c.is_control() || c == '"')
}

/// Text from outside may hold line ends, to look like lines of ours.
fn put_escaped(line: &mut String, text: &str) {
    for c in text.chars() {
        match c.is_control() {
            true => line.extend(c.escape_default()),
            false => line.push(c),
        }
    }
}
