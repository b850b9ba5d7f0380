//! One connection to a gate: packets over TCP, or as WebSocket messages. Reads and writes never block.

use std::io::{self, ErrorKind, IoSlice};

use bytes::{Buf as _, BytesMut};
use guildhall_core::Env;
use guildhall_core::env::{Conn, ConnTry};
use guildhall_wire::frame::{ClientKind, Parsed, parse};
use guildhall_wire::{Packet, PacketError};
use tungstenite::error::{CapacityError, ProtocolError};
use tungstenite::handshake::HandshakeError;
use tungstenite::http::Uri;
use tungstenite::protocol::WebSocketConfig;
use tungstenite::{Error, Message, WebSocket, client::client_with_config};

use crate::address::Address;
use crate::error::Lost;

/// How much is read at a time: bots come in thousands.
const READ: usize = 8 * 1024;

pub(crate) struct Socket {
    stream: Stream,
    packet_max: usize,
    /// The last try did not find the socket empty: there may be more without a word from the socket.
    more: bool,
}

enum Stream {
    Tcp {
        conn: Box<dyn Conn>,
        input: BytesMut,
    },
    WebSocket {
        ws: Box<WebSocket<ConnTry>>,
        /// The library holds bytes that the socket did not take.
        held: bool,
    },
}

impl Socket {
    pub(crate) async fn dial(env: &Env, address: &Address, packet_max: usize) -> io::Result<Self> {
        let stream = match address {
            Address::Tcp(host) => {
                let conn = env.net().connect(host).await?;
                Stream::Tcp { conn, input: BytesMut::new() }
            }
            Address::WebSocket { host, uri } => {
                let conn = ConnTry::new(env.net().connect(host).await?);
                let ws = Box::new(upgrade(conn, uri, packet_max).await?);
                Stream::WebSocket { ws, held: false }
            }
        };
        Ok(Self { stream, packet_max, more: false })
    }

    /// Waits until a packet may be there. Cancel safe.
    pub(crate) async fn readable(&self) -> io::Result<()> {
        match &self.stream {
            _ if self.more => Ok(()),
            Stream::Tcp { conn, .. } => std::future::poll_fn(|cx| conn.poll_readable(cx)).await,
            Stream::WebSocket { ws, .. } => ws.get_ref().readable().await,
        }
    }

    /// Waits until a write may succeed. Cancel safe.
    pub(crate) async fn writable(&self) -> io::Result<()> {
        match &self.stream {
            Stream::Tcp { conn, .. } => std::future::poll_fn(|cx| conn.poll_writable(cx)).await,
            Stream::WebSocket { ws, .. } => ws.get_ref().writable().await,
        }
    }

    /// Takes the next packet; `None` when there is none at the moment.
    pub(crate) fn packet(&mut self) -> Result<Option<Packet>, Lost> {
        let packet = match &mut self.stream {
            Stream::Tcp { conn, input } => take(&**conn, input, self.packet_max),
            Stream::WebSocket { ws, .. } => message(ws, self.packet_max),
        };
        self.more = matches!(packet, Ok(Next::Packet(_) | Next::Again));
        match packet? {
            Next::Packet(packet) => Ok(Some(packet)),
            Next::Again | Next::Later => Ok(None),
        }
    }

    /// Writes what the socket takes of the frames in `bytes`, and leaves the rest there.
    pub(crate) fn write(&mut self, bytes: &mut BytesMut) -> io::Result<()> {
        match &mut self.stream {
            Stream::Tcp { conn, .. } => {
                while !bytes.is_empty() {
                    match conn.try_write_vectored(&[IoSlice::new(bytes)]) {
                        Ok(0) => return Err(ErrorKind::WriteZero.into()),
                        Ok(n) => bytes.advance(n),
                        Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                        Err(error) => return Err(error),
                    }
                }
            }
            Stream::WebSocket { ws, held } => {
                *held = *held && is_blocked(ws.flush())?;
                // One batch at a time is inside the library, which bounds what it holds.
                while !*held && let Some(len) = first_frame(bytes) {
                    let message = Message::Binary(bytes.split_to(len).freeze());
                    // A message that the socket did not take was kept.
                    *held = is_blocked(ws.write(message))?;
                }
                *held = *held || is_blocked(ws.flush())?;
            }
        }
        Ok(())
    }

