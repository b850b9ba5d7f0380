//! [`RawBody`]: an encoded message.

use bytes::{Buf, BufMut};
use prost::encoding::{DecodeContext, WireType};
use prost::{DecodeError, Message};

use super::Keyed;

/// An encoded message, as it came or [`Keyed`].
#[derive(Clone, Copy, Debug, Default)]
pub struct RawBody<'a> {
    body: &'a [u8],
    /// Encoded fields that are appended.
    tail: &'a [u8],
}

impl<'a> From<&'a Keyed> for RawBody<'a> {
    fn from(keyed: &'a Keyed) -> Self {
        let (body, tail) = keyed.parts();
        Self { body, tail }
    }
}

impl<'a> RawBody<'a> {
    /// A message as it is.
    pub fn new(body: &'a [u8]) -> Self {
        Self { body, tail: &[] }
    }
}

/// Only what encoding needs: nothing is ever decoded into a borrowed body.
impl Message for RawBody<'_> {
    fn encode_raw(&self, buf: &mut impl BufMut) {
        buf.put_slice(self.body);
        buf.put_slice(self.tail);
    }

    fn merge_field(
        &mut self,
        _tag: u32,
        wire_type: WireType,
        buf: &mut impl Buf,
        cx: DecodeContext,
    ) -> Result<(), DecodeError> {
        prost::encoding::skip_field(wire_type, 0, buf, cx)
    }

    fn encoded_len(&self) -> usize {
        self.body.len() + self.tail.len()
    }

    fn clear(&mut self) {
        *self = Self::default();
    }
}
