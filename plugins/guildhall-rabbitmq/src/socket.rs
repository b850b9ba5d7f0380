//! [`Socket`]: the end of a connection that the client library would wait on without end.

use std::io;

use async_compat::Compat;
use async_rs::{Runtime, Tokio};
use guildhall_core::Env;
use guildhall_core::env::ConnIo;
use lapin::tcp::AsyncTcpStream;
use lapin::{Connection, ConnectionProperties, ErrorKind};
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use crate::config::Settings;
use crate::wire::{Kit, Wire};

/// Ends a connection. The client library waits without end for a server that is silent; it stops when the connection ends.
pub(crate) struct Socket {
    end: CancellationToken,
    /// Whether the connection ends when this is dropped.
    pub(crate) ends_with_this: bool,
}

/// Connects to that address, by TLS where the settings say so, and logs in.
pub(crate) async fn connect(
    env: &Env,
    settings: &Settings,
    address: &str,
    name: String,
) -> Result<(Connection, Socket), String> {
    let said = |error: io::Error| error.to_string();
    let connected = guildhall_tls::connect(env, settings.roots.as_ref(), address, &[]).await;
    let conn = connected.map_err(said)?;
    let socket = Socket { end: CancellationToken::new(), ends_with_this: true };
    let once = Mutex::new(Some(Wire::new(ConnIo::new(conn), &socket.end)));
    let connect = async move |_, _| {
        let wire = once.lock().take();
        let none = || io::Error::from(io::ErrorKind::NotConnected).into();
        wire.map(|wire| AsyncTcpStream::Plain(Compat::new(wire))).ok_or_else(none)
    };
    let properties = ConnectionProperties::default().with_connection_name(name.into());
    let (runtime, uri) = (Runtime::new(Kit(Tokio::current())), settings.uri.clone());
    let connected = Box::pin(Connection::connector(uri, runtime, connect, properties)).await;
    let connection = connected.map_err(|error| {
        // What the server itself says is an error of the protocol.
        let is_said = matches!(error.kind(), ErrorKind::ProtocolError(_));
        match is_said || settings.roots.is_some() {
            true => error.to_string(),
            false => format!("{error} (if the server has TLS, write amqps://…?ca=FILE)"),
        }
    })?;
    Ok((connection, socket))
}

impl Socket {
    pub(crate) fn end(&self) {
        self.end.cancel();
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.ends_with_this {
            self.end();
        }
    }
}
