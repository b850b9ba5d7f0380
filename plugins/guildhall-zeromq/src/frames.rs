//! The bytes of ZMTP 3.0, the protocol of ZeroMQ, with the mechanism NULL: greeting, commands and frames, in and out.

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};

/// Length of a greeting.
pub(crate) const GREETING: usize = 64;

/// Largest command.
const COMMAND_MAX: usize = 4096;
/// Frames of one message.
const FRAMES_MAX: usize = 8;
/// Bytes of one message, all its frames together: an item and its name fit, and a little more is read and refused.
pub(crate) const MESSAGE_MAX: usize = (1 << 20) + (64 << 10);

const MORE: u8 = 1;
const LONG: u8 = 2;
const COMMAND: u8 = 4;

/// What a socket is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Pub,
    Sub,
    Push,
    Pull,
}

/// One command or one message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Came {
    Command(Bytes),
    Message(Vec<Bytes>),
}

/// Cuts what arrives into commands and messages.
#[derive(Debug, Default)]
pub(crate) struct Cutter {
    /// The frames of the message that is arriving.
    parts: Vec<Bytes>,
    bytes: usize,
}

impl Kind {
    fn name(self) -> &'static [u8] {
        match self {
            Self::Pub => b"PUB",
            Self::Sub => b"SUB",
            Self::Push => b"PUSH",
            Self::Pull => b"PULL",
        }
    }

    /// Whether a socket of this kind can be at the other end.
    fn fits(self, other: &[u8]) -> bool {
        match self {
            Self::Pub => matches!(other, b"SUB" | b"XSUB"),
            Self::Sub => matches!(other, b"PUB" | b"XPUB"),
            Self::Push => other == b"PULL",
            Self::Pull => other == b"PUSH",
        }
    }
}

/// The greeting and the command READY, which each side sends first.
pub(crate) fn hello(own: Kind) -> BytesMut {
    let mut out = BytesMut::new();
    out.put_slice(&[0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 0]);
    out.put_slice(b"NULL");
    out.put_bytes(0, GREETING - out.len());
    let name = own.name();
    let mut ready = BytesMut::new();
    ready.put_slice(b"\x05READY\x0bSocket-Type");
    ready.put_u32(u32::try_from(name.len()).unwrap_or(0));
    ready.put_slice(name);
    frame(&mut out, &ready, COMMAND);
    out
}

/// Checks the greeting of the other side.
pub(crate) fn greeting(bytes: &[u8]) -> Result<(), &'static str> {
    let (sign, rest) = bytes.split_at_checked(10).ok_or("no greeting of ZeroMQ")?;
    if sign[0] != 0xff || sign[9] & 1 == 0 || rest.len() < 22 || rest[0] < 3 {
        return Err("the other side does not speak ZMTP 3");
    }
    let mechanism = &rest[2..22];
    match mechanism.starts_with(b"NULL") && mechanism[4..].iter().all(|byte| *byte == 0) {
        true => Ok(()),
        false => Err("the other side asks for a mechanism other than NULL"),
    }
}

/// Checks the command READY of the other side.
pub(crate) fn ready(own: Kind, command: &[u8]) -> Result<(), &'static str> {
    let wrong = "the other side has refused, or sent something else than READY";
    let mut rest = command.strip_prefix(b"\x05READY").ok_or(wrong)?;
    while let Some((length, after)) = rest.split_first() {
        let cut = "the command READY is cut";
        let (name, after) = after.split_at_checked(usize::from(*length)).ok_or(cut)?;
        let (length, after) = after.split_first_chunk().ok_or(cut)?;
        let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| cut)?;
        let (value, after) = after.split_at_checked(length).ok_or(cut)?;
        if name.eq_ignore_ascii_case(b"Socket-Type") {
            return match own.fits(value) {
                true => Ok(()),
                false => Err("the other side has a socket of another kind; check the port"),
            };
        }
        rest = after;
    }
    Err("the command READY names no Socket-Type")
}

/// Appends a message.
pub(crate) fn message(out: &mut BytesMut, frames: &[Bytes]) {
    let last = frames.len().saturating_sub(1);
    for (at, body) in frames.iter().enumerate() {
        frame(out, body, if at < last { MORE } else { 0 });
    }
}

fn frame(out: &mut BytesMut, body: &[u8], flags: u8) {
    match u8::try_from(body.len()) {
        Ok(length) => out.put_slice(&[flags, length]),
        Err(_) => {
            out.put_u8(flags | LONG);
            out.put_u64(body.len() as u64);
        }
    }
    out.put_slice(body);
}

impl Cutter {
    /// The next command or message of `input`, if all of it is there. Memory grows with what has arrived, not with a length that the
    /// other side claims.
    pub(crate) fn next(&mut self, input: &mut BytesMut) -> Result<Option<Came>, &'static str> {
        loop {
            let Some((flags, head, length)) = header(input) else { return Ok(None) };
            let is_command = flags & COMMAND != 0;
            let room = if is_command { COMMAND_MAX } else { MESSAGE_MAX - self.bytes };
            let Some(length) = usize::try_from(length).ok().filter(|length| *length <= room) else {
                return Err("a message or a command of the other side is too large");
            };
            if input.len() < head + length {
                return Ok(None);
            }
            input.advance(head);
            let body = input.split_to(length);
            if is_command {
                return Ok(Some(Came::Command(body.freeze())));
            }
            self.bytes += length;
            // A copy, so that a small message does not hold the buffer of a large one.
            self.parts.push(Bytes::copy_from_slice(&body));
            if flags & MORE == 0 {
                self.bytes = 0;
                return Ok(Some(Came::Message(std::mem::take(&mut self.parts))));
            }
            if self.parts.len() >= FRAMES_MAX {
                return Err("a message of the other side has too many frames");
            }
        }
    }
}

/// Flags, length of the header, and length of the body.
fn header(input: &[u8]) -> Option<(u8, usize, u64)> {
    let (flags, rest) = input.split_first()?;
    if flags & LONG != 0 {
        let length = rest.first_chunk()?;
        return Some((*flags, 9, u64::from_be_bytes(*length)));
    }
    Some((*flags, 2, u64::from(*rest.first()?)))
}

#[cfg(test)]
mod tests;
