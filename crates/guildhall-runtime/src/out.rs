//! What waits for a socket: many producers encode into one buffer, one task writes all of it at once.

use bytes::BytesMut;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::metrics::Gauge;

/// Frames that wait for one socket.
#[derive(Debug)]
pub(crate) struct Out {
    queued: Mutex<Queued>,
    wake: Notify,
    max: usize,
    /// The bytes that wait for all sockets.
    all: Gauge,
}

#[derive(Debug, Default)]
struct Queued {
    bytes: BytesMut,
    closed: bool,
}

/// Why a frame was not queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The socket does not keep up.
    Full,
    /// The socket is gone.
    Closed,
}

impl Out {
    pub(crate) fn new(max: usize, all: &Gauge) -> Self {
        Self { queued: Mutex::default(), wake: Notify::new(), max, all: all.clone() }
    }

    /// Lets `write` append a frame. The writer is woken by the first frame only: by the time it runs, the frames of all
    /// tasks that were ready are there.
    #[inline]
    pub(crate) fn put<R>(&self, write: impl FnOnce(&mut BytesMut) -> R) -> Result<R, Refused> {
        let mut queued = self.queued.lock();
        if queued.closed {
            return Err(Refused::Closed);
        }
        if queued.bytes.len() >= self.max {
            return Err(Refused::Full);
        }
        let before = queued.bytes.len();
        let result = write(&mut queued.bytes);
        self.all.add(signed(queued.bytes.len()) - signed(before));
        drop(queued);
        if before == 0 {
            self.wake.notify_one();
        }
        Ok(result)
    }

    /// Waits until something was queued. Cancel safe.
    pub(crate) async fn ready(&self) {
        self.wake.notified().await;
    }

    /// Takes all that is queued by swapping it for `empty`.
    pub(crate) fn take(&self, empty: &mut BytesMut) {
        debug_assert!(empty.is_empty());
        std::mem::swap(&mut self.queued.lock().bytes, empty);
        self.all.add(-signed(empty.len()));
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.queued.lock().closed
    }

    /// From now on everything is refused.
    pub(crate) fn close(&self) {
        let mut queued = self.queued.lock();
        queued.closed = true;
        self.all.add(-signed(queued.bytes.len()));
        queued.bytes = BytesMut::new();
    }
}

fn signed(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
