//! [`Publisher`]: the PUB side: the connections of other apps, and what each of them has subscribed to.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

use crate::backlog::Backlog;
use crate::config::Settings;
use crate::socket::Socket;

/// Subscriptions of one connection.
const SUBSCRIPTIONS_MAX: usize = 65_536;

/// The connections of other apps.
#[derive(Clone)]
pub(crate) struct Publisher(Arc<Shared>);

struct Shared {
    settings: Settings,
    board: Mutex<Board>,
}

#[derive(Default)]
struct Board {
    next: u64,
    subscribers: BTreeMap<u64, Subscriber>,
}

struct Subscriber {
    /// What its topics may begin with.
    prefixes: Vec<Bytes>,
    backlog: Backlog,
}

/// Takes a connection off the board.
struct Leave<'a>(&'a Publisher, u64);

impl Publisher {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self(Arc::new(Shared { settings: settings.clone(), board: Mutex::default() }))
    }

    /// Sends to every connection that wants it and has room; the others count it as lost by its number.
    pub(crate) fn publish(&self, topic: &str, frames: &[Bytes]) {
        let board = self.0.board.lock();
        for subscriber in board.subscribers.values() {
            if subscriber.prefixes.iter().any(|prefix| topic.as_bytes().starts_with(prefix)) {
                let _lost = subscriber.backlog.offer(frames);
            }
        }
    }

    /// Serves one connection until it ends.
    pub(crate) async fn serve(self, mut socket: Socket) {
        let (backlog, mut waiting) = Backlog::new(&self.0.settings);
        let leave = {
            let mut board = self.0.board.lock();
            let number = board.next;
            board.next += 1;
            board.subscribers.insert(number, Subscriber { prefixes: Vec::new(), backlog });
            Leave(&self, number)
        };
        loop {
            let went_well = tokio::select! {
                message = socket.next() => match message {
                    Ok(message) => self.subscribe(leave.1, &message),
                    Err(_) => return,
                },
                Some(message) = waiting.recv() => socket.send(&message.frames).await.is_ok(),
            };
            if !went_well {
                return;
            }
        }
    }

    /// A subscription (1 and a prefix) or its end (0 and the prefix); `false` ends the connection.
    fn subscribe(&self, number: u64, message: &[Bytes]) -> bool {
        let mut board = self.0.board.lock();
        let Some(subscriber) = board.subscribers.get_mut(&number) else { return false };
        let prefixes = &mut subscriber.prefixes;
        match message {
            [frame] if frame.first() == Some(&1) => prefixes.push(frame.slice(1..)),
            [frame] if frame.first() == Some(&0) => {
                if let Some(at) = prefixes.iter().position(|prefix| prefix[..] == frame[1..]) {
                    prefixes.swap_remove(at);
                }
            }
            _ => {}
        }
        prefixes.len() <= SUBSCRIPTIONS_MAX
    }
}

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        self.0.0.board.lock().subscribers.remove(&self.1);
    }
}
