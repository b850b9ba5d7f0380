//! `[login]`: settings of the login server: address, cost of hashes, limits of wrong passwords, tokens.

use std::time::Duration;

use guildhall::http::{Limits, Origins};
use serde::{Deserialize, Serialize};

/// `[login]`: the login server.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LoginConfig {
    /// Address `host:port` of the HTTP server.
    pub listen: String,
    /// Folder of the keys that sign tokens; created at the first start.
    pub keys: String,
    /// `iss` claim of the tokens; the gate expects it in `gate.jwt.issuer`.
    pub issuer: String,
    /// `aud` claim of the tokens; the gate expects it in `gate.jwt.audience`.
    pub audience: String,
    /// Time that a token can be used to connect, in s.
    pub token_s: u64,
    /// Passwords that are hashed at a time, each with `hash_kib` of memory that is never returned; 0: one per core, at most 4.
    pub hashes: usize,
    /// Requests of known accounts that wait for their hash, and as many of others. One more is refused at once.
    pub queue_max: usize,
    /// Memory of one hash, in KiB. OWASP recommends at least 19456.
    pub hash_kib: u32,
    /// Passes over that memory. OWASP recommends at least 2.
    pub hash_passes: u32,
    /// Wrong passwords of an account per minute; 0: no limit. For an address from which the account has logged in before, a separate
    /// limit applies. Too large: passwords can be guessed. Too small: players who mistype have to wait.
    pub tries_per_account: u32,
    /// Wrong passwords from an address (IPv6: a /64 network) per minute, for accounts that have never logged in from it; 0: no limit.
    pub tries_per_address: u32,
    /// New accounts from an address per minute; 0: no limit.
    pub registers_per_address: u32,
    /// Accounts and addresses whose wrong passwords are remembered, and known pairs of both; the oldest are forgotten. About 100 bytes
    /// each.
    pub tries_kept: usize,
    /// Time that the answer to a refused request is delayed, in ms, and five times as long after too many wrong passwords, so that a
    /// client that repeats at once is slow.
    pub refusal_ms: u64,
    /// Largest body of a request, in bytes.
    pub body_max: usize,
    /// Connections. One more replaces the connection that has waited longest for its client.
    pub connections_max: usize,
    /// Connections from one address (IPv6: a /64 network); one more replaces another one of that address.
    pub connections_per_address: usize,
    /// Longest time for the head of a request, from the connection or its first byte, in ms.
    pub head_ms: u64,
    /// Longest request, its body included, in ms.
    pub request_ms: u64,
    /// Longest silence of a connection between two requests, in ms.
    pub idle_ms: u64,
    /// Web sites whose pages may log in (CORS): `["https://game.example"]`, or `["*"]` for all. Empty: none; clients other than
    /// browsers are not affected.
    pub origins: Vec<String>,
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
            tries_per_account: 10,
            tries_per_address: 30,
            registers_per_address: 60,
            tries_kept: 32_768,
            refusal_ms: 1_000,
            body_max: 4096,
            connections_max: 1024,
            connections_per_address: 256,
            head_ms: 5_000,
            request_ms: 10_000,
            idle_ms: 30_000,
            origins: Vec::new(),
        }
    }
}

/// Hashes at a time where nobody says otherwise: more cores bring more logins, and 19 MiB each.
const HASHES_MAX: usize = 4;

impl LoginConfig {
    pub(super) fn request(&self) -> Duration {
        Duration::from_millis(self.request_ms)
    }

    pub(super) fn hashes(&self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        if self.hashes == 0 { cores().min(HASHES_MAX) } else { self.hashes }
    }

    pub(super) fn limits(&self) -> Result<Limits, String> {
        Ok(Limits {
            connections: self.connections_max,
            per_address: self.connections_per_address,
            head: Duration::from_millis(self.head_ms),
            body_max: self.body_max,
            request: self.request(),
            idle: Duration::from_millis(self.idle_ms),
            keep_alive: true,
            origins: Origins::parse("login.origins", &self.origins)?,
        })
    }
}
