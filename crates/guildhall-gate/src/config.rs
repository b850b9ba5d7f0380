//! `[gate]`: addresses, authentication and limits of client connections.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// `[gate]`: client connections.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GateConfig {
    /// Address `host:port` for binary clients over TCP; empty: none.
    pub tcp: String,
    /// Address `host:port` for clients over WebSocket, binary or JSON; empty: none.
    pub websocket: String,
    /// Path of the WebSocket URL; other paths get 404.
    pub websocket_path: String,
    /// Accepted values of a browser's `Origin` header; empty: any. Clients other than browsers send none, and are accepted.
    pub origins: Vec<String>,
    /// PEM file with the certificate that clients see and its chain; with it the gate speaks TLS alone, on both addresses. Empty: no
    /// TLS, for a gate behind something that ends it.
    pub tls_cert: String,
    /// PEM file with the certificate's private key.
    pub tls_key: String,
    /// Time after which both files are looked at again, in ms, 1,000 or more. New connections get what is new; the others stay.
    pub tls_reload_ms: u64,
    /// Largest packet from a client, in bytes; a larger one closes its connection.
    pub packet_max: usize,
    /// Packets from a client (calls, casts, pings and others) per second and connection, on average; 0: no limit. A packet over the
    /// limit is refused with `LIMITED`.
    pub calls_per_s: u32,
    /// Packets that may arrive at once.
    pub call_burst: u32,
    /// Calls of one method per second and connection: `"room.Room/Say" = 2`.
    pub rates: BTreeMap<String, u32>,
    /// Packets over `calls_per_s` or `rates` until a connection is closed with `LIMITED`; ten per second are forgiven. Until then each
    /// is refused, and the connection is read no faster than `calls_per_s`. Too small: clients with short bursts are disconnected.
    pub limited_max: u32,
    /// Whether unknown fields in JSON bodies are refused. Otherwise they are ignored, as in binary bodies, so that clients may be
    /// newer than the servers.
    pub json_strict: bool,
    /// Calls of one connection in flight; one more is `OVERLOADED`. Too small: clients with many parallel calls are refused. Too
    /// large: one client can cause much load.
    pub window: usize,
    /// Actors that the gate notifies when a session ends: the last ones to which the session sent commands. Others keep its records
    /// for `actor.NAME.records_ms`. Too small: rows keep records of sessions that have ended. Too large: each end of a session causes
    /// that many notifications.
    pub notified_actors_max: usize,
    /// Connections of the gate; one more is refused.
    pub connections_max: usize,
    /// Connections from one IPv4 address or one IPv6 /64 network; one more is refused. Too small: players behind one NAT are refused.
    pub connections_per_address: usize,
    /// Time without a packet from the client after which a connection is closed, in ms. More than `heartbeat_ms`. Too small: clients
    /// reconnect again and again. Too large: dead connections stay open.
    pub idle_ms: u64,
    /// Interval in which a client should send something, in ms; sent to it in WELCOME. The gate pings a client that does not.
    pub heartbeat_ms: u32,
    /// Longest time from connecting to the session, in ms.
    pub handshake_ms: u64,
    /// Time that a closing connection may take to deliver the reason, in ms.
    pub close_ms: u64,
    /// Bytes that wait for one client; a client that lets more accumulate is disconnected with `OVERLOADED`. No reply or push is
    /// larger.
    pub queued_max: usize,
    /// Longest time that bytes handed to a client's socket may stay unread, in ms; a slower client is disconnected, at most a
    /// heartbeat later.
    pub queued_ms: u64,
    /// Bytes that wait for all clients together. Beyond it, a client with more than 4 KiB waiting is disconnected when more is sent to
    /// it.
    pub queued_total_max: usize,
    /// Whether calls continue the trace of the client's `traceparent`, with its sampling decision. Any client can then make the
    /// servers trace. Otherwise traces begin at the gate.
    pub trust_traceparent: bool,
    /// Methods that the gate learns while it runs; clients cannot call further ones.
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
            tls_cert: String::new(),
            tls_key: String::new(),
            tls_reload_ms: 60_000,
            packet_max: 64 << 10,
            calls_per_s: 50,
            call_burst: 100,
            rates: BTreeMap::new(),
            limited_max: 200,
            json_strict: false,
            window: 32,
            notified_actors_max: 32,
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

/// `[gate.jwt]`: which client tokens are valid.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct JwtConfig {
    /// Required `iss` claim; empty: not checked, for keys that sign nothing else.
    pub issuer: String,
    /// Required entry of the `aud` claim; empty: not checked, for keys that sign nothing else.
    pub audience: String,
    /// Accepted signature algorithms, of one or several families. The algorithm of a token has to be in this list and fit its key.
    pub algorithms: Vec<String>,
    /// Path of a JWKS file with the public keys, selected by `kid`. Keys of unknown types are skipped with a warning.
    pub keys: String,
    /// Claim that contains the player; a token without it is refused. `sub`: the account is the player.
    pub player: String,
    /// Tolerated clock difference, in s. Too small: fresh tokens of a login server with another clock are refused. Too large: expired
    /// tokens stay valid for longer.
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
