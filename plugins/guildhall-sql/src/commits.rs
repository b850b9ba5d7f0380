//! [`Commits`]: batches of all callers that wait, in the order in which they came, of which a few writers commit as many as fit in one
//! transaction. While a transaction is on its way to the disk, the batches of the next one gather.

use std::collections::VecDeque;

use guildhall_core::env::Instant;
use guildhall_core::store::{Batch, Committed, Op, StoreError, StoreErrorKind, Value, Write};
use parking_lot::Mutex;
use tokio::sync::oneshot;

/// Batches, and bytes of them, that share a transaction.
const GROUP_MAX: usize = 64;
const GROUP_BYTES: usize = 4 << 20;
/// Batches, and bytes of them, that may wait; more are refused.
const WAITING_MAX: usize = 16_384;
const WAITING_BYTES: usize = 256 << 20;
/// Transactions of one app at a time: one gathers its reads while the other syncs the disk.
const WRITERS: usize = 2;
/// What an operation takes beside its values, about.
const OP_BYTES: usize = 256;

/// What becomes of a batch.
pub(crate) type Outcome = Result<Committed, StoreError>;

/// The batches that wait.
#[derive(Default)]
pub(crate) struct Commits(Mutex<Board>);

#[derive(Default)]
struct Board {
    waiting: VecDeque<Waiting>,
    bytes: usize,
    writers: usize,
}

/// A batch that waits.
pub(crate) struct Waiting {
    pub(crate) batch: Batch,
    bytes: usize,
    /// When it is too late to begin.
    pub(crate) deadline: Instant,
    pub(crate) answer: oneshot::Sender<Outcome>,
}

/// A writer that works. What waits is given up when the last one is dropped before its end, as by a panic: its callers are told.
pub(crate) struct Working<'a> {
    pub(crate) commits: &'a Commits,
    pub(crate) has_ended: bool,
}

impl Commits {
    /// Lets batches wait; where their outcomes come. `true`: there is work for another writer.
    pub(crate) fn push(
        &self,
        batches: Vec<Batch>,
        deadline: Instant,
        subject: &str,
    ) -> (Vec<oneshot::Receiver<Outcome>>, bool) {
        let mut board = self.0.lock();
        let mut outcomes = Vec::with_capacity(batches.len());
        for batch in batches {
            let (answer, outcome) = oneshot::channel();
            outcomes.push(outcome);
            let bytes = bytes_of(&batch);
            let is_full = board.waiting.len() >= WAITING_MAX || board.bytes + bytes > WAITING_BYTES;
            if is_full && !board.waiting.is_empty() {
                let message = format!(
                    "{} commits wait already: the server is slower than the game; try again later",
                    board.waiting.len()
                );
                let error =
                    StoreError::new(StoreErrorKind::Unavailable, "commit", subject, message);
                // Its receiver is in `outcomes`.
                let _told = answer.send(Err(error));
                continue;
            }
            board.bytes += bytes;
            board.waiting.push_back(Waiting { batch, bytes, deadline, answer });
        }
        let is_more = !board.waiting.is_empty() && board.writers < WRITERS;
        board.writers += usize::from(is_more);
        (outcomes, is_more)
    }

    /// The batches of the next transaction; `None` ends the writer, which is then not counted any more.
    pub(crate) fn take(&self) -> Option<Vec<Waiting>> {
        let mut board = self.0.lock();
        let (mut group, mut bytes) = (Vec::new(), 0);
        while let Some(next) = board.waiting.front() {
            bytes += next.bytes;
            if group.len() == GROUP_MAX || bytes > GROUP_BYTES && !group.is_empty() {
                break;
            }
            let next = board.waiting.pop_front()?;
            board.bytes -= next.bytes;
            group.push(next);
        }
        // At once: whoever lets a batch wait from now on starts another one.
        board.writers -= usize::from(group.is_empty());
        (!group.is_empty()).then_some(group)
    }
}

impl Drop for Working<'_> {
    fn drop(&mut self) {
        if self.has_ended {
            return;
        }
        let mut board = self.commits.0.lock();
        board.writers -= 1;
        if board.writers == 0 {
            board.waiting.clear();
            board.bytes = 0;
        }
    }
}

/// About what a batch takes.
fn bytes_of(batch: &Batch) -> usize {
    let value = |value: &Value| match value {
        Value::Text(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::Bool(_) | Value::Int(_) | Value::Uint(_) | Value::Float(_) => 8,
    };
    let op = |op: &Op| {
        let fields = match &op.write {
            Write::Create(fields) | Write::Update(fields) => {
                fields.iter().map(|(_, of)| value(of)).sum()
            }
            Write::Delete | Write::Forget => 0,
        };
        OP_BYTES + fields + op.records.as_ref().map_or(0, bytes::Bytes::len)
    };
    batch.ops.iter().map(op).sum()
}
