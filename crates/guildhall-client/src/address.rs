//! The address of a gate: `tcp://host:port` or `ws://host:port/path`, and encrypted `tls://` or `wss://`.

use tungstenite::http::Uri;

use crate::error::ConnectError;

/// The address of a gate.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    /// `host:port`.
    pub(crate) host: String,
    pub(crate) is_encrypted: bool,
    /// Of a WebSocket; `None`: packets as they are.
    pub(crate) websocket: Option<Uri>,
}

impl Address {
    pub(crate) fn parse(address: &str) -> Result<Self, ConnectError> {
        let bad = |why| ConnectError::Address { address: address.to_owned(), why };
        let uri: Uri = address.parse().map_err(|_| bad("it is no URL"))?;
        let host =
            uri.host().filter(|host| !host.is_empty()).ok_or_else(|| bad("the host is missing"))?;
        let (is_websocket, is_encrypted, port) = match uri.scheme_str() {
            Some("tcp") => (false, false, None),
            Some("tls") => (false, true, None),
            Some("ws") => (true, false, Some(80)),
            Some("wss") => (true, true, Some(443)),
            _ => return Err(bad("the scheme is unknown")),
        };
        let port = uri.port_u16().or(port).ok_or_else(|| bad("the port is missing"))?;
        let host = format!("{host}:{port}");
        Ok(Self { host, is_encrypted, websocket: Some(uri).filter(|_| is_websocket) })
    }
}
