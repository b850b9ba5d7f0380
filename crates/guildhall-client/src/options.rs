//! [`Options`]: all limits of a client.

use std::time::Duration;

/// Limits and timeouts of a client: `Options { pending_max: 4, ..Options::default() }`.
#[derive(Clone, Debug)]
pub struct Options {
    /// Name and version of the client, for the gate's logs.
    pub client: String,
    /// File of PEM with the authorities that the certificate of a gate has to stem from, for `tls://` and `wss://`: where Debian keeps
    /// those of the web, `/etc/ssl/certs/ca-certificates.crt`. Default empty: none.
    pub ca: String,
    /// Longest wait for a reply, for methods without `timeout_ms`. Default 10 s.
    pub timeout: Duration,
    /// Longest attempt to connect and log in. Default 10 s.
    pub connect_timeout: Duration,
    /// Calls in flight; one more is `OVERLOADED`. Default 32, the default window of a gate, which refuses calls beyond its window itself.
    pub pending_max: usize,
    /// Bytes that wait for the socket; further calls and casts are `OVERLOADED`. Default 1 MiB.
    pub queued_max: usize,
    /// Largest packet in bytes, both ways. Default 1 MiB.
    pub packet_max: usize,
    /// Events that wait for [`Events::next`](crate::Events::next); beyond it the oldest are dropped and counted. Default 1024.
    pub events_max: usize,
    /// Attempts to reconnect after a connection was lost; then the client ends. 0: never reconnect. Default 20.
    pub attempts_max: u32,
    /// First pause before an attempt, doubling up to `backoff_max`; half of each pause is random. Default 250 ms.
    pub backoff_min: Duration,
    /// Longest pause before an attempt. Default 10 s.
    pub backoff_max: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            client: concat!("guildhall-client/", env!("CARGO_PKG_VERSION")).into(),
            ca: String::new(),
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
