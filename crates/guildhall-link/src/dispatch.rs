//! [`Dispatch`]: serves the calls of a link; and [`Arrival`], a received call.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use guildhall_core::env::{ConnIo, Instant};
use guildhall_core::{AppId, BoxFuture};
use guildhall_wire::Head;
use guildhall_wire::frame::{Frame, LinkKind, time_left_from_aux};

use crate::reply::ReplyPort;

/// A handler that has begun, or is about to.
pub type HandlerFuture = BoxFuture<'static, ()>;

/// What serves the calls that arrive.
pub trait Dispatch: Send + Sync + 'static {
    /// Begins a call; `None` when it has been answered already.
    fn dispatch(&self, arrival: Arrival<'_>, reply: ReplyPort) -> Option<HandlerFuture>;

    /// The connection of another app has ended without a GOAWAY: the app may be gone.
    fn lost(&self, caller: &AppId);

    /// Serves the streams of a connection that was dialled for them, until it ends.
    fn serve_streams(&self, io: ConnIo, caller: AppId) -> impl Future<Output = ()> + Send;
}

/// A call or cast as it has arrived.
#[derive(Debug)]
pub struct Arrival<'a> {
    /// The id of the method, which this app may not have.
    pub method: u32,
    /// What travels with the call. Absent on a plain one; behind a pointer, so that handing it on copies little.
    pub head: Option<Arc<Head>>,
    /// How long the caller waits from now on.
    pub left: Duration,
    /// When it has arrived.
    pub at: Instant,
    /// The app at the other end; none for a call from within this app.
    pub caller: Option<&'a AppId>,
    /// As many calls as may run at a time on its link do run: this one has to be refused.
    pub is_over_limit: bool,
    /// The encoded request.
    pub body: Body<'a>,
}

impl<'a> Arrival<'a> {
    /// The call that a frame carries.
    ///
    /// # Errors
    /// Its head does not decode.
    #[inline]
    pub fn parse(
        frame: &Frame<'a, LinkKind>,
        at: Instant,
        chunk: &'a mut BytesMut,
    ) -> Result<Self, String> {
        let head = match frame.head {
            [] => None,
            _ => {
                let head: Head = frame.decode_head().map_err(|e| format!("a head: {e}"))?;
                Some(Arc::new(head))
            }
        };
        let left = time_left_from_aux(frame.header.aux).unwrap_or_else(|| {
            Duration::from_millis(head.as_ref().map_or(0, |head| head.time_left_ms))
        });
        let (method, body) = (frame.header.method, Body { bytes: frame.body, chunk });
        Ok(Self { method, head, left, at, caller: None, is_over_limit: false, body })
    }
}

/// An encoded request among the bytes that were read.
#[derive(Debug)]
pub struct Body<'a> {
    /// The request.
    pub bytes: &'a [u8],
    /// Where it is copied to when it has to wait.
    pub chunk: &'a mut BytesMut,
}

impl Body<'_> {
    /// The request on its own, to be kept longer than the bytes that were read.
    pub fn into_bytes(self) -> Bytes {
        copy_out(self.bytes, self.chunk)
    }
}

/// Copies a body out of what was read. Small ones share a chunk, so that most cost no allocation; none holds more than it.
pub(crate) fn copy_out(body: &[u8], chunk: &mut BytesMut) -> Bytes {
    const CHUNK: usize = 4096;
    const SMALL: usize = 256;
    if body.len() > SMALL {
        return Bytes::copy_from_slice(body);
    }
    if chunk.capacity() < body.len() {
        chunk.reserve(CHUNK);
    }
    chunk.extend_from_slice(body);
    chunk.split().freeze()
}
