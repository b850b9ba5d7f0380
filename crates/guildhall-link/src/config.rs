//! `[link]`: the settings of connections between apps.

use guildhall_core::StartError;
use serde::{Deserialize, Serialize};

/// Shortest `link.idle_ms`.
const IDLE_MS_MIN: u64 = 1_000;

/// `[link]`: connections between apps.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LinkConfig {
    /// Address `host:port` to listen on; empty: no other app can call this app.
    pub listen: String,
    /// URL of a backend over which this app links with others, instead of TCP: `nats://host:4222`, where apps reach the server and not each
    /// other. All apps of a deployment have the same. With it `listen` and `advertise` are not used. Empty: TCP.
    pub over: String,
    /// Address `host:port` that other apps dial, if it differs from `listen`.
    pub advertise: String,
    /// Shared secret of all apps of a deployment. Outside loopback an app needs either the secret or TLS.
    pub secret: String,
    /// PEM file with this app's certificate and its chain, for mutual TLS on links; empty: no TLS. The certificate has to be valid for
    /// servers and clients, and its URI `guildhall://env/world/func` names the apps that may use it.
    pub tls_cert: String,
    /// PEM file with the certificate's private key.
    pub tls_key: String,
    /// PEM file with the accepted certificate authorities.
    pub tls_ca: String,
    /// Connections to each other app, 1 to 16. Calls of one key stay on one of them; calls without an order are spread. More than the
    /// callee's workers have no effect.
    pub links_per_peer: usize,
    /// Largest frame, and largest body of a call of the app to itself, in bytes, both ways; a larger one is `TOO_LARGE` at the sender.
    pub frame_max: usize,
    /// Calls in flight on one link, and of the app to itself; one more is `OVERLOADED`.
    pub pending_max: usize,
    /// Bytes that wait for one socket; further calls and casts are `OVERLOADED`.
    pub queued_max: usize,
    /// Calls and casts of one link, and of the app to itself, that run at a time at the callee; one more call is `OVERLOADED`, one more
    /// cast is dropped and counted.
    pub running_max: usize,
    /// Connections from other apps; one more is closed at once, and its peer dials again later.
    pub accepted_max: usize,
    /// Longest time of connecting and authenticating, in ms.
    pub handshake_ms: u64,
    /// First pause before dialling again, in ms; doubles up to `redial_max_ms`.
    pub redial_ms: u64,
    /// Longest pause before dialling again, in ms. Too large: links are missing for longer after a restart.
    pub redial_max_ms: u64,
    /// Time without a call after which a link to an app that discovery lists is closed, in ms; the next call dials again, and waits for
    /// it within its deadline. 0: all apps that discovery lists are dialled at once, and no link is closed. Otherwise 1,000 or more.
    /// Too small: calls wait for dials. Too large: links that nobody uses cost memory and pings.
    pub idle_ms: u64,
    /// Time without a frame from the peer after which it is pinged, in ms; after twice this time the link is lost. An app whose lease
    /// session has ended is pinged at once, and has a tenth of this time to answer. With actors, at least half of `ownership.ttl_ms`.
    /// Too small: a stall that a lease survives ends the app's links. Too large: calls to a hung app fail late.
    pub ping_ms: u64,
}

impl Default for LinkConfig {
    fn default() -> Self {
        Self {
            listen: String::new(),
            over: String::new(),
            advertise: String::new(),
            secret: String::new(),
            tls_cert: String::new(),
            tls_key: String::new(),
            tls_ca: String::new(),
            links_per_peer: 1,
            frame_max: 4 << 20,
            pending_max: 65_536,
            queued_max: 16 << 20,
            running_max: 16_384,
            accepted_max: 4096,
            handshake_ms: 5_000,
            redial_ms: 50,
            redial_max_ms: 2_000,
            idle_ms: 0,
            ping_ms: 5_000,
        }
    }
}

impl LinkConfig {
    /// The section, if each of its values can be.
    ///
    /// # Errors
    /// Which value cannot be, and what can.
    pub fn check(self) -> Result<Self, StartError> {
        let wrong = |key: &str, is: u64, can: &str| {
            Err(StartError::setting(key, format!("{key} is {is}; it must be {can}")))
        };
        match (self.links_per_peer, self.idle_ms) {
            (1..=16, 0 | IDLE_MS_MIN..) => Ok(self),
            (1..=16, ms) => wrong("link.idle_ms", ms, "0, or 1000 or more"),
            (n, _) => wrong("link.links_per_peer", n as u64, "from 1 to 16"),
        }
    }
}
