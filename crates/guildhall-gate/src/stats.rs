//! Counters of a gate.

use guildhall_runtime::metrics::{Counter, Gauge, MetricError, Metrics};

macro_rules! stats {
    ($($(#[doc = $help:literal])+ $name:ident: $kind:ident $method:ident $metric:literal,)*) => {
        /// Counters of a gate since its start. Each is exact; together they are not a snapshot of one moment.
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
    /// Open connections.
    connections: Gauge gauge "guildhall_gate_connections",
    /// Calls and casts forwarded to services.
    calls: Counter counter "guildhall_gate_calls_total",
    /// Calls answered with an error.
    errors: Counter counter "guildhall_gate_errors_total",
    /// Pushes queued for clients: one per client and push.
    pushes: Counter counter "guildhall_gate_pushes_total",
    /// Encodings of push bodies: at most two per broadcast, one binary and one JSON.
    encodes: Counter counter "guildhall_gate_encodes_total",
    /// Dropped packets: before HELLO, casts over a limit or to unknown methods, pushes to clients that are gone.
    dropped: Counter counter "guildhall_gate_dropped_total",
    /// Connections refused or ended by the gate.
    cut: Counter counter "guildhall_gate_cut_total",
}
