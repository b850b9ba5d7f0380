//! The encoding of a client's packets: binary or JSON.

use bytes::{BufMut as _, BytesMut};
use guildhall_core::status::reason;
use guildhall_core::{Code, Reason};
use guildhall_wire::{Body, Kick, Packet, PacketError};
use tungstenite::Utf8Bytes;
use tungstenite::protocol::CloseFrame;
use tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tungstenite::protocol::frame::{Frame, FrameHeader};

use crate::out::End;

/// How a client's packets travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Frames on a TCP stream.
    Stream,
    /// A frame per binary message of a WebSocket.
    Binary,
    /// JSON in text messages of a WebSocket.
    Text,
}

impl Form {
    /// Appends `packet`.
    ///
    /// # Errors
    /// It would be over `max`, or its body is in another form; `out` is unchanged.
    pub(crate) fn put(
        self,
        out: &mut BytesMut,
        packet: &Packet,
        max: usize,
    ) -> Result<(), PacketError> {
        match self {
            Self::Stream => packet.put(out, max)?,
            Self::Binary => {
                let mut frame = BytesMut::new();
                packet.put(&mut frame, max)?;
                self.put_encoded(out, &frame);
            }
            Self::Text => self.put_encoded(out, packet.to_json(max)?.as_bytes()),
        }
        Ok(())
    }

    /// Appends a packet that is encoded already: a frame, or JSON for [`Form::Text`].
    pub(crate) fn put_encoded(self, out: &mut BytesMut, packet: &[u8]) {
        let data = match self {
            Self::Stream => None,
            Self::Binary => Some(Data::Binary),
            Self::Text => Some(Data::Text),
        };
        out.reserve(packet.len() + 10);
        if let Some(data) = data {
            let header = FrameHeader { opcode: OpCode::Data(data), ..FrameHeader::default() };
            let written = header.format(packet.len() as u64, &mut out.writer());
            debug_assert!(written.is_ok(), "a buffer takes everything");
        }
        out.extend_from_slice(packet);
    }

    /// Appends the last packet of a connection that ends.
    pub(crate) fn put_end(self, out: &mut BytesMut, end: End) {
        let (reason, packet) = match end {
            End::Gone => return,
            End::Error(code, reason, message) => (reason, error(0, code, reason, &message, 0)),
            End::Kick(reason, message) => (
                reason,
                Packet::Kick(Kick { reason: reason.number(), message: message.into_owned() }),
            ),
        };
        self.put_small(out, &packet);
        if self != Self::Stream {
            let code = CloseCode::from(close_code(reason));
            let close = CloseFrame { code, reason: Utf8Bytes::default() };
            let written = Frame::close(Some(close)).format(&mut out.writer());
            debug_assert!(written.is_ok(), "a buffer takes everything");
        }
    }

    /// Appends a REPLY; one that does not fit becomes an ERROR, for the call has run.
    pub(crate) fn put_reply(self, out: &mut BytesMut, id: u64, body: Body, max: usize) {
        if let Err(why) = self.put(out, &Packet::Reply { id, body }, max) {
            let why = format!("the reply: {why}");
            let error = error(id, Code::ResourceExhausted, reason::TOO_LARGE, &why, 2);
            self.put_small(out, &error);
        }
    }

    /// Appends a packet of ours that is small and has no body.
    pub(crate) fn put_small(self, out: &mut BytesMut, packet: &Packet) {
        let put = self.put(out, packet, usize::MAX);
        debug_assert!(put.is_ok(), "there is nothing in it that has a wrong form");
    }
}

/// How a WebSocket closes: 4000 and the reason of the last packet; 4999 where that is the game's own.
fn close_code(reason: Reason) -> u16 {
    u16::try_from(reason.number()).map_or(4999, |reason| 4000 + reason.min(999))
}

/// An ERROR packet.
pub(crate) fn error(id: u64, code: Code, reason: Reason, message: &str, effect: u8) -> Packet {
    let (code, reason) = (code as u8, reason.number());
    Packet::Error { id, code, reason, message: message.to_owned(), effect }
}
