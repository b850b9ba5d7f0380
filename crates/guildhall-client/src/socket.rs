//! One connection to a gate: packets over TCP, or as WebSocket messages. Reads and writes never block.

use std::io::{self, ErrorKind};

use bytes::BytesMut;
use guildhall_core::env::{Conn, Pipe};
use guildhall_wire::frame::{ClientKind, Parsed, parse};
use guildhall_wire::{Packet, PacketError};
use tungstenite::error::{CapacityError, ProtocolError};
use tungstenite::handshake::HandshakeError;
use tungstenite::http::Uri;
use tungstenite::protocol::WebSocketConfig;
use tungstenite::{Error, Message, WebSocket, client::client_with_config};

use crate::error::Lost;

/// The library's own buffer: bots come in thousands.
const BUFFER: usize = 8 * 1024;

pub(crate) struct Socket {
    conn: Box<dyn Conn>,
    codec: Codec,
    packet_max: usize,
    /// The last try did not find the socket empty: there may be more without a word from the socket.
    more: bool,
}

enum Codec {
    /// Packets as they are: what waits to be written stays with the caller.
    Frames(Pipe),
    Messages(Box<WebSocket<Pipe>>),
}

impl Socket {
    /// Makes a connection a WebSocket where it has the URI of one.
    pub(crate) async fn new(
        conn: Box<dyn Conn>,
        websocket: Option<&Uri>,
        packet_max: usize,
    ) -> io::Result<Self> {
        let codec = match websocket {
            None => Codec::Frames(Pipe::default()),
            Some(uri) => Codec::Messages(Box::new(upgrade(&*conn, uri, packet_max).await?)),
        };
        // A gate may have sent the first packet together with the end of its handshake.
        Ok(Self { conn, codec, packet_max, more: true })
    }

    /// Waits until a packet may be there. Cancel safe.
    pub(crate) async fn readable(&self) -> io::Result<()> {
        if self.more {
            return Ok(());
        }
        std::future::poll_fn(|cx| self.conn.poll_readable(cx)).await
    }

    /// Waits until a write may succeed. Cancel safe.
    pub(crate) async fn writable(&self) -> io::Result<()> {
        std::future::poll_fn(|cx| self.conn.poll_writable(cx)).await
    }

