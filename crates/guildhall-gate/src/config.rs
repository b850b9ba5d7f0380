//! `[gate]`: where clients connect, how they prove who they are, and how much they may do.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// `[gate]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GateConfig {
    /// `host:port` for binary clients over TCP; empty: none.
    pub tcp: String,
    /// `host:port` for clients over WebSocket, binary or JSON; empty: none.
    pub websocket: String,
    /// Path of the WebSocket's URL; others get 404.
    pub websocket_path: String,
    /// Values of a browser's `Origin` that may connect; empty: any. Clients that are no browsers send none.
    pub origins: Vec<String>,
    /// Largest packet of a client, in bytes; a larger one ends its connection.
    pub packet_max: usize,
    /// Calls, casts, pings and what else the client says unasked per second and connection, on average; 0: no limit.
    pub calls_per_s: u32,
    /// How many of them may come at once.
    pub call_burst: u32,
    /// Calls of one method per second and connection: `"room.Room/Say" = 2`.
    pub rates: BTreeMap<String, u32>,
    /// Packets over `calls_per_s` or `rates` after which a connection is cut; ten per second are forgiven. Until then each is refused,
    /// and the connection is read no faster than `calls_per_s`.
    pub limited_max: u32,
    /// Fields that a message does not have are refused in bodies of JSON: they are misspelt. Otherwise they are left out, as they are in
    /// binary bodies, so that clients may be newer than the game.
    pub json_strict: bool,
    /// Calls of one connection that wait for their reply; one more is `OVERLOADED`.
    pub window: usize,
    /// Actors that hear when a session ends, of those that it has sent commands to: the last ones. They then forget its replies; others
    /// keep them for `actor.NAME.records_ms`.
    pub told_max: usize,
    /// Connections of the gate; one more is refused.
    pub connections_max: usize,
    /// Connections from one IPv4 address or one /64 of IPv6; one more is refused.
    pub connections_per_address: usize,
    /// A connection that was silent for so long is closed, in ms. More than `heartbeat_ms`, or clients flap.
    pub idle_ms: u64,
    /// How often a client should say something, in ms; told it in WELCOME. The gate asks one that does not.
    pub heartbeat_ms: u32,
    /// How long a client may take from connecting to its session, in ms.
    pub handshake_ms: u64,
    /// How long a connection that ends may take to read why, in ms.
    pub close_ms: u64,
    /// Bytes that wait for one client; one that lets more pile up is cut. No reply or push is larger.
    pub queued_max: usize,
    /// How long what was handed to a client's socket may take to be read, in ms; a slower client is cut, at most a heartbeat later.
    pub queued_ms: u64,
    /// Bytes that wait for all clients together. Beyond it whoever lets more than 4 KiB pile up is cut when more comes for it.
    pub queued_total_max: usize,
    /// Calls go on with the trace that the client names in `traceparent`, sampled or not as it says: whoever connects can then
    /// make the servers trace. Otherwise traces begin at the gate.
    pub trust_traceparent: bool,
    /// Different methods that the gate learns in its life; further ones are unknown to clients.
    pub methods_max: usize,
    /// `[gate.jwt]`.
    pub jwt: JwtConfig,
}

impl Default for GateConfig {
    fn default() -> Self {
        Self {
            tcp: String::new(),
            websocket: String::new(),
            websocket_path: "/".into(),
            origins: Vec::new(),
            packet_max: 64 << 10,
            calls_per_s: 50,
            call_burst: 100,
            rates: BTreeMap::new(),
            limited_max: 200,
            json_strict: false,
            window: 32,
            told_max: 32,
            connections_max: 20_000,
            connections_per_address: 100,
            idle_ms: 45_000,
            heartbeat_ms: 15_000,
            handshake_ms: 5_000,
            close_ms: 1_000,
            queued_max: 1 << 20,
            queued_ms: 30_000,
            queued_total_max: 256 << 20,
            trust_traceparent: false,
            methods_max: 16_384,
            jwt: JwtConfig::default(),
        }
    }
}

impl GateConfig {
    pub(crate) fn idle(&self) -> Duration {
        Duration::from_millis(self.idle_ms)
    }

    pub(crate) fn heartbeat(&self) -> Duration {
        Duration::from_millis(self.heartbeat_ms.max(1).into())
    }

    pub(crate) fn handshake(&self) -> Duration {
        Duration::from_millis(self.handshake_ms)
    }

    pub(crate) fn queued(&self) -> Duration {
        Duration::from_millis(self.queued_ms)
    }

    pub(crate) fn close(&self) -> Duration {
        Duration::from_millis(self.close_ms)
    }
}

/// `[gate.jwt]`: which tokens of clients are believed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct JwtConfig {
    /// What `iss` must be; empty: anything, for keys that sign nothing else.
    pub issuer: String,
    /// What `aud` must hold; empty: anything, for keys that sign nothing else.
    pub audience: String,
    /// Algorithms that are accepted, of one family or several; what a token says of itself counts only within this list, and only if
    /// its key is for it.
    pub algorithms: Vec<String>,
    /// Path of a JWKS file: the public keys, told apart by `kid`. Keys of unknown kinds are skipped, with a warning.
    pub keys: String,
    /// The claim that holds the player; a token without it is refused. `sub`: the account is the player.
    pub player: String,
    /// By how much clocks may differ, in seconds.
    pub leeway_s: u64,
}

impl Default for JwtConfig {
    fn default() -> Self {
        Self {
            issuer: String::new(),
            audience: String::new(),
            algorithms: vec!["EdDSA".into()],
            keys: String::new(),
            player: "player".into(),
            leeway_s: 30,
        }
    }
}
