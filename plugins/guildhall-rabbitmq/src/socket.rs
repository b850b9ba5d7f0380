//! [`Socket`]: the end of a connection that the client library would wait on without end.

use std::io;
use std::net::{Shutdown, TcpStream};

use async_compat::Compat;
use guildhall_core::env::connect_tcp;
use lapin::tcp::AsyncTcpStream;
use lapin::uri::AMQPUri;
use lapin::{Connection, ConnectionProperties, runtime};
use parking_lot::Mutex;

/// A second handle of the socket. The client library waits without end for a server that is silent; it stops when the socket ends.
pub(crate) struct Socket {
    stream: TcpStream,
    /// Whether the socket ends when this is dropped.
    pub(crate) ends_with_this: bool,
}

/// Connects to that address and logs in.
pub(crate) async fn connect(
    uri: AMQPUri,
    address: &str,
    name: String,
) -> Result<(Connection, Socket), String> {
    let said = |error: io::Error| error.to_string();
    let stream = connect_tcp(address).await.map_err(said)?.into_std().map_err(said)?;
    let socket = Socket { stream: stream.try_clone().map_err(said)?, ends_with_this: true };
    let once = Mutex::new(Some(again(stream).map_err(said)?));
    let connect = async move |_, _| {
        let stream = once.lock().take();
        let none = || io::Error::from(io::ErrorKind::NotConnected).into();
        stream.map(|stream| AsyncTcpStream::Plain(Compat::new(stream))).ok_or_else(none)
    };
    let properties = ConnectionProperties::default().with_connection_name(name.into());
    let runtime = runtime::default_runtime().map_err(|error| error.to_string())?;
    let connected = Box::pin(Connection::connector(uri, runtime, connect, properties)).await;
    Ok((connected.map_err(|error| error.to_string())?, socket))
}

/// The stream as it was before `into_std`.
fn again<T: TryFrom<TcpStream, Error = io::Error>>(stream: TcpStream) -> io::Result<T> {
    stream.try_into()
}

impl Socket {
    pub(crate) fn end(&self) {
        let _it_had_ended = self.stream.shutdown(Shutdown::Both);
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.ends_with_this {
            self.end();
        }
    }
}
