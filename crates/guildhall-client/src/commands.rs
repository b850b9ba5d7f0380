//! State shared by callers and the driver: queued commands, and calls in flight.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use guildhall_core::status::reason;
use guildhall_core::{Code, Effect, MethodDesc, Status};
use guildhall_wire::frame::{ClientKind, Header, put_frame, put_raw};
use guildhall_wire::{CallHead, Welcome};
use parking_lot::Mutex;
use prost::Message;
use tokio::sync::{Notify, oneshot};

use crate::options::Options;

/// How a call ended.
pub(crate) type Outcome = Result<Bytes, Status>;

/// The outcome, and how many events had come before it.
pub(crate) type Answer = (Outcome, u64);

/// The commands of one client.
#[derive(Debug)]
pub(crate) struct Commands {
    state: Mutex<Conversation>,
    /// Woken when there is something to write, and when the client is closed.
    wake: Notify,
    pending_max: usize,
    queued_max: usize,
    packet_max: usize,
}

#[derive(Debug)]
struct Conversation {
    /// Why there is no connection.
    down: Option<Status>,
    is_closing: bool,
    /// By number; the first one is the lowest without a reply.
    waiting: BTreeMap<u64, Waiting>,
    /// Number of the next call.
    next: u64,
    /// Frames that wait for the socket.
    out: BytesMut,
    /// Bytes queued and bytes handed to the socket since the connection began.
    queued: u64,
    handed: u64,
    welcome: Welcome,
    token: String,
}

#[derive(Debug)]
struct Waiting {
    reply: oneshot::Sender<Answer>,
    /// Where its frame ends in all that is queued.
    end: u64,
}

impl Commands {
    pub(crate) fn new(options: &Options, token: String) -> Self {
        let state = Conversation {
            down: Some(Status::new(Code::Unavailable, "not connected yet")),
            is_closing: false,
            waiting: BTreeMap::new(),
            next: 1,
            out: BytesMut::new(),
            queued: 0,
            handed: 0,
            welcome: Welcome::default(),
            token,
        };
        Self {
            state: Mutex::new(state),
            wake: Notify::new(),
            pending_max: options.pending_max,
            queued_max: options.queued_max,
            packet_max: options.packet_max,
        }
    }

    /// Queues a call; the reply comes through the receiver.
    pub(crate) fn call(
        &self,
        method: &MethodDesc,
        timeout: Duration,
        req: &impl Message,
    ) -> Result<(u64, oneshot::Receiver<Answer>), Status> {
        let mut state = self.state.lock();
        if state.waiting.len() >= self.pending_max {
            let why =
                format!("{} calls wait for their reply (Options::pending_max)", self.pending_max);
            return Err(Status::not_run(Code::ResourceExhausted, reason::OVERLOADED, why));
        }
        let number = state.next;
        let answered = state.waiting.first_key_value().map_or(number, |(lowest, _)| *lowest);
        // Rounded up, as 0 would say nothing.
        let timeout_ms = timeout.as_nanos().div_ceil(1_000_000);
        let timeout_ms = u32::try_from(timeout_ms).unwrap_or(u32::MAX).max(1);
        let head = CallHead { answered, timeout_ms, ..CallHead::default() };
        self.put(&mut state, ClientKind::Call, number, method, Some(&head), req)?;
        state.next += 1;
        let (reply, receiver) = oneshot::channel();
        let waiting = Waiting { reply, end: state.queued };
        state.waiting.insert(number, waiting);
        Ok((number, receiver))
    }

    /// Queues a request without reply.
    pub(crate) fn cast(&self, method: &MethodDesc, req: &impl Message) -> Result<(), Status> {
        self.put(&mut self.state.lock(), ClientKind::Cast, 0, method, None, req)
    }