    /// Takes the next packet; `None` when there is none at the moment.
    pub(crate) fn packet(&mut self) -> Result<Option<Packet>, Lost> {
        self.more = false;
        loop {
            let found = match &mut self.codec {
                Codec::Frames(pipe) => {
                    Packet::take(&mut pipe.input, self.packet_max)?.map(Next::Packet)
                }
                Codec::Messages(ws) => message(ws, self.packet_max)?,
            };
            self.answer()?;
            if let Some(found) = found {
                self.more = true;
                return Ok(match found {
                    Next::Packet(packet) => Some(packet),
                    Next::Control => None,
                });
            }
            match self.codec.pipe().try_fill(&*self.conn) {
                Ok(0) => return Err(Lost::Closed(String::new())),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Sends what the library answers by itself.
    fn answer(&mut self) -> io::Result<()> {
        self.conn.try_write_all(&mut self.codec.pipe().output).map(drop)
    }

    /// Writes what the socket takes of the frames in `bytes`, and leaves the rest there.
    pub(crate) fn write(&mut self, bytes: &mut BytesMut) -> io::Result<()> {
        let ws = match &mut self.codec {
            Codec::Frames(_) => return self.conn.try_write_all(bytes).map(drop),
            Codec::Messages(ws) => ws,
        };
        // One batch at a time is in the pipe, which bounds what it holds.
        if self.conn.try_write_all(&mut ws.get_mut().output)? {
            while let Some(len) = first_frame(bytes) {
                let message = Message::Binary(bytes.split_to(len).freeze());
                ws.write(message).map_err(into_io)?;
            }
            ws.flush().map_err(into_io)?;
            self.conn.try_write_all(&mut ws.get_mut().output)?;
        }
        Ok(())
    }

    /// Bytes that were written wait inside.
    pub(crate) fn is_holding(&self) -> bool {
        match &self.codec {
            Codec::Frames(_) => false,
            Codec::Messages(ws) => !ws.get_ref().output.is_empty(),
        }
    }

    /// Says goodbye as far as the socket takes it at once.
    pub(crate) fn close(mut self) {
        if let Codec::Messages(ws) = &mut self.codec {
            let _gone = ws.close(None).and_then(|()| ws.flush());
            let _gone = self.answer();
        }
    }
}

impl Codec {
    fn pipe(&mut self) -> &mut Pipe {
        match self {
            Self::Frames(pipe) => pipe,
            Self::Messages(ws) => ws.get_mut(),
        }
    }
}

impl std::fmt::Debug for Socket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Socket").field("holding", &self.is_holding()).finish_non_exhaustive()
    }
}

/// What a message is.
enum Next {
    Packet(Packet),
    /// Nothing that concerns us.
    Control,
}

/// The next message of what was read, if there is a whole one.
fn message(ws: &mut WebSocket<Pipe>, max: usize) -> Result<Option<Next>, Lost> {
    match ws.read() {
        Ok(Message::Binary(frame)) => Ok(Some(Next::Packet(Packet::from_frame(&frame, max)?))),
        Ok(Message::Text(_)) => {
            let why = "text message on a binary WebSocket";
            Err(io::Error::new(ErrorKind::InvalidData, why).into())
        }
        Ok(Message::Ping(_)) => {
            // The library has the answer ready, and the pipe takes it.
            ws.flush().map_err(into_io)?;
            Ok(Some(Next::Control))
        }
        Ok(Message::Pong(_) | Message::Frame(_)) => Ok(Some(Next::Control)),
        Ok(Message::Close(frame)) => {
            Err(Lost::Closed(frame.map(|frame| frame.reason.to_string()).unwrap_or_default()))
        }
        Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        Err(
            Error::ConnectionClosed
            | Error::AlreadyClosed
            | Error::Protocol(ProtocolError::ResetWithoutClosingHandshake),
        ) => Err(Lost::Closed(String::new())),
        Err(Error::Capacity(CapacityError::MessageTooLong { size, max_size: max })) => {
            Err(PacketError::TooLarge(guildhall_wire::TooLarge { size, max }).into())
        }
        Err(error) => Err(into_io(error).into()),
    }
}

/// Length of the frame at the start of what we have encoded ourselves.
fn first_frame(bytes: &BytesMut) -> Option<usize> {
    match parse::<ClientKind>(bytes, usize::MAX) {
        Ok(Parsed::Frame(frame)) => Some(frame.len),
        Ok(Parsed::Incomplete { .. }) | Err(_) => None,
    }
}

fn into_io(error: Error) -> io::Error {
    match error {
        Error::Io(error) => error,
        error => io::Error::other(error),
    }
}

/// Turns a connection into a WebSocket.
async fn upgrade(conn: &dyn Conn, uri: &Uri, packet_max: usize) -> io::Result<WebSocket<Pipe>> {
    let config = WebSocketConfig::default()
        .read_buffer_size(BUFFER)
        .write_buffer_size(0)
        .max_message_size(Some(packet_max))
        .max_frame_size(Some(packet_max));
    let mut opening = client_with_config(uri, Pipe::default(), Some(config));
    loop {
        match opening {
            Ok((ws, _response)) => return Ok(ws),
            Err(HandshakeError::Interrupted(mut mid)) => {
                let pipe = mid.get_mut().get_mut();
                pipe.drain(conn).await?;
                if pipe.fill(conn).await? == 0 {
                    return Err(ErrorKind::UnexpectedEof.into());
                }
                opening = mid.handshake();
            }
            Err(HandshakeError::Failure(error)) => return Err(into_io(error)),
        }
    }
}
