//! The send buffer of a link: many producers encode into it, one task writes all of it at once.

use bytes::BytesMut;
use guildhall_core::metrics::Gauge;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::meters::Answered;

/// The gauge of waiting bytes moves in steps of two to the power of this, so that most frames leave it alone.
const STEP: u32 = 12;

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
    /// The calls that frames in `bytes` answer.
    answered: Answered,
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
        self.put_answer(|bytes, _| write(bytes))
    }

    /// As [`Out::put`]; `write` also notes which call it has answered.
    #[inline]
    pub(crate) fn put_answer<R>(
        &self,
        write: impl FnOnce(&mut BytesMut, &mut Answered) -> R,
    ) -> Result<R, Refused> {
        let mut queued = self.queued.lock();
        if queued.closed {
            return Err(Refused::Closed);
        }
        if queued.bytes.len() >= self.max {
            return Err(Refused::Full);
        }
        let before = queued.bytes.len();
        let Queued { bytes, answered, .. } = &mut *queued;
        let result = write(bytes, answered);
        if (bytes.len() ^ before) >> STEP != 0 {
            self.all.add(steps(bytes.len()) - steps(before));
        }
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

    /// Takes all that is queued by swapping it for what is empty.
    pub(crate) fn take_queued(&self, bytes: &mut BytesMut, answered: &mut Answered) {
        debug_assert!(bytes.is_empty());
        let mut queued = self.queued.lock();
        std::mem::swap(&mut queued.bytes, bytes);
        std::mem::swap(&mut queued.answered, answered);
        drop(queued);
        self.sent(bytes);
    }

    fn sent(&self, bytes: &BytesMut) {
        if steps(bytes.len()) > 0 {
            self.all.add(-steps(bytes.len()));
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.queued.lock().closed
    }

    /// From now on everything is refused. Returns what was answered and not taken.
    pub(crate) fn close(&self) -> Answered {
        let mut queued = self.queued.lock();
        let dropped = std::mem::replace(&mut *queued, Queued { closed: true, ..Queued::default() });
        drop(queued);
        self.sent(&dropped.bytes);
        dropped.answered
    }
}

fn steps(bytes: usize) -> i64 {
    i64::try_from(bytes >> STEP << STEP).unwrap_or(i64::MAX)
}
