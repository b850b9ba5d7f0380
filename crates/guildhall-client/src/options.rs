//! [`Options`]: every limit of a client has its name here.

use std::time::Duration;

/// How a client behaves. `Options { pending_max: 4, ..Options::default() }` changes one thing.
#[derive(Clone, Debug)]
pub struct Options {
    /// What the client is, for the gate's logs.
    pub client: String,
    /// How long a call waits for its reply when its method does not say (`timeout_ms`). 10 s.
    pub timeout: Duration,
    /// How long one attempt to connect and log in may take. 10 s.
    pub connect_timeout: Duration,
    /// Calls that wait for their reply; one more is `OVERLOADED`. 32, the window of a gate: beyond the gate's own window it
    /// refuses them itself.
    pub pending_max: usize,
    /// Bytes that wait for the socket; when there are so many, further calls and casts are `OVERLOADED`. 1 MiB.
    pub queued_max: usize,
    /// Largest packet in bytes, both ways. 1 MiB.
    pub packet_max: usize,
    /// Events that wait for [`Events::next`](crate::Events::next); beyond it the oldest are dropped and counted. 1024.
    pub events_max: usize,
    /// Attempts to connect again after a connection was lost; then the client gives up. 0: never connect again. 20.
    pub attempts_max: u32,
    /// First pause before an attempt. It doubles up to `backoff_max`; half of each is random. 250 ms.
    pub backoff_min: Duration,
    /// Longest pause before an attempt. 10 s.
    pub backoff_max: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            client: concat!("guildhall-client/", env!("CARGO_PKG_VERSION")).into(),
            timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(10),
            pending_max: 32,
            queued_max: 1 << 20,
            packet_max: 1 << 20,
            events_max: 1024,
            attempts_max: 20,
            backoff_min: Duration::from_millis(250),
            backoff_max: Duration::from_secs(10),
        }
    }
}
