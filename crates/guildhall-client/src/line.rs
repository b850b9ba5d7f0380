//! One connection after WELCOME: dispatches packets, writes the queue, and detects silence.

use std::time::Duration;

use bytes::BytesMut;
use guildhall_core::Env;
use guildhall_core::env::Instant;
use guildhall_wire::packet::Method;
use guildhall_wire::{Body, ClientKind, Kick, Packet};

use crate::commands::Commands;
use crate::connect::status;
use crate::error::Lost;
use crate::events::{Event, EventQueue, Push};
use crate::socket::Socket;

/// Packets that are handled before what they led to is written.
const PACKETS_PER_READ: usize = 256;

/// A gate that asks for more heartbeats is taken to ask for this.
const HEARTBEAT_MIN: Duration = Duration::from_millis(50);

/// How a connection ended.
#[derive(Debug)]
pub(crate) enum Over {
    /// This side wants no more.
    Closed,
    /// The gate ended the session.
    Kicked(Kick),
    /// Anything else.
    Lost(Lost),
}

impl From<Lost> for Over {
    fn from(lost: Lost) -> Self {
        Self::Lost(lost)
    }
}

/// A connection that the gate has let in.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    env: &'a Env,
    commands: &'a Commands,
    events: &'a EventQueue,
    socket: Socket,
    /// What is being written.
    batch: BytesMut,
    /// `None`: the gate does not want any.
    heartbeat: Option<Duration>,
    heard: Instant,
    sent: Instant,
    pings: u64,
    last_push: u64,
    /// Pushes came that were not acknowledged yet.
    owes_ack: bool,
}

impl<'a> Line<'a> {
    pub(crate) fn new(
        env: &'a Env,
        commands: &'a Commands,
        events: &'a EventQueue,
        socket: Socket,
        heartbeat_ms: u32,
        last_push: u64,
    ) -> Self {
        let heartbeat = Duration::from_millis(heartbeat_ms.into());
        Self {
            env,
            commands,
            events,
            socket,
            batch: BytesMut::new(),
            heartbeat: (heartbeat_ms > 0).then_some(heartbeat.max(HEARTBEAT_MIN)),
            heard: env.now(),
            sent: env.now(),
            pings: 0,
            last_push,
            owes_ack: false,
        }
    }

    /// Number of the last push that came.
    pub(crate) fn last_push(&self) -> u64 {
        self.last_push
    }

    /// Moves packets until the connection ends.
    pub(crate) async fn drive(&mut self) -> Over {
        loop {
            if let Err(over) = self.turn().await {
                return over;
            }
        }
    }

    /// Writes what is queued, as far as the socket takes it at once, and closes the connection.
    pub(crate) fn close(mut self) {
        let _gone = self.write();
        self.socket.close();
    }

    /// Writes what there is, waits for something to happen, and deals with it.
    async fn turn(&mut self) -> Result<(), Over> {
        self.ping_if_due();
        if let Err(error) = self.write() {
            // A gate that closes has often said why before.
            self.read()?;
            return Err(Lost::Io(error).into());
        }
        let is_writing = self.is_writing();
        tokio::select! {
            biased;
            readable = self.socket.readable() => {
                readable.map_err(Lost::Io)?;
                self.read()?;
                // The callers that were just woken queue their next commands before these are written.
                tokio::task::yield_now().await;
            }
            () = self.commands.woken() => tokio::task::yield_now().await,
            writable = self.socket.writable(), if is_writing => writable.map_err(Lost::Io)?,
            () = beat(self.env, self.next_beat()) => self.check_silence()?,
        }
        if self.commands.is_closing() { Err(Over::Closed) } else { Ok(()) }
    }

    fn is_writing(&self) -> bool {
        !self.batch.is_empty() || self.socket.is_holding()
    }

    /// Writes what the socket takes: all that is queued at once.
    fn write(&mut self) -> std::io::Result<()> {
        if !self.is_writing() {
            if std::mem::take(&mut self.owes_ack) {
                self.commands.control(ClientKind::Ack, self.last_push);
            }
            self.commands.take_queued(&mut self.batch);
            if self.batch.is_empty() {
                return Ok(());
            }
        }
        let before = self.batch.len();
        let result = self.socket.write(&mut self.batch);
        let handed = before - self.batch.len();
        if handed > 0 {
            self.commands.handed(handed);
            self.sent = self.env.now();
        }
        result
    }

    /// Handles what has come.
    fn read(&mut self) -> Result<(), Over> {
        self.heard = self.env.now();
        for _ in 0..PACKETS_PER_READ {
            let Some(packet) = self.socket.packet()? else { break };
            self.handle(packet)?;
        }
        Ok(())
    }

    fn handle(&mut self, packet: Packet) -> Result<(), Over> {
        let kind = packet.kind();
        let is_expected = match packet {
            Packet::Reply { id, body: Body::Binary(body) } => {
                self.commands.answer(id, Ok(body), self.events.came())
            }
            Packet::Error { id: 0, code, reason, message, effect } => {
                return Err(Lost::Ended(status(code, reason, message, effect)).into());
            }
            Packet::Error { id, code, reason, message, effect } => {
                let failed = Err(status(code, reason, message, effect));
                self.commands.answer(id, failed, self.events.came())
            }
            Packet::Push { seq, method: Method::Id(method), body: Body::Binary(body) } => {
                self.pushed(Push { seq, method, body });
                true
            }
            Packet::Reset(reset) => {
                tracing::debug!(why = reset.message, "the gate lost pushes");
                // The gate may number them anew.
                self.last_push = 0;
                self.owes_ack = false;
                self.events.put(Event::Reset);
                true
            }
            Packet::Ping { id } => {
                if !self.commands.is_full() {
                    self.commands.control(ClientKind::Pong, id);
                }
                true
            }
            Packet::Pong { .. } => true,
            Packet::Kick(kick) => return Err(Over::Kicked(kick)),
            _ => false,
        };
        if is_expected { Ok(()) } else { Err(Lost::Unexpected(kind).into()) }
    }

    fn pushed(&mut self, push: Push) {
        if push.seq > 0 {
            // Also for one that came before: the gate did not hear that it came.
            self.owes_ack = true;
            if push.seq <= self.last_push {
                return;
            }
            self.last_push = push.seq;
        }
        self.events.put(Event::Push(push));
    }

    /// When there is a PING to send, or the gate counts as lost.
    fn next_beat(&self) -> Option<Instant> {
        self.heartbeat.map(|beat| (self.sent + beat / 2).min(self.heard + beat * 2))
    }

    fn ping_if_due(&mut self) {
        let now = self.env.now();
        if self.heartbeat.is_some_and(|beat| now >= self.sent + beat / 2) {
            self.sent = now;
            self.pings += 1;
            self.commands.control(ClientKind::Ping, self.pings);
        }
    }

    /// Only when there is nothing to read: a process that slept has not listened.
    fn check_silence(&self) -> Result<(), Over> {
        let silence = self.heartbeat.map(|beat| beat * 2);
        match silence.filter(|silence| self.env.now() >= self.heard + *silence) {
            Some(silence) => Err(Lost::Silent(silence).into()),
            None => Ok(()),
        }
    }
}

async fn beat(env: &Env, at: Option<Instant>) {
    match at {
        Some(at) => env.sleep_until(at).await,
        None => std::future::pending().await,
    }
}
