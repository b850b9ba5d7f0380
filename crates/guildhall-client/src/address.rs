//! The address of a gate: `tcp://host:port` or `ws://host:port/path`.

use tungstenite::http::Uri;

use crate::error::ConnectError;

/// The address of a gate.
#[derive(Clone, Debug)]
pub(crate) enum Address {
    /// `host:port`.
    Tcp(String),
    /// Binary WebSocket.
    WebSocket {
        /// `host:port`.
        host: String,
        uri: Uri,
    },
}

impl Address {
    pub(crate) fn parse(address: &str) -> Result<Self, ConnectError> {
        let bad = |why| ConnectError::Address { address: address.to_owned(), why };
        let uri: Uri = address.parse().map_err(|_| bad("it is no URL"))?;
        let host =
            uri.host().filter(|host| !host.is_empty()).ok_or_else(|| bad("the host is missing"))?;
        match (uri.scheme_str(), uri.port_u16()) {
            (Some("tcp"), Some(port)) => Ok(Self::Tcp(format!("{host}:{port}"))),
            (Some("tcp"), None) => Err(bad("the port is missing")),
            (Some("ws"), port) => {
                let host = format!("{host}:{}", port.unwrap_or(80));
                Ok(Self::WebSocket { host, uri })
            }
            _ => Err(bad("the scheme is unknown")),
        }
    }
}
