//! The runtime's sections of the configuration: every limit has its name here.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// `[app]`: who this is and whom it knows.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AppConfig {
    /// `env.world.func.inst`.
    pub id: String,
    /// Its numeric address, `cluster.type.server`; empty: made of `app.worlds`, `app.funcs` and a numeric inst, or none.
    pub logic_addr: String,
    /// Numbers of worlds, 1 to 4095: the first part of logic addresses. The same on all apps.
    pub worlds: BTreeMap<String, u16>,
    /// Numbers of funcs, 1 to 254 (255 is reserved for relays between worlds): the second part of logic addresses. The same on
    /// all apps.
    pub funcs: BTreeMap<String, u8>,
    /// Version label, for people and for rules of routing.
    pub version: String,
    /// Share of work relative to other instances; 0 gets none.
    pub weight: u32,
    /// Where apps find each other: `memory:` (this process alone), `static:host:port,host:port`, or what a plugin opens,
    /// `hub://host:port`.
    pub discovery: String,
    /// What carries casts by topic: `memory:` (this process alone), or what a plugin opens; empty: the backend of
    /// `app.discovery` if it has a broker, otherwise `memory:`. Opened when it is first used.
    pub broker: String,
    /// Where work waits: `memory:` (this process alone), or what a plugin opens; empty: the backend of `app.discovery` if it has
    /// queues, otherwise `memory:`. Opened when it is first used.
    pub queue: String,
    /// What decides which app owns what: `memory:` (this process alone), or what a plugin opens; empty: the backend of
    /// `app.discovery` if it has leases, otherwise `memory:`. Opened at the start: all apps watch whose lease sessions end.
    pub leases: String,
    /// Where entities are kept: `memory:` (nothing survives a restart), or what a plugin opens, `redb:./data`.
    pub store: String,
    /// Threads of `run()`, each with its own runtime; 0 is one per core.
    pub workers: usize,
    /// How long discovery keeps the app's registration after its last renewal, in ms. With actors, at least `ownership.ttl_ms`. Too
    /// small: a pause is mistaken for a crash; too large: calls without a key go to a hung app for longer.
    pub discovery_ttl_ms: u64,
    /// How long the hooks of `on_start` may take together, in ms.
    pub start_ms: u64,
    /// How long draining may take, in ms. At most half of it for handing slots over, hooks and tasks, and the last quarter for saving
    /// actors alone: what runs then is cut off. Too small: calls are cut off and changes are lost where the store takes longer.
    pub drain_ms: u64,
    /// Slots of a keyspace: the same everywhere, or calls go to the wrong app.
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
            discovery: "memory:".into(),
            broker: String::new(),
            queue: String::new(),
            leases: String::new(),
            store: "memory:".into(),
            workers: 0,
            discovery_ttl_ms: 10_000,
            start_ms: 60_000,
            drain_ms: 10_000,
            slots: 1024,
        }
    }
}

/// `[save]`: how the changes of actors get to the store.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SaveConfig {
    /// Saves of actors that share a trip to the store.
    pub batch_max: usize,
    /// How long a trip may take before it is made again, in ms.
    pub timeout_ms: u64,
    /// First pause before a save is tried again, in ms; doubles up to `retry_max_ms`.
    pub retry_ms: u64,
    /// Longest pause before a save is tried again, in ms.
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
    /// `auto`: the app gives the store what its tables need: tables, columns, indexes. `check`: it says what they need, changes
    /// nothing, and does not start.
    pub migrate: String,
    /// How often `Rows::change` begins anew when somebody else was faster.
    pub changes_max: u32,
    /// Bytes that the rows of one actor may have together, its records included, and each row of `Cx::table`. A turn or a write that
    /// would make more fails with TOO_LARGE and changes nothing. Too small: games with large inventories fail. Too large: a row
    /// does not fit into a frame of a store that is reached over the link.
    pub row_max: usize,
    /// Ids that `Cx::next_id` takes from the store at a time, at least 1. Large: fewer writes, and more ids that a restart skips.
    pub id_block: u64,
    /// How often tombstones of deleted rows are removed whose records nobody can ask for any more, in ms; 0 is never.
    pub sweep_ms: u64,
    /// Tombstones of one page of that.
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
    /// Time limit of a call that names none, in ms.
    pub timeout_ms: u64,
    /// How often a call that did not run is sent again.
    pub retries_max: u32,
    /// Retries per hundred calls, over the whole app.
    pub retry_percent: u32,
    /// Pause before a retry, in ms.
    pub retry_pause_ms: u64,
    /// How long a call whose actor has moved, and moved again, waits for a newer view before it asks again, in ms.
    pub moved_pause_ms: u64,
    /// Calls of the app with a callback that have not ended; one more is `OVERLOADED`.
    pub callbacks_max: usize,
    /// Players for whom the app counts what it pushes, so that one that is lost on its way makes a RESET. With one more, some are
    /// counted anew, and of a push that is lost just then nobody knows.
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
