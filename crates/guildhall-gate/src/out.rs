//! The send queue of one client: many tasks append, the connection's task writes all of it at once.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::BytesMut;
use guildhall_core::status::reason;
use guildhall_core::{Code, Reason};
use parking_lot::Mutex;
use tokio::sync::Notify;

/// Buffers above this are given back when they are empty: a connection that waits holds little memory.
pub(crate) const KEEP: usize = 1024;

/// Why a connection ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The client has closed it, or the network has.
    Gone,
    /// The client gets an ERROR with id 0: it may connect again.
    Error(Code, Reason, Cow<'static, str>),
    /// The client gets a KICK.
    Kick(Reason, Cow<'static, str>),
}

impl End {
    /// The client broke the protocol.
    pub(crate) fn bad(why: impl Into<Cow<'static, str>>) -> Self {
        Self::Error(Code::InvalidArgument, reason::BAD_REQUEST, why.into())
    }

    pub(crate) fn going_away() -> Self {
        // No KICK: the player is welcome at the next gate.
        let why = "this gate is going away; connect again";
        Self::Error(Code::Unavailable, reason::GOING_AWAY, why.into())
    }

    /// The client does not read.
    pub(crate) fn too_slow(what: &str) -> Self {
        let why = format!("the client does not read: {what}");
        Self::Error(Code::ResourceExhausted, reason::OVERLOADED, why.into())
    }

    /// The client sends more than it may, and goes on when it is refused.
    pub(crate) fn too_fast() -> Self {
        let why = "too many packets over gate.calls_per_s or gate.rates (gate.limited_max)";
        Self::Error(Code::ResourceExhausted, reason::LIMITED, why.into())
    }
}

/// Bytes that wait for all clients of a gate.
#[derive(Debug)]
pub(crate) struct Total {
    bytes: AtomicUsize,
    max: usize,
}

impl Total {
    pub(crate) fn new(max: usize) -> Arc<Self> {
        Arc::new(Self { bytes: AtomicUsize::new(0), max })
    }

    fn change(&self, from: usize, to: usize) {
        if to >= from {
            self.bytes.fetch_add(to - from, Ordering::Relaxed);
        } else {
            self.bytes.fetch_sub(from - to, Ordering::Relaxed);
        }
    }

    fn is_over(&self) -> bool {
        self.bytes.load(Ordering::Relaxed) > self.max
    }
}

/// Of each client's bytes so many are counted at a time: a client that reads costs no count.
const COUNTED: usize = 4 * 1024;

/// Bytes that wait for one client, each append a whole packet.
#[derive(Debug)]
pub(crate) struct Outbox {
    waiting: Mutex<Waiting>,
    wake: Notify,
    max: usize,
    total: Arc<Total>,
}

#[derive(Debug, Default)]
struct Waiting {
    queued: BytesMut,
    /// Bytes that were taken and not written yet, at most.
    writing: usize,
    /// What of these is in the gate's total.
    counted: usize,
    end: Option<End>,
}

impl Outbox {
    /// At most `max` bytes wait, and as many as `total` allows for all clients.
    pub(crate) fn new(max: usize, total: Arc<Total>) -> Self {
        Self { waiting: Mutex::default(), wake: Notify::new(), max, total }
    }

    /// How many bytes may wait.
    pub(crate) fn max(&self) -> usize {
        self.max
    }

    /// Lets `write` append packets. `false` when the connection ends, which it does here when it is too slow.
    pub(crate) fn put(&self, write: impl FnOnce(&mut BytesMut)) -> bool {
        let mut waiting = self.waiting.lock();
        if waiting.end.is_some() {
            return false;
        }
        let before = waiting.queued.len();
        write(&mut waiting.queued);
        self.count(&mut waiting);
        let max = self.max;
        if waiting.queued.len() + waiting.writing > max {
            let what = format!("more than {max} bytes wait (gate.queued_max)");
            waiting.end = Some(End::too_slow(&what));
        } else if waiting.counted > 0 && self.total.is_over() {
            let what = "too many bytes wait for all clients (gate.queued_total_max)";
            waiting.end = Some(End::too_slow(what));
        }
        let fits = waiting.end.is_none();
        drop(waiting);
        if before == 0 || !fits {
            self.wake.notify_one();
        }
        fits
    }

    /// Ends the connection; the first reason counts.
    pub(crate) fn end(&self, end: End) {
        self.waiting.lock().end.get_or_insert(end);
        self.wake.notify_one();
    }

    /// Waits until there is something to take, or the end. Cancel safe.
    pub(crate) async fn ready(&self) {
        self.wake.notified().await;
    }

    /// Moves what is queued into `writing`, which was written as far as it is empty.
    pub(crate) fn take_queued(&self, writing: &mut BytesMut) -> Option<End> {
        let mut waiting = self.waiting.lock();
        if waiting.end.is_some() {
            // What still waits is not worth waiting for: the reason is.
            return waiting.end.clone();
        }
        if writing.is_empty() {
            std::mem::swap(&mut waiting.queued, writing);
            if waiting.queued.capacity() > KEEP {
                waiting.queued = BytesMut::new();
            }
        }
        waiting.writing = writing.len();
        self.count(&mut waiting);
        None
    }

    fn count(&self, waiting: &mut Waiting) {
        let bytes = (waiting.queued.len() + waiting.writing) / COUNTED * COUNTED;
        if bytes != waiting.counted {
            self.total.change(waiting.counted, bytes);
            waiting.counted = bytes;
        }
    }

    /// Moves what is queued behind what is being written, unless the client is being cut; nothing is queued after it.
    pub(crate) fn close(&self, writing: &mut BytesMut) {
        let mut waiting = self.waiting.lock();
        if waiting.end.is_none() {
            writing.extend_from_slice(&waiting.queued);
            waiting.end = Some(End::Gone);
        }
        waiting.queued = BytesMut::new();
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.total.change(self.waiting.get_mut().counted, 0);
    }
}