    /// Bytes that were written wait inside.
    pub(crate) fn is_holding(&self) -> bool {
        matches!(self.stream, Stream::WebSocket { held: true, .. })
    }

    /// Says goodbye as far as the socket takes it at once.
    pub(crate) fn close(mut self) {
        if let Stream::WebSocket { ws, .. } = &mut self.stream {
            let _gone = ws.close(None);
        }
    }
}

impl std::fmt::Debug for Socket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Socket").field("holding", &self.is_holding()).finish_non_exhaustive()
    }
}

/// What a try to read found.
enum Next {
    Packet(Packet),
    /// Nothing that concerns us, but there may be more.
    Again,
    /// The socket is empty.
    Later,
}

fn take(conn: &dyn Conn, input: &mut BytesMut, packet_max: usize) -> Result<Next, Lost> {
    loop {
        if let Some(packet) = Packet::take(input, packet_max)? {
            return Ok(Next::Packet(packet));
        }
        input.reserve(READ);
        match conn.try_read(input) {
            Ok(0) => return Err(Lost::Closed(String::new())),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Next::Later),
            Err(error) => return Err(error.into()),
        }
    }
}

fn message(ws: &mut WebSocket<ConnTry>, max: usize) -> Result<Next, Lost> {
    match ws.read() {
        Ok(Message::Binary(frame)) => Ok(Next::Packet(Packet::from_frame(&frame, max)?)),
        Ok(Message::Text(_)) => {
            let why = "text message on a binary WebSocket";
            Err(io::Error::new(ErrorKind::InvalidData, why).into())
        }
        // The library answers a ping when it is called again.
        Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => Ok(Next::Again),
        Ok(Message::Close(frame)) => {
            Err(Lost::Closed(frame.map(|frame| frame.reason.to_string()).unwrap_or_default()))
        }
        Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => Ok(Next::Later),
        Err(Error::Io(error)) => Err(error.into()),
        Err(
            Error::ConnectionClosed
            | Error::AlreadyClosed
            | Error::Protocol(ProtocolError::ResetWithoutClosingHandshake),
        ) => Err(Lost::Closed(String::new())),
        Err(Error::Capacity(CapacityError::MessageTooLong { size, max_size: max })) => {
            Err(PacketError::TooLarge(guildhall_wire::TooLarge { size, max }).into())
        }
        Err(error) => Err(io::Error::other(error).into()),
    }
}

/// Length of the frame at the start of what we have encoded ourselves.
fn first_frame(bytes: &BytesMut) -> Option<usize> {
    match parse::<ClientKind>(bytes, usize::MAX) {
        Ok(Parsed::Frame(frame)) => Some(frame.len),
        Ok(Parsed::Incomplete { .. }) | Err(_) => None,
    }
}

fn is_blocked(result: tungstenite::Result<()>) -> io::Result<bool> {
    match result {
        Ok(()) => Ok(false),
        Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => Ok(true),
        Err(Error::Io(error)) => Err(error),
        Err(error) => Err(io::Error::other(error)),
    }
}

/// Turns a connection into a WebSocket.
async fn upgrade(conn: ConnTry, uri: &Uri, packet_max: usize) -> io::Result<WebSocket<ConnTry>> {
    let config = WebSocketConfig::default()
        .read_buffer_size(READ)
        // Messages are written by `flush` alone: all of a batch at once.
        .write_buffer_size(usize::MAX - 1)
        .max_message_size(Some(packet_max))
        .max_frame_size(Some(packet_max));
    // Once it is writable, a new socket takes the whole request.
    conn.writable().await?;
    let mut opening = client_with_config(uri, conn, Some(config));
    loop {
        match opening {
            Ok((ws, _response)) => return Ok(ws),
            Err(HandshakeError::Interrupted(mid)) => {
                mid.get_ref().get_ref().readable().await?;
                opening = mid.handshake();
            }
            Err(HandshakeError::Failure(Error::Io(error))) => return Err(error),
            Err(HandshakeError::Failure(error)) => return Err(io::Error::other(error)),
        }
    }
}
