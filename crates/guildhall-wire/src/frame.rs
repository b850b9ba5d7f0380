//! Frames: the 20-byte header that links and binary clients share, parsed and written without allocation.
//!
//! ```text
//! u32 length of what follows | u8 kind | u8 flags | u16 aux | u32 method | u64 id | head? | body
//! ```
//!
//! Little endian. With flag 1 (HEAD) set, a `u32` length and an encoded protobuf message stand before the body: [`Head`](crate::Head)
//! on a link, [`CallHead`](crate::CallHead) from a client. Other flags are refused. Limits count the whole frame, length field included.

mod kind;

use std::ops::Range;
use std::time::Duration;

use bytes::{BufMut, BytesMut};
use prost::Message;

pub use kind::{ClientKind, Kind, LinkKind};

/// Bytes before head and body; also the size of the smallest frame.
pub const HEADER_LEN: usize = 20;

const LENGTH_LEN: usize = 4;
const FLAG_HEAD: u8 = 1;

/// The fixed fields of a frame. Fields that a kind does not use are 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header<K> {
    /// What the frame is.
    pub kind: K,
    /// CALL, CAST: time left ([`time_left_to_aux`]). ERROR: code and effect ([`error_aux`]).
    pub aux: u16,
    /// Which method: [`method_id`](crate::method_id) of its path.
    pub method: u32,
    /// Which call ([`call_id`]), command or push.
    pub id: u64,
}

impl<K> Header<K> {
    /// A header whose other fields are 0.
    #[inline]
    pub const fn new(kind: K, id: u64) -> Self {
        Self { kind, aux: 0, method: 0, id }
    }
}

/// A whole frame, borrowed from the buffer it was received in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a, K> {
    /// The fixed fields.
    pub header: Header<K>,
    /// The encoded head, not yet checked; empty when there is none.
    pub head: &'a [u8],
    /// The encoded body, not yet checked.
    pub body: &'a [u8],
    /// Length of the whole frame: where the next one begins.
    pub len: usize,
}

impl<K: Kind> Frame<'_, K> {
    /// Where the body stands in the parsed buffer, to slice a `Bytes` instead of copying.
    #[inline]
    pub fn body_range(&self) -> Range<usize> {
        self.len - self.body.len()..self.len
    }

    /// Decodes the head; the default message when there is none.
    ///
    /// # Errors
    /// The head is not the protobuf message that it should be.
    #[inline]
    pub fn decode_head(&self) -> Result<K::Head, prost::DecodeError> {
        K::Head::decode(self.head)
    }
}

/// What [`parse`] found at the start of a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parsed<'a, K> {
    /// A whole frame.
    Frame(Frame<'a, K>),
    /// The beginning of one.
    Incomplete {
        /// How many more bytes it needs at least: what to reserve before the next read.
        needed: usize,
    },
}

/// A frame or packet is over the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{size} bytes are over the limit of {max}: send less, or raise the limit on both sides")]
pub struct TooLarge {
    /// Its whole size.
    pub size: usize,
    /// The limit.
    pub max: usize,
}

/// Why bytes are no frame. The stream cannot be followed after it: close the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Over the limit.
    #[error("frame refused: {0}")]
    TooLarge(#[from] TooLarge),
    /// The length does not even cover the header.
    #[error(
        "frame length {length} does not cover the header: the peer does not speak this protocol"
    )]
    TooShort {
        /// The length field.
        length: u32,
    },
    /// No kind of this set.
    #[error("frame kind {0} is unknown here: the peer speaks another protocol or a later version")]
    UnknownKind(u8),
    /// Flags that this version does not know.
    #[error("frame flags {0:#04x} are unknown here: the peer speaks a later version")]
    UnknownFlags(u8),
    /// The head does not fit the frame.
    #[error("frame head is longer than its frame of {len} bytes: the peer is faulty")]
    BadHead {
        /// Length of the whole frame.
        len: usize,
    },
}

/// Parses the frame at the start of `buf`, allocating nothing.
///
/// Length, kind and flags are checked as soon as they are there, so that no bytes are awaited for a frame that would be
/// refused. Head and body are not decoded.
///
/// # Errors
/// These bytes can never become a frame of at most `max` bytes.
#[inline]
pub fn parse<K: Kind>(buf: &[u8], max: usize) -> Result<Parsed<'_, K>, FrameError> {
    let Some(prefix) = buf.first_chunk::<LENGTH_LEN>() else {
        return Ok(Parsed::Incomplete { needed: HEADER_LEN - buf.len() });
    };
    let length = u32::from_le_bytes(*prefix);
    let len = (length as usize).saturating_add(LENGTH_LEN);
    if len > max {
        return Err(TooLarge { size: len, max }.into());
    }
    if len < HEADER_LEN {
        return Err(FrameError::TooShort { length });
    }
    let Some(header) = buf.first_chunk::<HEADER_LEN>() else {
        return Ok(Parsed::Incomplete { needed: len - buf.len() });
    };
    let &[_, _, _, _, kind, flags, a0, a1, m0, m1, m2, m3, ref id @ ..] = header;
    let kind = K::from_byte(kind).ok_or(FrameError::UnknownKind(kind))?;
    if flags & !FLAG_HEAD != 0 {
        return Err(FrameError::UnknownFlags(flags));
    }
    let Some(rest) = buf.get(HEADER_LEN..len) else {
        return Ok(Parsed::Incomplete { needed: len - buf.len() });
    };
    let (head, body) = if flags & FLAG_HEAD == 0 {
        (&[][..], rest)
    } else {
        split_head(rest).ok_or(FrameError::BadHead { len })?
    };
    let aux = u16::from_le_bytes([a0, a1]);
    let method = u32::from_le_bytes([m0, m1, m2, m3]);
    let header = Header { kind, aux, method, id: u64::from_le_bytes(*id) };
    Ok(Parsed::Frame(Frame { header, head, body, len }))
}

