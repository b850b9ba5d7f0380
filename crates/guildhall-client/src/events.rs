//! Pushes and changes of the connection: a bounded queue with one reader.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use guildhall_core::status::reason;
use guildhall_core::{Code, Method, Status};
use guildhall_wire::Kick;
use parking_lot::Mutex;
use prost::Message;
use tokio::sync::Notify;

use crate::error::{ConnectError, Lost};

/// A push, or a change of the connection.
#[derive(Debug)]
pub enum Event {
    /// A push from a service.
    Push(Push),
    /// Number of events that the client dropped because they were not read fast enough: load the state again, as after `Reset`.
    Missed(u64),
    /// The connection was lost. All calls in flight have failed; new ones fail until `Back`.
    Lost(Lost),
    /// The client has reconnected.
    Back {
        /// Whether the session continues. Otherwise it is a new one, without the commands and pushes of the old one.
        resumed: bool,
    },
    /// Pushes were lost: load the state again.
    Reset,
    /// The gate ended the session, and the client does not reconnect. The last event.
    Kicked(Kick),
    /// The attempts to reconnect are exhausted. The last event.
    GaveUp(ConnectError),
}

/// A message of a service that clients implement, not yet decoded.
#[derive(Clone, Debug)]
pub struct Push {
    /// Number of the push in the session, from 1; 0 for a push to all players, which has no number.
    pub seq: u64,
    /// Id of the method: [`MethodDesc::id`](guildhall_core::MethodDesc).
    pub method: u32,
    /// The encoded message.
    pub body: Bytes,
}

impl Push {
    /// Decodes the message if this is a push of `method`, otherwise returns `None`: `push.decode(RoleEvents::CHANNEL)?`.
    ///
    /// # Errors
    /// It is a push of `method` and does not decode: `BAD_REQUEST`.
    pub fn decode<Msg: Message + Default, Rsp>(
        &self,
        method: Method<Msg, Rsp>,
    ) -> Result<Option<Msg>, Status> {
        if self.method != method.desc.id {
            return Ok(None);
        }
        Msg::decode(self.body.clone()).map(Some).map_err(|error| {
            let why = format!("push {} of {} does not decode: {error}", self.seq, method.desc.path);
            Status::not_run(Code::Internal, reason::BAD_REQUEST, why)
        })
    }
}

/// The receiver of a client's events. Pushes are acknowledged when they arrive, not when they are read; beyond
/// [`Options::events_max`](crate::Options::events_max) the oldest events are dropped. After dropping this, all events are discarded.
#[derive(Debug)]
pub struct Events(pub(crate) Arc<EventQueue>);

impl Events {
    /// Waits for the next event; `None` when the client has ended and all events were read.
    ///
    /// # Cancel safety
    /// Dropping the future loses no event.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.0.take() {
                return Some(event);
            }
            if self.0.queue.lock().is_over {
                // The last event may have come between the two looks.
                return self.0.take();
            }
            self.0.wake.notified().await;
        }
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        let mut queue = self.0.queue.lock();
        queue.is_deaf = true;
        queue.events = VecDeque::new();
    }
}

#[derive(Debug)]
pub(crate) struct EventQueue {
    queue: Mutex<Queue>,
    wake: Notify,
    max: usize,
}

#[derive(Debug, Default)]
struct Queue {
    events: VecDeque<Event>,
    /// Events that arrived, and those of them that were read or dropped.
    came: u64,
    went: u64,
    missed: u64,
    is_over: bool,
    is_deaf: bool,
}

impl EventQueue {
    pub(crate) fn new(max: usize) -> Self {
        Self { queue: Mutex::default(), wake: Notify::new(), max: max.max(1) }
    }

    pub(crate) fn put(&self, event: Event) {
        let mut queue = self.queue.lock();
        if queue.is_deaf {
            return;
        }
        if queue.events.len() >= self.max {
            queue.events.pop_front();
            queue.went += 1;
            queue.missed += 1;
        }
        queue.came += 1;
        queue.events.push_back(event);
        drop(queue);
        self.wake.notify_one();
    }

    /// No further event will arrive.
    pub(crate) fn end(&self) {
        self.queue.lock().is_over = true;
        self.wake.notify_one();
    }

    /// How many have come up to now.
    pub(crate) fn came(&self) -> u64 {
        self.queue.lock().came
    }

    /// The next one of the first `until` that came.
    pub(crate) fn take_until(&self, until: u64) -> Option<Event> {
        let mut queue = self.queue.lock();
        match std::mem::take(&mut queue.missed) {
            0 if queue.went >= until => None,
            0 => {
                let event = queue.events.pop_front();
                queue.went += u64::from(event.is_some());
                event
            }
            missed => Some(Event::Missed(missed)),
        }
    }

    fn take(&self) -> Option<Event> {
        self.take_until(u64::MAX)
    }
}
