//! `[login]`: where accounts log in, what hashing their passwords may cost, and what tokens say.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// `[login]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LoginConfig {
    /// `host:port` of the HTTP server.
    pub listen: String,
    /// Folder of the keys that sign tokens; made at the first start.
    pub keys: String,
    /// `iss` of the tokens; what `gate.jwt.issuer` expects.
    pub issuer: String,
    /// `aud` of the tokens; what `gate.jwt.audience` expects.
    pub audience: String,
    /// How long a token can be used to connect, in seconds.
    pub token_s: u64,
    /// Passwords that are hashed at a time; 0 is one per core.
    pub hashes: usize,
    /// Requests that wait for their hash; one more is refused at once.
    pub queue_max: usize,
    /// Memory of one hash, in KiB. OWASP's least is 19456.
    pub hash_kib: u32,
    /// Passes over that memory. OWASP's least is 2.
    pub hash_passes: u32,
    /// Largest body of a request, in bytes.
    pub body_max: usize,
    /// Connections at a time; one more is closed at once.
    pub connections_max: usize,
    /// How long a request may take, in ms.
    pub request_ms: u64,
    /// How long a connection may be silent, in ms. More than `request_ms`.
    pub idle_ms: u64,
}

impl Default for LoginConfig {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:7080".into(),
            keys: "./data/keys".into(),
            issuer: "guildhall-demo".into(),
            audience: "guildhall-demo".into(),
            token_s: 3600,
            hashes: 0,
            queue_max: 256,
            hash_kib: 19_456,
            hash_passes: 2,
            body_max: 4096,
            connections_max: 1024,
            request_ms: 10_000,
            idle_ms: 30_000,
        }
    }
}

impl LoginConfig {
    pub(super) fn request(&self) -> Duration {
        Duration::from_millis(self.request_ms)
    }
}