fn split_head(rest: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = rest.split_first_chunk::<LENGTH_LEN>()?;
    rest.split_at_checked(u32::from_le_bytes(*length) as usize)
}

/// Appends a frame with `body` encoded straight into `out`.
///
/// # Errors
/// The frame would be over `max`; `out` is unchanged.
#[inline]
pub fn put_frame<K: Kind>(
    out: &mut BytesMut,
    max: usize,
    header: Header<K>,
    head: Option<&K::Head>,
    body: &impl Message,
) -> Result<(), TooLarge> {
    put_before_body(out, max, header, head, body.encoded_len())?;
    body.encode_raw(out);
    Ok(())
}

/// Appends a frame with a body that is encoded already.
///
/// # Errors
/// The frame would be over `max`; `out` is unchanged.
#[inline]
pub fn put_raw<K: Kind>(
    out: &mut BytesMut,
    max: usize,
    header: Header<K>,
    head: Option<&K::Head>,
    body: &[u8],
) -> Result<(), TooLarge> {
    put_before_body(out, max, header, head, body.len())?;
    out.put_slice(body);
    Ok(())
}

/// Appends a frame whose body is `body` followed by `tail`: how a gate adds the player's key to a body it never decodes.
///
/// # Errors
/// The frame would be over `max`; `out` is unchanged.
#[inline]
pub fn put_raw_with_tail<K: Kind>(
    out: &mut BytesMut,
    max: usize,
    header: Header<K>,
    head: Option<&K::Head>,
    body: &[u8],
    tail: &[u8],
) -> Result<(), TooLarge> {
    put_before_body(out, max, header, head, body.len() + tail.len())?;
    out.put_slice(body);
    out.put_slice(tail);
    Ok(())
}

/// Checks the limit, reserves for the whole frame at once, and writes all but the body.
#[inline]
fn put_before_body<K: Kind>(
    out: &mut BytesMut,
    max: usize,
    header: Header<K>,
    head: Option<&K::Head>,
    body_len: usize,
) -> Result<(), TooLarge> {
    let head_len = head.map_or(0, Message::encoded_len);
    let size = HEADER_LEN + head.map_or(0, |_| LENGTH_LEN + head_len) + body_len;
    let too_large = TooLarge { size, max };
    if size > max {
        return Err(too_large);
    }
    let length = u32::try_from(size - LENGTH_LEN).map_err(|_| too_large)?;
    let head_length = u32::try_from(head_len).map_err(|_| too_large)?;
    out.reserve(size);
    let [l0, l1, l2, l3] = length.to_le_bytes();
    let [a0, a1] = header.aux.to_le_bytes();
    let [m0, m1, m2, m3] = header.method.to_le_bytes();
    let (kind, flags) = (header.kind.byte(), if head.is_some() { FLAG_HEAD } else { 0 });
    // One copy of a fixed size is cheaper than seven small ones.
    out.put_slice(&[l0, l1, l2, l3, kind, flags, a0, a1, m0, m1, m2, m3]);
    out.put_u64_le(header.id);
    if let Some(head) = head {
        out.put_u32_le(head_length);
        head.encode_raw(out);
    }
    Ok(())
}

/// `aux` of a CALL or CAST whose time left does not fit: it stands in the head.
pub const TIME_LEFT_IN_HEAD: u16 = u16::MAX;

/// Turns the time left for a call into `aux`: 10 ms units, rounded up; [`TIME_LEFT_IN_HEAD`] when it does not fit.
#[inline]
pub fn time_left_to_aux(left: Duration) -> u16 {
    u16::try_from(left.as_nanos().div_ceil(10_000_000)).unwrap_or(TIME_LEFT_IN_HEAD)
}

/// Reads the time left from `aux`; `None` when it stands in the head.
#[inline]
pub fn time_left_from_aux(aux: u16) -> Option<Duration> {
    (aux != TIME_LEFT_IN_HEAD).then(|| Duration::from_millis(u64::from(aux) * 10))
}

/// Packs the code and effect of an ERROR into `aux`.
#[inline]
pub const fn error_aux(code: u8, effect: u8) -> u16 {
    u16::from_le_bytes([code, effect])
}

/// Reads code and effect of an ERROR.
#[inline]
pub const fn error_from_aux(aux: u16) -> (u8, u8) {
    let [code, effect] = aux.to_le_bytes();
    (code, effect)
}

/// Makes the id of a call from its place in the caller's table of pending calls, and how often that place was used:
/// a late reply to a call that is gone then finds another generation there and is dropped.
#[inline]
pub const fn call_id(generation: u32, slot: u32) -> u64 {
    (generation as u64) << 32 | slot as u64
}

/// Reads `(generation, slot)` from the id of a call.
#[inline]
pub const fn call_id_parts(id: u64) -> (u32, u32) {
    ((id >> 32) as u32, (id & 0xffff_ffff) as u32)
}
