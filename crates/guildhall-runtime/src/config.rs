//! The runtime's configuration sections.

use std::collections::BTreeMap;
use std::time::Duration;

use guildhall_core::Config;
use guildhall_core::config::ConfigError;
use serde::{Deserialize, Serialize};

/// `[app]`: the app's identity and its backends.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AppConfig {
    /// Identity `env.world.func.inst`. Each running app of an env needs its own.
    pub id: String,
    /// Logic address `cluster.type.server`, a number for each part; empty: computed from `app.worlds`, `app.funcs` and a numeric inst,
    /// or none.
    pub logic_addr: String,
    /// Numbers of worlds, 1 to 4095: the first part of logic addresses. The same in all apps.
    pub worlds: BTreeMap<String, u16>,
    /// Numbers of funcs, 1 to 254 (255 is reserved for relays between worlds): the second part of logic addresses. The same in all
    /// apps.
    pub funcs: BTreeMap<String, u8>,
    /// Version label, for operators and for version rules.
    pub version: String,
    /// Share of work relative to other apps; 0: no calls without a key, and no slots.
    pub weight: u32,
    /// URL of a document with further settings, in TOML, that a backend keeps: `etcd://host:2379/game/demo.toml` is the value of the key
    /// `game/demo.toml`. Its settings override those of the file; environment and flags override both. It is read at the start, before
    /// anything else, and at each reload; without it, the app does not start. At most 1 MiB. Empty: none.
    pub config: String,
    /// URL of the backend of the cluster, `hub://host:port`: it serves every seam below that it has and that has no setting of its own.
    /// A preset of the program for a seam yields to it. Empty: none.
    pub cluster: String,
    /// URL of the discovery backend: `memory:` (this process only), `static:host:port,host:port`, or a plugin's, `hub://host:port`;
    /// empty: `app.cluster`, otherwise `memory:`.
    pub discovery: String,
    /// URL of the broker, which distributes casts by topic: `memory:` (this process only), or a plugin's; empty: the first of
    /// `app.cluster` and `app.discovery` that has a broker, otherwise `memory:`. Opened at its first use.
    pub broker: String,
    /// URL of the queue backend: `memory:` (this process only), or a plugin's; empty: the first of `app.cluster` and `app.discovery`
    /// that has queues, otherwise `memory:`. Opened at its first use.
    pub queue: String,
    /// URL of the lease backend, which decides the owner of each slot: `memory:` (this process only), or a plugin's; empty: the first
    /// of `app.cluster` and `app.discovery` that has leases, otherwise `memory:`. Opened at the start, because all apps watch which
    /// lease sessions end.
    pub leases: String,
    /// URL of the store, which keeps entities: `memory:` (lost at exit), or a plugin's, `redb:./data`; empty: `app.cluster` if it has
    /// a store, otherwise `memory:`. All apps that own actors of one type need the same store.
    pub store: String,
    /// Worker threads of `run()`, each with its own runtime; 0: one per core.
    pub workers: usize,
    /// Time that discovery keeps the app's registration after its last renewal, in ms. With actors, at least `ownership.ttl_ms`. Too
    /// small: a stall is mistaken for a crash. Too large: calls without a key go to a hung app for longer.
    pub discovery_ttl_ms: u64,
    /// Longest time of all `on_start` hooks together, in ms. When it is exceeded, the start fails.
    pub start_ms: u64,
    /// Longest drain, in ms: at most half of it for handing slots over, hooks and background tasks; the last quarter only for saving
    /// actors, when running calls are cut off. Less than the time that the platform waits before it kills. Too small: calls are cut
    /// off, and changes are lost when the store is slow.
    pub drain_ms: u64,
    /// Default number of slots of an actor type, and slots for calls by key to services without actors. The same in all apps, or calls
    /// go to the wrong app.
    pub slots: u32,
}

impl Default for AppConfig {
    fn default() -> Self {
        Self {
            id: "dev.w1.app.1".into(),
            logic_addr: String::new(),
            worlds: BTreeMap::new(),
            funcs: BTreeMap::new(),
            version: "0".into(),
            weight: 100,
            config: String::new(),
            cluster: String::new(),
            discovery: String::new(),
            broker: String::new(),
            queue: String::new(),
            leases: String::new(),
            store: String::new(),
            workers: 0,
            discovery_ttl_ms: 10_000,
            start_ms: 60_000,
            drain_ms: 10_000,
            slots: 1024,
        }
    }
}

/// Where a seam is that no setting names.
const IN_MEMORY: &str = "memory:";

