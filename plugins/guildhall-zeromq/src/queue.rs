//! The [`Queue`] seam: PUSH sockets of the apps that push, a PULL socket of the app that has the queues.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use guildhall_core::queue::memory::{MemoryQueue, QueueLimits};
use guildhall_core::queue::{Popped, Queue, QueueCapabilities, QueueError, QueueErrorKind};
use guildhall_core::{BoxFuture, Env};

use crate::accept::{listen, serve};
use crate::config::Settings;
use crate::frames::Kind;
use crate::owner::Owner;
use crate::socket::Socket;
use crate::task::Tasks;

/// Longest name of a queue, and largest item, in bytes.
const NAME_MAX: usize = 255;
const ITEM_MAX: usize = 1 << 20;

/// Popped items are gone at once; what takes them out counts as their acknowledgement.
const NEVER: Duration = Duration::from_secs(3600);

/// How long an item waits for room in a full queue before it is offered again.
const FULL: Duration = Duration::from_millis(20);

/// Queues between apps.
pub struct ZeroMqQueue {
    /// Of this app, if it has queues.
    here: Option<MemoryQueue>,
    owners: Vec<Owner>,
    turn: AtomicUsize,
    _tasks: Tasks,
}

impl std::fmt::Debug for ZeroMqQueue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ZeroMqQueue").field("here", &self.here).finish_non_exhaustive()
    }
}

impl ZeroMqQueue {
    pub(crate) async fn open(env: &Env, settings: &Settings) -> Result<Self, String> {
        let (mut tasks, mut owners) = (Tasks::default(), Vec::new());
        for address in &settings.queues {
            let (owner, sending) = Owner::new(env, address, settings);
            tasks.add(env.spawn("zeromq.push", sending));
            owners.push(owner);
        }
        let mut here = None;
        if owners.is_empty() {
            let limits = QueueLimits {
                items: settings.items,
                bytes: settings.bytes,
                ..QueueLimits::default()
            };
            let queue = MemoryQueue::with(env.clone(), NEVER, limits);
            let listener = listen(env, &settings.queue_address).await?;
            let each = {
                let (env, queue) = (env.clone(), queue.clone());
                move |socket| pull(env.clone(), socket, queue.clone())
            };
            tasks.add(env.spawn("zeromq.pull", serve(env.clone(), listener, Kind::Pull, each)));
            here = Some(queue);
        }
        Ok(Self { here, owners, turn: AtomicUsize::new(0), _tasks: tasks })
    }

    /// To an app that is there, by turns; where none is, to one that has room until it is.
    fn send(&self, queue: &str, body: &Bytes) -> Result<(), QueueError> {
        let item = [Bytes::copy_from_slice(queue.as_bytes()), body.clone()];
        let first = self.turn.fetch_add(1, Ordering::Relaxed);
        let count = self.owners.len();
        for is_up in [true, false] {
            for at in 0..count {
                let owner = &self.owners[(first.wrapping_add(at)) % count];
                if owner.is_up() == is_up && owner.offer(&item) {
                    return Ok(());
                }
            }
        }
        let message = "too many items wait for the apps of `queues`; start them, or push fewer";
        Err(error(QueueErrorKind::Full, "push", message))
    }
}

impl Queue for ZeroMqQueue {
    fn capabilities(&self) -> QueueCapabilities {
        QueueCapabilities { ack_wait: None, returns_on_disconnect: false, durable: false }
    }

    fn push<'a>(&'a self, queue: &'a str, body: Bytes) -> BoxFuture<'a, Result<(), QueueError>> {
        Box::pin(async move {
            if queue.len() > NAME_MAX || body.len() > ITEM_MAX {
                let message =
                    format!("names have at most {NAME_MAX} bytes, and items at most {ITEM_MAX}");
                return Err(error(QueueErrorKind::Unavailable, "push", message));
            }
            match &self.here {
                Some(here) => here.push(queue, body).await,
                None => self.send(queue, &body),
            }
        })
    }

    fn pop<'a>(
        &'a self,
        queue: &'a str,
        wait: Duration,
    ) -> BoxFuture<'a, Result<Option<Popped>, QueueError>> {
        Box::pin(async move {
            let Some(here) = &self.here else {
                let message = "the queues are in the apps of `queues`; pop there, or leave `queues` out of the URL";
                return Err(error(QueueErrorKind::Unavailable, "pop", message));
            };
            let popped = here.pop(queue, wait).await?;
            if let Some(popped) = &popped {
                here.ack(queue, &popped.receipt).await?;
            }
            Ok(popped)
        })
    }

    fn ack<'a>(
        &'a self,
        _queue: &'a str,
        _receipt: &'a str,
    ) -> BoxFuture<'a, Result<(), QueueError>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// Takes what one app pushes. Meanwhile a full queue is waited for, nothing is read, so that the app that pushes has to wait.
async fn pull(env: Env, mut socket: Socket, queue: MemoryQueue) {
    let mut was_said = false;
    while let Ok(message) = socket.next().await {
        let Some((name, body)) = item(&message) else {
            if !std::mem::replace(&mut was_said, true) {
                tracing::warn!(
                    frames = message.len(),
                    "dropped a message that is no item of a queue (name and body within the limits); further ones of this connection are dropped without a line"
                );
            }
            continue;
        };
        while let Err(refused) = queue.push(name, body.clone()).await {
            debug_assert_eq!(
                refused.kind,
                QueueErrorKind::Full,
                "a queue in memory refuses nothing else"
            );
            env.sleep(FULL).await;
        }
    }
}

/// The name of a queue and an item of it, if they are within the limits.
fn item(frames: &[Bytes]) -> Option<(&str, &Bytes)> {
    let [name, body] = frames else { return None };
    let fits = name.len() <= NAME_MAX && body.len() <= ITEM_MAX;
    let name = std::str::from_utf8(name).ok().filter(|_| fits)?;
    Some((name, body))
}

fn error(kind: QueueErrorKind, operation: &'static str, message: impl Into<String>) -> QueueError {
    QueueError { kind, operation, message: message.into() }
}
