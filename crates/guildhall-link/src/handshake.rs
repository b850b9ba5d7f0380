//! Opens a link: the handshake over a socket, with a deadline.

use std::io::{Error, ErrorKind, Result};
use std::time::Duration;

use bytes::BytesMut;
use guildhall_core::discovery::NodeRecord;
use guildhall_core::env::Conn;
use guildhall_wire::{Handshake, Hello};

use crate::endpoint::Endpoint;
use crate::socket::Socket;
use crate::tls::Side;

/// The version of the link protocol that this build speaks.
const LINK_VERSION: u32 = 1;

/// A connection on which both sides have proven themselves.
#[derive(Debug)]
pub struct Opened {
    /// The connection, after the handshake.
    pub socket: Socket,
    /// The app at the other end.
    pub record: NodeRecord,
    /// It carries streams, and no calls.
    pub streams: bool,
}

/// Proves both sides to each other. `streams` is what the initiator wants.
pub(crate) async fn open(
    endpoint: &Endpoint,
    conn: Box<dyn Conn>,
    side: Side,
    streams: bool,
) -> Result<Opened> {
    let deadline = endpoint.env.now() + Duration::from_millis(endpoint.config.handshake_ms);
    let opened = endpoint.env.until(deadline, handshake(endpoint, conn, side, streams)).await;
    opened.unwrap_or_else(|| {
        let ms = endpoint.config.handshake_ms;
        Err(Error::new(
            ErrorKind::TimedOut,
            format!("no handshake within {ms} ms (link.handshake_ms)"),
        ))
    })
}

async fn handshake(
    endpoint: &Endpoint,
    conn: Box<dyn Conn>,
    side: Side,
    streams: bool,
) -> Result<Opened> {
    let refuse = |why: String| Error::new(ErrorKind::PermissionDenied, why);
    let (conn, names) = match &endpoint.tls {
        Some(tls) => tls.wrap(conn, side).map(|(conn, names)| (conn, Some(names)))?,
        None => (conn, None),
    };
    let mut socket = Socket::new(conn);
    let hello = Hello {
        record: Some((endpoint.record)().to_wire()),
        versions: vec![LINK_VERSION],
        methods_hash: endpoint.methods_hash,
        nonce: endpoint.env.random_bytes::<32>().to_vec().into(),
        streams,
    };
    let secret = endpoint.config.secret.as_bytes();
    let machine = match side {
        Side::Initiator => Handshake::initiator(hello, secret),
        Side::Acceptor => Handshake::acceptor(hello, secret),
    };
    let mut machine = machine.map_err(|e| refuse(e.to_string()))?;
    let established = loop {
        let step = machine.read(&mut socket.input);
        let output = machine.take_output();
        socket.write(&mut BytesMut::from(&output[..])).await?;
        if let Some(established) = step.map_err(|e| refuse(e.to_string()))? {
            break established;
        }
        if let Err(error) = socket.read().await {
            let closed = error.kind() == ErrorKind::UnexpectedEof;
            return Err(if closed { refuse(machine.closed().to_string()) } else { error });
        }
    };
    let streams = established.peer.streams || streams;
    let record = established.peer.record.unwrap_or_default();
    let record = NodeRecord::from_wire(record).map_err(refuse)?;
    if record.id.env() != endpoint.id.env() {
        let (here, there) = (&endpoint.id, &record.id);
        return Err(refuse(format!("{there} is of another env than {here}; they never mix")));
    }
    if let Some(names) = names {
        names.check(&record.id)?;
    }
    Ok(Opened { socket, record, streams })
}
