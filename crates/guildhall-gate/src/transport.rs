//! One client's socket: packets over TCP or WebSocket.

mod websocket;

use std::io::ErrorKind;

use bytes::BytesMut;
use guildhall_core::Code;
use guildhall_core::env::Conn;
use guildhall_core::status::reason;
use guildhall_wire::frame::FrameError;
use guildhall_wire::{Packet, PacketError};

use crate::form::Form;
use crate::out::{End, KEEP, Outbox};
pub(crate) use websocket::Admission;
use websocket::Messages;

/// How much is read at a time: small, because most connections are idle.
const READ: usize = 4 * 1024;

/// What a listener's clients speak.
#[derive(Clone, Debug)]
pub(crate) enum Protocol {
    Tcp,
    WebSocket(Admission),
}

/// What a client has said.
pub(crate) enum Heard {
    Packet(Packet),
    /// Something of the transport itself, which has answered it: a ping of WebSocket.
    Control,
}

/// A socket and what its bytes mean.
pub(crate) struct Transport {
    conn: Box<dyn Conn>,
    codec: Codec,
    writing: BytesMut,
    /// How often something was taken to be written.
    taken: u64,
    packet_max: usize,
}

enum Codec {
    Frames(BytesMut),
    Messages(Box<Messages>),
}

impl Codec {
    /// What was read and not understood yet.
    fn input(&mut self) -> &mut BytesMut {
        match self {
            Self::Frames(input) => input,
            Self::Messages(messages) => messages.input(),
        }
    }
}

impl Transport {
    pub(crate) fn new(conn: Box<dyn Conn>, protocol: Protocol, packet_max: usize) -> Self {
        let codec = match protocol {
            Protocol::Tcp => Codec::Frames(BytesMut::new()),
            Protocol::WebSocket(admission) => {
                Codec::Messages(Box::new(Messages::new(admission, packet_max)))
            }
        };
        Self { conn, codec, writing: BytesMut::new(), taken: 0, packet_max }
    }

    /// How this client gets its packets.
    pub(crate) fn form(&self) -> Form {
        match &self.codec {
            Codec::Frames(_) => Form::Stream,
            Codec::Messages(messages) => messages.form(),
        }
    }

    /// Waits until [`Transport::read`] may find something. Cancel safe.
    pub(crate) async fn readable(&self) {
        // An error is found by the read.
        let _ready = std::future::poll_fn(|cx| self.conn.poll_readable(cx)).await;
    }

    /// Takes what the socket has, if anything.
    ///
    /// # Errors
    /// The client is gone.
    pub(crate) fn read(&mut self) -> Result<(), End> {
        let input = self.codec.input();
        input.reserve(READ);
        match self.conn.try_read(input) {
            Ok(0) => Err(End::Gone),
            Err(error) if error.kind() != ErrorKind::WouldBlock => Err(End::Gone),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// The next packet of what was read. What the protocol itself wants to answer goes to `out`.
    ///
    /// # Errors
    /// The client broke the protocol, or closed.
    pub(crate) fn packet(&mut self, out: &Outbox) -> Result<Option<Heard>, End> {
        let heard = match &mut self.codec {
            Codec::Frames(input) => {
                let packet = Packet::take(input, self.packet_max).map_err(refuse)?;
                packet.map(Heard::Packet)
            }
            Codec::Messages(messages) => messages.packet(out)?,
        };
        if heard.is_none() {
            let input = self.codec.input();
            if input.is_empty() && input.capacity() > KEEP {
                *input = BytesMut::new();
            }
        }
        Ok(heard)
    }

    /// Reads until there is something. Cancel safe.
    ///
    /// # Errors
    /// The connection ended.
    pub(crate) async fn next_packet(&mut self, out: &Outbox) -> Result<Heard, End> {
        loop {
            if let Some(heard) = self.packet(out)? {
                return Ok(heard);
            }
            self.flush(out).await?;
            self.readable().await;
            self.read()?;
        }
    }

    /// Whether something waits for the socket.
    pub(crate) fn is_writing(&self) -> bool {
        !self.writing.is_empty()
    }

    /// The number of what waits for the socket, if something does: it grows when the client has read all before.
    pub(crate) fn stuck(&self) -> Option<u64> {
        self.is_writing().then_some(self.taken)
    }

    /// Waits until [`Transport::write`] may get on. Cancel safe.
    pub(crate) async fn writable(&self) {
        let _ready = std::future::poll_fn(|cx| self.conn.poll_writable(cx)).await;
    }

    /// Writes what waits, as far as the socket takes it.
    ///
    /// # Errors
    /// The connection ends.
    pub(crate) fn write(&mut self, out: &Outbox) -> Result<(), End> {
        loop {
            let is_next = self.writing.is_empty();
            if let Some(end) = out.take_queued(&mut self.writing) {
                return Err(end);
            }
            self.taken += u64::from(is_next);
            if self.writing.is_empty() {
                if self.writing.capacity() > KEEP {
                    self.writing = BytesMut::new();
                }
                return Ok(());
            }
            if !self.conn.try_write_all(&mut self.writing).map_err(|_| End::Gone)? {
                return Ok(());
            }
        }
    }

    /// Writes all that waits. Cancel safe.
    async fn flush(&mut self, out: &Outbox) -> Result<(), End> {
        loop {
            self.write(out)?;
            if !self.is_writing() {
                return Ok(());
            }
            self.writable().await;
        }
    }

    /// Tells the client why its connection ends, and waits until it has closed its side, so that the reason is not lost with
    /// the socket. The caller limits the time.
    pub(crate) async fn finish(mut self, out: &Outbox, end: End) {
        out.close(&mut self.writing);
        if self.may_speak() {
            self.form().put_end(&mut self.writing, end);
        }
        loop {
            match self.conn.try_write_all(&mut self.writing) {
                Ok(true) => break,
                Ok(false) => self.writable().await,
                Err(_) => return,
            }
        }
        let mut ignored = BytesMut::new();
        loop {
            self.readable().await;
            ignored.clear();
            ignored.reserve(READ);
            match self.conn.try_read(&mut ignored) {
                Ok(0) => return,
                Err(error) if error.kind() != ErrorKind::WouldBlock => return,
                Ok(_) | Err(_) => {}
            }
        }
    }

    /// Whether the client understands packets: not before a WebSocket is open.
    fn may_speak(&self) -> bool {
        match &self.codec {
            Codec::Frames(_) => true,
            Codec::Messages(messages) => messages.is_open(),
        }
    }
}

/// What a client reads about bytes that are no packet.
fn refuse(error: PacketError) -> End {
    match error {
        PacketError::TooLarge(_) | PacketError::Frame(FrameError::TooLarge(_)) => {
            let why = format!("{error} (gate.packet_max)");
            End::Error(Code::ResourceExhausted, reason::TOO_LARGE, why.into())
        }
        error => End::bad(error.to_string()),
    }
}
