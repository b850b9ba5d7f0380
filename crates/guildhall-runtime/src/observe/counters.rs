//! The runtime's own counters.

use guildhall_core::metrics::{Counter, Gauge, MetricError, Metrics};
use guildhall_link::CallMeters;

macro_rules! counters {
    ($($(#[doc = $help:literal])+ $name:ident: $kind:ident $method:ident $metric:literal,)*) => {
        /// What the runtime counts without labels, and its calls.
        #[derive(Debug)]
        pub(crate) struct Counters {
            $($(#[doc = $help])+ pub(crate) $name: $kind,)*
            /// Calls that this app makes.
            pub(crate) calls: CallMeters,
        }

        impl Counters {
            pub(crate) fn new(metrics: &Metrics) -> Result<Self, MetricError> {
                Ok(Self {
                    $($name: metrics.$method($metric, concat!($($help),+).trim(), &[])?.with(&[]),)*
                    calls: CallMeters::new(metrics)?,
                })
            }
        }
    };
}

counters! {
    /// Calls and casts that an actor, or a serial or interleaved service, has run.
    turns: Counter counter "guildhall_actor_turns_total",
    /// Times that a turn kept its worker busy for 50 ms or more.
    slow_turns: Counter counter "guildhall_actor_slow_turns_total",
    /// Turns that panicked.
    panics: Counter counter "guildhall_actor_panics_total",
    /// Turns that were ended by their limit.
    turn_limits: Counter counter "guildhall_actor_turn_limits_total",
    /// Actors that became active.
    activations: Counter counter "guildhall_actor_activations_total",
    /// Actors that were deactivated in order.
    deactivations: Counter counter "guildhall_actor_deactivations_total",
    /// Activations that were dropped with their unsaved changes.
    dropped: Counter counter "guildhall_actor_dropped_total",
    /// Calls and casts that a mailbox, a queue, or the number of actors, had no room for.
    overloaded: Counter counter "guildhall_actor_overloaded_total",
    /// Calls whose decoded key was not the session's player, or not the actor's, and that were refused.
    forged_keys: Counter counter "guildhall_forged_keys_total",
    /// Casts to actors that had moved, and could not be sent on.
    casts_lost: Counter counter "guildhall_actor_casts_lost_total",
    /// Messages of outboxes that their receivers have refused.
    outbox_refused: Counter counter "guildhall_outbox_refused_total",
    /// Messages of outboxes that have to be sent again.
    outbox_retries: Counter counter "guildhall_outbox_retries_total",
    /// Tombstones of deleted rows that were removed.
    swept: Counter counter "guildhall_tombstones_removed_total",
    /// Actors that were woken because they had something to do.
    woken: Counter counter "guildhall_actors_woken_total",
    /// Hooks and background tasks of the game that panicked.
    task_panics: Counter counter "guildhall_task_panics_total",
    /// Batches of rows that were saved.
    saves: Counter counter "guildhall_saves_total",
    /// Batches of rows that a store did not take, and that are tried again.
    save_retries: Counter counter "guildhall_save_retries_total",
    /// Batches of rows that a store refused.
    save_failures: Counter counter "guildhall_save_failures_total",
    /// Connections to other apps that this app makes calls on.
    links_dialled: Gauge gauge "guildhall_links_dialled",
    /// Apps that are dialled when a call needs them, with a link or without (`link.idle_ms`).
    apps_on_demand: Gauge gauge "guildhall_apps_on_demand",
    /// Connections of other apps that this app serves.
    links_accepted: Gauge gauge "guildhall_links_accepted",
    /// Bytes that wait for the sockets of all links, in steps of 4096 for each.
    queued_bytes: Gauge gauge "guildhall_link_queued_bytes",
    /// Calls that were accepted and not answered yet.
    in_flight: Gauge gauge "guildhall_calls_in_flight",
    /// Calls with a callback that have not ended.
    callbacks: Gauge gauge "guildhall_callbacks",
    /// Casts by topic that were lost because this app was too slow.
    topic_lost: Counter counter "guildhall_topic_lost_total",
    /// Messages of topics that were no casts of the service that subscribed.
    topic_refused: Counter counter "guildhall_topic_refused_total",
    /// Raw casts with a command that has no handler here.
    raw_unknown: Counter counter "guildhall_raw_unknown_total",
}
