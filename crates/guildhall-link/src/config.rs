//! `[link]`: the settings of connections between apps.

use guildhall_core::StartError;
use serde::{Deserialize, Serialize};

/// `[link]`: connections between apps.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LinkConfig {
    /// `host:port` to listen on; empty: nobody calls this app.
    pub listen: String,
    /// `host:port` that others dial, where it differs from `listen`.
    pub advertise: String,
    /// What all apps of a deployment know. Outside loopback there is this, or TLS.
    pub secret: String,
    /// PEM file of this app's certificate and its chain, for TLS on links. A URI in it, `guildhall://env/world/func`, says for
    /// whom it speaks; it is good for servers and clients. Empty: no TLS.
    pub tls_cert: String,
    /// PEM file of the certificate's key.
    pub tls_key: String,
    /// PEM file of the authorities whose certificates are believed.
    pub tls_ca: String,
    /// Connections to each other app, 1 to 16. With several, calls of one key stay on one of them and calls without any order are
    /// spread; more than the app that is called has workers bring nothing.
    pub links_per_peer: usize,
    /// Largest frame, in bytes, both ways.
    pub frame_max: usize,
    /// Calls that wait for their reply on one link; one more is `OVERLOADED`.
    pub pending_max: usize,
    /// Bytes that wait for one socket; further calls and casts are `OVERLOADED`.
    pub queued_max: usize,
    /// Calls and casts of one link that may run at a time; one more call is `OVERLOADED`, one more cast is lost and counted.
    pub running_max: usize,
    /// Connections that others may open to this app.
    pub accepted_max: usize,
    /// How long a peer may take to connect and prove itself, in ms.
    pub handshake_ms: u64,
    /// First pause before dialling again, in ms; doubles up to `redial_max_ms`.
    pub redial_ms: u64,
    /// Longest pause before dialling again, in ms.
    pub redial_max_ms: u64,
    /// A link on which nothing has come for this long is asked whether it lives, and after twice as long it is lost, in ms;
    /// an app whose lease session has ended is asked at once and has a tenth of it. With
    /// actors, at least half of `ownership.ttl_ms`, or a pause that a lease survives ends the app's links.
    pub ping_ms: u64,
}

impl Default for LinkConfig {
    fn default() -> Self {
        Self {
            listen: String::new(),
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
        match self.links_per_peer {
            1..=16 => Ok(self),
            n => {
                Err(StartError::new(format!("link.links_per_peer is {n}; it must be from 1 to 16")))
            }
        }
    }
}
