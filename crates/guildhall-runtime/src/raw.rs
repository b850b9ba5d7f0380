//! Calls with bodies that are encoded already: for gates, which route what they never decode, and for tools.

use bytes::{Buf, BufMut, Bytes};
use guildhall_core::{KeyText, MethodDesc, Status};
use prost::encoding::{DecodeContext, WireType};
use prost::{DecodeError, Message};

pub use guildhall_core::rpc::{Keyed, find_key};

pub use crate::codegen::Target;
use crate::cx::Cx;
pub use crate::interned::Interned;
pub use crate::node::describe;

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

/// Calls `method` and returns the encoded response. The first poll hands the request over, so calls go in the order in which
/// they were first polled.
///
/// # Errors
/// As any call.
///
/// # Cancel safety
/// Dropped, the call is cancelled: what has not begun is not run.
pub async fn call(
    cx: &Cx,
    method: &'static MethodDesc,
    key: KeyText<'_>,
    body: RawBody<'_>,
) -> Result<Bytes, Status> {
    call_to(cx, method, &Target::Default, key, body).await
}

/// As [`call`], to where `target` says.
///
/// # Errors
/// As any call.
///
/// # Cancel safety
/// As [`call`].
pub async fn call_to(
    cx: &Cx,
    method: &'static MethodDesc,
    target: &Target,
    key: KeyText<'_>,
    body: RawBody<'_>,
) -> Result<Bytes, Status> {
    crate::call::call_encoded(cx, method, target, key, &body).await
}

/// Sends a request that wants no reply; `Ok` says only that it was queued.
///
/// # Errors
/// There is no route, or no room.
pub fn cast(
    cx: &Cx,
    method: &'static MethodDesc,
    key: KeyText<'_>,
    body: RawBody<'_>,
) -> Result<(), Status> {
    cast_to(cx, method, &Target::Default, key, body)
}

/// As [`cast`], to where `target` says.
///
/// # Errors
/// There is no route, or no room.
pub fn cast_to(
    cx: &Cx,
    method: &'static MethodDesc,
    target: &Target,
    key: KeyText<'_>,
    body: RawBody<'_>,
) -> Result<(), Status> {
    crate::call::cast(cx, method, target, key, &body)
}
