//! [`MemoryQueue`]: the in-memory implementation.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::{Popped, Queue, QueueCapabilities, QueueError, QueueErrorKind};
use crate::env::Instant;
use crate::{BoxFuture, Env};

/// After how long an item that is not acknowledged comes again, where nobody says otherwise.
pub const ACK_WAIT: Duration = Duration::from_secs(30);

/// How much may be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueLimits {
    /// Items of one queue, those that wait for their acknowledgement included.
    pub items: usize,
    /// Bytes of all items of all queues.
    pub bytes: usize,
    /// Queues that have items or poppers.
    pub queues: usize,
}

impl Default for QueueLimits {
    fn default() -> Self {
        Self { items: 65_536, bytes: 64 << 20, queues: 4096 }
    }
}

/// Queues in memory. Clones share them.
#[derive(Clone)]
pub struct MemoryQueue(Arc<Shared>);

struct Shared {
    env: Env,
    ack_wait: Duration,
    limits: QueueLimits,
    board: Mutex<Board>,
}

#[derive(Default)]
struct Board {
    lines: BTreeMap<String, Line>,
    bytes: usize,
    receipts: u64,
}

/// One queue.
#[derive(Default)]
struct Line {
    /// In the order of their numbers.
    waiting: VecDeque<Item>,
    /// How many were pushed.
    pushed: u64,
    /// By receipt.
    taken: BTreeMap<u64, (Instant, Item)>,
    /// Whoever holds a copy waits for an item.
    arrived: Arc<Notify>,
}

struct Item {
    number: u64,
    body: Bytes,
    attempts: u32,
}

impl MemoryQueue {
    /// Makes one without items; time runs by the clock of `env`.
    pub fn new(env: Env) -> Self {
        Self::with(env, ACK_WAIT, QueueLimits::default())
    }

    /// As [`MemoryQueue::new`], with other bounds.
    pub fn with(env: Env, ack_wait: Duration, limits: QueueLimits) -> Self {
        Self(Arc::new(Shared { env, ack_wait, limits, board: Mutex::default() }))
    }
}

impl std::fmt::Debug for MemoryQueue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let queues = self.0.board.lock().lines.len();
        f.debug_struct("MemoryQueue").field("queues", &queues).finish_non_exhaustive()
    }
}

impl Queue for MemoryQueue {
    fn capabilities(&self) -> QueueCapabilities {
        QueueCapabilities {
            ack_wait: Some(self.0.ack_wait),
            returns_on_disconnect: false,
            durable: false,
        }
    }

    fn push<'a>(&'a self, queue: &'a str, body: Bytes) -> BoxFuture<'a, Result<(), QueueError>> {
        Box::pin(async move {
            let limits = &self.0.limits;
            let mut board = self.0.board.lock();
            if board.bytes + body.len() > limits.bytes {
                return Err(full(&format!("all queues have {} bytes", limits.bytes)));
            }
            let size = body.len();
            let line = board.line("push", queue, limits)?;
            if line.waiting.len() + line.taken.len() >= limits.items {
                return Err(full(&format!("`{queue}` has {} items", limits.items)));
            }
            line.waiting.push_back(Item { number: line.pushed, body, attempts: 0 });
            line.pushed += 1;
            line.arrived.notify_one();
            board.bytes += size;
            Ok(())
        })
    }

    fn pop<'a>(
        &'a self,
        queue: &'a str,
        wait: Duration,
    ) -> BoxFuture<'a, Result<Option<Popped>, QueueError>> {
        Box::pin(async move {
            let env = &self.0.env;
            let end = env.now() + wait;
            loop {
                let limits = &self.0.limits;
                let arrived = Arc::clone(&self.0.board.lock().line("pop", queue, limits)?.arrived);
                let mut arrival = std::pin::pin!(arrived.notified());
                // Before the look at the items, so that none that comes between the two is missed.
                arrival.as_mut().enable();
                let now = env.now();
                let next = {
                    let mut board = self.0.board.lock();
                    let receipt = board.receipts;
                    let line = board.line("pop", queue, limits)?;
                    line.return_late(now);
                    if let Some(popped) = line.take(receipt, now + self.0.ack_wait) {
                        board.receipts += 1;
                        return Ok(Some(popped));
                    }
                    line.taken.values().map(|(again, _)| *again).min()
                };
                if now >= end {
                    return Ok(None);
                }
                env.until(next.map_or(end, |next| next.min(end)), arrival).await;
            }
        })
    }

    fn ack<'a>(
        &'a self,
        queue: &'a str,
        receipt: &'a str,
    ) -> BoxFuture<'a, Result<(), QueueError>> {
        Box::pin(async move {
            let mut board = self.0.board.lock();
            let taken = receipt.parse().ok().and_then(|receipt: u64| {
                let line = board.lines.get_mut(queue)?;
                // What is late is somebody else's from that moment on, also before anybody has come for it.
                line.return_late(self.0.env.now());
                line.taken.remove(&receipt)
            });
            if let Some((_, item)) = taken {
                board.bytes -= item.body.len();
            }
            Ok(())
        })
    }
}

impl Board {
    fn line(
        &mut self,
        operation: &'static str,
        queue: &str,
        limits: &QueueLimits,
    ) -> Result<&mut Line, QueueError> {
        if !self.lines.contains_key(queue) && self.lines.len() >= limits.queues {
            self.lines.retain(|_, line| !line.is_idle());
            if self.lines.len() >= limits.queues {
                let why = format!("there are {} queues", limits.queues);
                return Err(QueueError { operation, ..full(&why) });
            }
        }
        Ok(self.lines.entry(queue.to_owned()).or_default())
    }
}

impl Line {
    fn is_idle(&self) -> bool {
        let nobody_waits = Arc::strong_count(&self.arrived) == 1;
        self.waiting.is_empty() && self.taken.is_empty() && nobody_waits
    }

    /// Puts back, where it was, what was not acknowledged in time.
    fn return_late(&mut self, now: Instant) {
        let late: Vec<u64> = self.taken.iter().filter(|(_, t)| t.0 <= now).map(|t| *t.0).collect();
        for receipt in late {
            if let Some((_, item)) = self.taken.remove(&receipt) {
                let at = self.waiting.partition_point(|other| other.number < item.number);
                self.waiting.insert(at, item);
                self.arrived.notify_one();
            }
        }
    }

    fn take(&mut self, receipt: u64, again: Instant) -> Option<Popped> {
        let mut item = self.waiting.pop_front()?;
        item.attempts = item.attempts.saturating_add(1);
        let (body, attempt) = (item.body.clone(), item.attempts);
        self.taken.insert(receipt, (again, item));
        Some(Popped { body, receipt: receipt.to_string(), attempt })
    }
}

fn full(what: &str) -> QueueError {
    let message = format!("{what}, which is the limit; take items faster, or push fewer");
    QueueError { kind: QueueErrorKind::Full, operation: "push", message }
}