impl AppConfig {
    /// Reads `[app]`. A preset of the program for a seam counts only where `app.cluster` is not given.
    ///
    /// # Errors
    /// An unknown key, or a value of another type.
    pub fn read(config: &Config) -> Result<Self, ConfigError> {
        let mut app: Self = config.section("app")?;
        if config.is_given("app.cluster") && !app.cluster.is_empty() {
            let Self { discovery, broker, queue, leases, store, .. } = &mut app;
            let seams = [
                ("app.discovery", discovery),
                ("app.broker", broker),
                ("app.queue", queue),
                ("app.leases", leases),
                ("app.store", store),
            ];
            let preset = seams.into_iter().filter(|(key, _)| !config.is_given(key));
            preset.for_each(|(_, url)| url.clear());
        }
        Ok(app)
    }

    /// The URL of the discovery.
    pub fn discovery_url(&self) -> &str {
        first_set(&[&self.discovery, &self.cluster])
    }

    /// The URL of the store, if `app.cluster` has a store where it says so.
    pub fn store_url(&self) -> &str {
        first_set(&[&self.store, &self.cluster])
    }
}

fn first_set<'a>(urls: &[&'a str]) -> &'a str {
    urls.iter().find(|url| !url.is_empty()).copied().unwrap_or(IN_MEMORY)
}

/// `[save]`: how changes of actors are written to the store.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SaveConfig {
    /// Saves of actors in one store round trip. Too small: many round trips. Too large: each takes longer.
    pub batch_max: usize,
    /// Longest store round trip, in ms; then it is repeated with the same bytes.
    pub timeout_ms: u64,
    /// First pause before a save is retried, in ms; doubles up to `retry_max_ms`.
    pub retry_ms: u64,
    /// Longest pause before a save is retried, in ms.
    pub retry_max_ms: u64,
}

impl Default for SaveConfig {
    fn default() -> Self {
        Self { batch_max: 256, timeout_ms: 10_000, retry_ms: 100, retry_max_ms: 5_000 }
    }
}

impl SaveConfig {
    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }

    pub(crate) fn retry(&self) -> Duration {
        Duration::from_millis(self.retry_ms)
    }

    /// The pause after this one.
    pub(crate) fn longer(&self, pause: Duration) -> Duration {
        (pause * 2).min(Duration::from_millis(self.retry_max_ms))
    }
}

/// `[store]`: tables, and rows that no actor owns.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StoreConfig {
    /// `auto`: the app creates missing tables, columns and indexes at start. `check`: it reports what is missing, changes nothing, and
    /// does not start.
    pub migrate: String,
    /// Attempts of `Rows::change` when other writers change the same row; then it fails with CONFLICT or EXISTS.
    pub changes_max: u32,
    /// Bytes of the rows of one actor together, its records included, and of each row of `Cx::table`. A turn or a write that would
    /// exceed it fails with TOO_LARGE and changes nothing. Too small: games with large inventories fail. Too large: a row does not fit
    /// into a frame of a store that is reached over a link.
    pub row_max: usize,
    /// Ids that `Cx::next_id` reserves in the store at a time, at least 1. Too small: many writes. Too large: a restart skips many
    /// ids.
    pub id_block: u64,
    /// Time between two searches for tombstones whose records have expired, which are then removed, in ms; 0: never.
    pub sweep_ms: u64,
    /// Tombstones per page of this search.
    pub sweep_page: usize,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            migrate: "auto".into(),
            changes_max: 16,
            row_max: 2 << 20,
            id_block: 1000,
            sweep_ms: 10_000,
            sweep_page: 256,
        }
    }
}

/// `[call]`: deadlines and retries.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CallConfig {
    /// Deadline of a call whose method and caller have none, in ms. Too small: calls fail under load. Too large: callers wait long for
    /// an app that hangs.
    pub timeout_ms: u64,
    /// Retries of one call that did not run.
    pub retries_max: u32,
    /// Retries per hundred calls of the app. Too small: calls fail during restarts. Too large: retries overload apps that are in
    /// trouble.
    pub retry_percent: u32,
    /// Pause before a retry, in ms.
    pub retry_pause_ms: u64,
    /// Time that a call whose actor has moved twice waits for a newer membership before it asks again, in ms.
    pub moved_pause_ms: u64,
    /// Calls with a callback (`cx.spawn_call`) in flight; one more is `OVERLOADED`.
    pub callbacks_max: usize,
    /// Players for whom the app counts its pushes, so that a lost push makes a RESET. Too small: counts start again, and a push that
    /// is lost at that moment is not detected.
    pub pushed_max: usize,
}

impl Default for CallConfig {
    fn default() -> Self {
        Self {
            timeout_ms: 5_000,
            retries_max: 3,
            retry_percent: 10,
            retry_pause_ms: 20,
            moved_pause_ms: 100,
            callbacks_max: 16_384,
            pushed_max: 65_536,
        }
    }
}
