//! What the gate has counted.

use guildhall_runtime::metrics::{Counter, Gauge, MetricError, Metrics};

macro_rules! stats {
    ($($(#[doc = $help:literal])+ $name:ident: $kind:ident $method:ident $metric:literal,)*) => {
        /// Counters of a gate, since its start. Each is right, and they need not fit each other.
        #[derive(Debug, Default)]
        pub struct GateStats {
            $($(#[doc = $help])+ pub $name: $kind,)*
        }

        impl GateStats {
            /// Makes them metrics of the app.
            pub(crate) fn register(&self, metrics: &Metrics) -> Result<(), MetricError> {
                $(
                    let help = concat!($($help),+).trim();
                    metrics.$method($metric, help, &[])?.adopt(&[], &self.$name);
                )*
                Ok(())
            }
        }
    };
}

stats! {
    /// Connections at present.
    connections: Gauge gauge "guildhall_gate_connections",
    /// Calls and casts that were handed on.
    calls: Counter counter "guildhall_gate_calls_total",
    /// Calls that were answered with an error.
    errors: Counter counter "guildhall_gate_errors_total",
    /// Pushes that were queued for a client: one for each client that gets it.
    pushes: Counter counter "guildhall_gate_pushes_total",
    /// How often the body of a push was put into the form of a client: at most twice per broadcast.
    encodes: Counter counter "guildhall_gate_encodes_total",
    /// Packets that nobody got: before HELLO, casts over a limit or to no method, pushes to clients that are gone.
    dropped: Counter counter "guildhall_gate_dropped_total",
    /// Connections that the gate refused or ended.
    cut: Counter counter "guildhall_gate_cut_total",
}
