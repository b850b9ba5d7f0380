//! `[log]`: lines of `tracing` events to stderr or to files that roll, as text or JSON. Installed by [`App::run`](crate::App::run)
//! alone: a program that starts apps in another way, or has a subscriber of its own, keeps that.

mod config;
mod rolling;
mod sink;
mod line;

use std::sync::Arc;

use guildhall_core::config::Config;
use guildhall_core::{Env, StartError};
use tracing::Subscriber;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::{Registry, reload};

pub use config::LogConfig;
use guildhall_core::metrics::Counter;
use line::Lines;
use rolling::Rolling;
use sink::Sink;

/// Changes what a running app logs: `Cx::log`.
#[derive(Clone)]
pub struct LogControl {
    filter: reload::Handle<Targets, Registry>,
    pub(crate) dropped: Counter,
    sink: Arc<Sink>,
}

impl LogControl {
    /// Logs this from now on: `info`, or `info,guildhall_gate=debug`.
    ///
    /// # Errors
    /// It is no such text; nothing changes.
    pub fn set_level(&self, level: &str) -> Result<(), String> {
        let targets = config::targets(level)?;
        self.filter.reload(targets).map_err(|error| format!("log.level: {error}"))
    }

    /// What changes the level to that of `config`.
    pub(crate) fn reload(
        &self,
        config: &Config,
    ) -> Result<impl FnOnce() + Send + use<>, StartError> {
        let config: LogConfig = config.section("log")?;
        config.check()?;
        let control = self.clone();
        Ok(move || {
            if let Err(why) = control.set_level(&config.level) {
                tracing::error!(why, "log level unchanged");
            }
        })
    }

    /// Waits until what was logged so far is written.
    pub(crate) fn flush(&self) {
        self.sink.flush();
    }
}

impl std::fmt::Debug for LogControl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogControl").finish_non_exhaustive()
    }
}

/// Begins to log; nothing when the program logs already.
pub(crate) fn install(config: &LogConfig, env: &Env) -> Result<Option<LogControl>, StartError> {
    let targets = config.check()?;
    if tracing::dispatcher::has_been_set() {
        return Ok(None);
    }
    let file = match config.file.as_str() {
        "" => None,
        _ => Some(
            Rolling::open(config, env.clone())
                .map_err(|why| StartError::setting("log.file", why))?,
        ),
    };
    let dropped = Counter::default();
    let sink = Sink::start(file, config.queue_max, dropped.clone());
    let sink =
        Arc::new(sink.map_err(|e| {
            StartError::system(format!("no thread for the log: {e}")).with_source(e)
        })?);
    let lines = Lines { is_json: config.format == "json", sink: Arc::clone(&sink) };
    let (subscriber, filter) = logging(targets, lines);
    match tracing::subscriber::set_global_default(subscriber) {
        Ok(()) => Ok(Some(LogControl { filter, dropped, sink })),
        Err(_somebody_was_quicker) => Ok(None),
    }
}

fn logging(
    targets: Targets,
    lines: Lines,
) -> (impl Subscriber + Send + Sync, reload::Handle<Targets, Registry>) {
    let (filter, handle) = reload::Layer::new(targets);
    (Registry::default().with(filter).with(lines), handle)
}

#[cfg(test)]
mod tests;
