//! Collects the runtime's log lines about links, so that an unreachable app is named with the reason.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use guildhall_core::AppId;
use guildhall_core::discovery::NodeRecord;
use parking_lot::Mutex;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

/// What is known of the links of this program.
#[derive(Clone, Debug, Default)]
pub(crate) struct LinkNews(Arc<Mutex<Known>>);

/// As much as discovery has addresses.
#[derive(Debug, Default)]
struct Known {
    /// By address, how dialling it ended last: linked, or why not.
    dialled: BTreeMap<String, Result<(), String>>,
    /// By app, how many links to it have ended.
    ended: BTreeMap<String, u64>,
}

impl LinkNews {
    /// Listens from now on, to everything in this process.
    pub(crate) fn listen() -> Self {
        let news = Self::default();
        // There is another listener in no case: the program calls this once.
        let _first = tracing_subscriber::registry().with(news.clone()).try_init();
        news
    }

    /// What was dialled last without success.
    pub(crate) fn failures(&self) -> Vec<Missing> {
        let news = self.0.lock();
        let failures = news.dialled.iter().filter_map(|(address, result)| {
            let (address, why) = (address.clone(), result.as_ref().err()?.clone());
            Some(Missing { record: None, address, why })
        });
        failures.collect()
    }

    /// Whether the address was dialled, and how it ended.
    pub(crate) fn of(&self, address: &str) -> Option<Result<(), String>> {
        self.0.lock().dialled.get(address).cloned()
    }

    /// How many links to this app have ended.
    pub(crate) fn ended(&self, app: &AppId) -> u64 {
        self.0.lock().ended.get(app.as_str()).copied().unwrap_or(0)
    }
}

impl<S: Subscriber> Layer<S> for LinkNews {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let mut known = self.0.lock();
        if let (Some(address), Some(result)) = (fields.address, fields.result) {
            known.dialled.insert(address, result);
        }
        if let Some(app) = fields.ended {
            *known.ended.entry(app).or_default() += 1;
        }
    }
}

/// An app that does not answer.
#[derive(Clone, Debug)]
pub(crate) struct Missing {
    /// What discovery says of it; an address in a list says nothing.
    pub(crate) record: Option<NodeRecord>,
    pub(crate) address: String,
    pub(crate) why: String,
}

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(record) = &self.record {
            write!(f, "{} at ", record.id)?;
        }
        write!(f, "{}: {}", self.address, self.why)?;
        if self.why.contains("of another env") {
            write!(f, "; say with --env which one to visit")?;
        } else if self.why.contains("onnection refused") {
            write!(f, "; does it run, and is this where it listens for links?")?;
        }
        Ok(())
    }
}

#[derive(Default)]
struct Fields {
    address: Option<String>,
    result: Option<Result<(), String>>,
    ended: Option<String>,
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let text = || format!("{value:?}").trim_matches('"').to_owned();
        match field.name() {
            "address" => self.address = Some(text()),
            "error" => self.result = Some(Err(text())),
            "ended" => self.ended = Some(text()),
            "peer" => self.result = Some(Ok(())),
            _ => {}
        }
    }
}
