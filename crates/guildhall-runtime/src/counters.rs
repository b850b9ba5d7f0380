//! What an app counts, and its text form for Prometheus.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counters {
    ($($(#[doc = $help:literal])+ $name:ident: $metric:literal,)*) => {
        /// What an app counts. Every number only grows.
        #[derive(Debug, Default)]
        pub(crate) struct Counters {
            $($(#[doc = $help])+ pub(crate) $name: Counter,)*
        }

        impl Counters {
            /// Prometheus' text format.
            pub(crate) fn text(&self) -> String {
                let mut text = String::new();
                $(
                    let help = concat!($($help),+);
                    let _infallible = writeln!(
                        text,
                        "# HELP {0}{help}\n# TYPE {0} counter\n{0} {1}",
                        $metric,
                        self.$name.get(),
                    );
                )*
                text
            }
        }
    };
}

counters! {
    /// Calls and casts that an actor, or a serial or interleaved service, has run.
    turns: "guildhall_actor_turns_total",
    /// Times that a turn kept its worker busy for 50 ms or more.
    slow_turns: "guildhall_actor_slow_turns_total",
    /// Turns that panicked.
    panics: "guildhall_actor_panics_total",
    /// Turns that were ended by their limit.
    turn_limits: "guildhall_actor_turn_limits_total",
    /// Actors that became active.
    activations: "guildhall_actor_activations_total",
    /// Actors that were deactivated in order.
    deactivations: "guildhall_actor_deactivations_total",
    /// Activations that were dropped with their unsaved changes.
    dropped: "guildhall_actor_dropped_total",
    /// Calls and casts that a mailbox, a queue, or the number of actors, had no room for.
    overloaded: "guildhall_actor_overloaded_total",
    /// Hooks and background tasks of the game that panicked.
    task_panics: "guildhall_task_panics_total",
    /// Batches of rows that were saved.
    saves: "guildhall_saves_total",
    /// Batches of rows that a store did not take, and that are tried again.
    save_retries: "guildhall_save_retries_total",
    /// Batches of rows that a store refused.
    save_failures: "guildhall_save_failures_total",
}

/// A number that grows.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    #[inline]
    pub(crate) fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
