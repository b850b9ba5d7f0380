//! Errors of connections: [`ConnectError`] for an attempt that failed, [`Lost`] for a connection that ended.

use std::io;
use std::time::Duration;

use guildhall_core::status::reason;
use guildhall_core::{Code, Status};
use guildhall_wire::{ClientKind, Kick, PacketError};

/// The reason why a client could not connect.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The address is invalid. Nothing was dialled.
    #[error(
        "`{address}` is not a gate address: {why}; write tcp://host:port or ws://host:port/path, or tls:// and wss:// to a gate with TLS"
    )]
    Address {
        /// The address that was given.
        address: String,
        /// The problem with it.
        why: &'static str,
    },
    /// The file of [`Options::ca`](crate::Options::ca) is missing, or cannot be used. Nothing was dialled.
    #[error("{0}")]
    Roots(String),
    /// No server answers at the address, or it is not a WebSocket server.
    #[error("the gate cannot be reached: {0}")]
    Unreachable(io::Error),
    /// The attempt took longer than [`Options::connect_timeout`](crate::Options::connect_timeout).
    #[error("the gate did not accept the client within {0:?} (Options::connect_timeout)")]
    TimedOut(Duration),
    /// The gate refused the client; `UNAUTHENTICATED` concerns the token.
    #[error("the gate refused the client: {0}")]
    Refused(Status),
    /// The gate ended the session of this player, for example after another login.
    #[error("the gate kicked the client: {} (reason {})", .0.message, .0.reason)]
    Kicked(Kick),
    /// The connection ended before the gate answered.
    #[error("the connection ended before the gate answered: {0}")]
    Lost(#[from] Lost),
}

impl ConnectError {
    /// Whether another attempt would fail in the same way.
    pub(crate) fn is_final(&self) -> bool {
        match self {
            Self::Address { .. } | Self::Roots(_) | Self::Kicked(_) => true,
            Self::Refused(status) => {
                matches!(status.code(), Code::Unauthenticated | Code::PermissionDenied)
            }
            Self::Unreachable(_) | Self::TimedOut(_) | Self::Lost(_) => false,
        }
    }
}

/// For functions whose error is a `Status`: the call has not run.
impl From<ConnectError> for Status {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::Refused(status) => status,
            ConnectError::Address { .. } | ConnectError::Roots(_) => {
                Self::not_run(Code::InvalidArgument, reason::BAD_REQUEST, error.to_string())
            }
            ConnectError::Kicked(_) => {
                Self::not_run(Code::Aborted, reason::KICKED, error.to_string())
            }
            ConnectError::Unreachable(_) | ConnectError::TimedOut(_) | ConnectError::Lost(_) => {
                Self::not_run(Code::Unavailable, reason::LOST, error.to_string())
            }
        }
    }
}

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
pub enum Lost {
    /// The socket failed.
    #[error("the socket failed: {0}")]
    Io(#[from] io::Error),
    /// The gate closed the connection; over WebSocket it may say why.
    #[error("the gate closed the connection{}", said(.0))]
    Closed(String),
    /// The gate was silent for twice the heartbeat it asked for.
    #[error("no packet from the gate for {0:?}")]
    Silent(Duration),
    /// The gate ended the connection with an error.
    #[error("the gate ended the connection: {0}")]
    Ended(Status),
    /// What came is no packet: the other end does not speak this protocol, or a later version of it.
    #[error("the gate sent no packet: {0}")]
    Packet(#[from] PacketError),
    /// A packet that a gate must not send, at least not at that moment.
    #[error("the gate is faulty: it sent a {0:?} packet that it must not send now")]
    Unexpected(ClientKind),
}

fn said(why: &str) -> String {
    if why.is_empty() { String::new() } else { format!(": {why}") }
}