    fn put(
        &self,
        state: &mut Conversation,
        kind: ClientKind,
        id: u64,
        method: &MethodDesc,
        head: Option<&CallHead>,
        req: &impl Message,
    ) -> Result<(), Status> {
        if let Some(status) = &state.down {
            return Err(status.clone().with_effect(Effect::NotRun));
        }
        if state.queued - state.handed >= self.queued_max as u64 {
            let why = "too many bytes wait for the gate (Options::queued_max)";
            return Err(Status::not_run(Code::ResourceExhausted, reason::OVERLOADED, why));
        }
        let header = Header { method: method.id, ..Header::new(kind, id) };
        let before = state.out.len();
        put_frame(&mut state.out, self.packet_max, header, head, req).map_err(|too_large| {
            let why = format!("the request of {}: {too_large}", method.path);
            Status::not_run(Code::ResourceExhausted, reason::TOO_LARGE, why)
        })?;
        state.queued += (state.out.len() - before) as u64;
        if before == 0 {
            self.wake.notify_one();
        }
        Ok(())
    }

    /// Queues an ACK, PING or PONG, whatever the queue's length is: the driver sees to it that they are few.
    pub(crate) fn control(&self, kind: ClientKind, id: u64) {
        let mut state = self.state.lock();
        let before = state.out.len();
        let put = put_raw(&mut state.out, usize::MAX, Header::new(kind, id), None, &[]);
        debug_assert!(put.is_ok(), "twenty bytes");
        state.queued += (state.out.len() - before) as u64;
    }

    /// Whether commands are refused because the gate does not read.
    pub(crate) fn is_full(&self) -> bool {
        let state = self.state.lock();
        state.queued - state.handed >= self.queued_max as u64
    }

    /// The caller no longer waits: a late reply finds nobody.
    pub(crate) fn forget(&self, number: u64) {
        self.state.lock().waiting.remove(&number);
    }

    /// Hands a reply to its caller. `false`: there was no such call.
    pub(crate) fn answer(&self, number: u64, outcome: Outcome, came: u64) -> bool {
        let mut state = self.state.lock();
        let was_called = (1..state.next).contains(&number);
        let waiting = state.waiting.remove(&number);
        drop(state);
        if let Some(waiting) = waiting {
            let _dropped = waiting.reply.send((outcome, came));
        }
        was_called
    }

    /// Waits until something was queued or the client is closed. For the driver alone. Cancel safe.
    pub(crate) async fn woken(&self) {
        self.wake.notified().await;
    }

    /// Takes all that is queued by swapping it for `empty`.
    pub(crate) fn take_queued(&self, empty: &mut BytesMut) {
        debug_assert!(empty.is_empty());
        std::mem::swap(&mut self.state.lock().out, empty);
    }

    /// So many more bytes were handed to the socket.
    pub(crate) fn handed(&self, bytes: usize) {
        self.state.lock().handed += bytes as u64;
    }

    /// There is a connection. A session that goes on keeps its numbers.
    pub(crate) fn connected(&self, welcome: &Welcome) {
        let mut state = self.state.lock();
        if !welcome.resumed {
            state.next = 1;
        }
        (state.queued, state.handed) = (0, 0);
        state.welcome = welcome.clone();
        state.down = None;
    }

    /// There is no connection: fails the calls that wait, and from now on all others. With a `NotRun` status none of them ran.
    pub(crate) fn down(&self, status: &Status) {
        let mut state = self.state.lock();
        state.down = Some(status.clone());
        state.out = BytesMut::new();
        let handed = state.handed;
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        let none_ran = status.effect() == Effect::NotRun;
        for waiting in waiting.into_values() {
            let may_have_run = waiting.end <= handed && !none_ran;
            let effect = if may_have_run { Effect::MayHaveRun } else { Effect::NotRun };
            let _dropped = waiting.reply.send((Err(status.clone().with_effect(effect)), 0));
        }
    }

    pub(crate) fn is_down(&self) -> bool {
        self.state.lock().down.is_some()
    }

    /// Asks the driver to end.
    pub(crate) fn close(&self) {
        self.state.lock().is_closing = true;
        self.wake.notify_one();
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.state.lock().is_closing
    }

    pub(crate) fn player(&self) -> String {
        self.state.lock().welcome.player.clone()
    }

    pub(crate) fn session(&self) -> String {
        self.state.lock().welcome.session.clone()
    }

    pub(crate) fn token(&self) -> String {
        self.state.lock().token.clone()
    }

    pub(crate) fn set_token(&self, token: String) {
        self.state.lock().token = token;
    }
}
