//! [`Backlog`]: messages that wait for one connection, bounded in number and in bytes.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::config::Settings;

/// Where messages are put.
pub(crate) struct Backlog {
    messages: mpsc::Sender<Waiting>,
    kib: Arc<Semaphore>,
}

/// A message that waits.
pub(crate) struct Waiting {
    pub(crate) frames: Vec<Bytes>,
    _room: OwnedSemaphorePermit,
}

impl Backlog {
    /// An empty one, and where messages come out.
    pub(crate) fn new(settings: &Settings) -> (Self, mpsc::Receiver<Waiting>) {
        let (messages, waiting) = mpsc::channel(settings.items);
        let kib = Arc::new(Semaphore::new(settings.bytes / 1024));
        (Self { messages, kib }, waiting)
    }

    /// Keeps a message until it is sent; `false` if there is no room.
    pub(crate) fn offer(&self, frames: &[Bytes]) -> bool {
        let bytes: usize = frames.iter().map(Bytes::len).sum();
        let kib = u32::try_from(bytes / 1024 + 1).unwrap_or(u32::MAX);
        let Ok(room) = Arc::clone(&self.kib).try_acquire_many_owned(kib) else { return false };
        self.messages.try_send(Waiting { frames: frames.to_vec(), _room: room }).is_ok()
    }
}
