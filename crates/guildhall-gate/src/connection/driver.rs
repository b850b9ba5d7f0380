//! A connection with a session: reads packets, forwards calls, sends replies and pushes, and enforces timeouts.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use guildhall_core::env::Instant;
use guildhall_core::status::reason;
use guildhall_core::{Code, Reason};
use guildhall_runtime::MeshChanges;
use guildhall_runtime::proto::{SessionClient, SessionReq};
use guildhall_wire::{Generation, Packet};
use tokio_util::sync::CancellationToken;

use super::Registered;
use super::calls::{Calls, Command, Done};
use crate::edge::Edge;
use crate::out::End;
use crate::transport::{Heard, Transport};

/// How often the session hears that its client is still there.
const TOUCH: Duration = Duration::from_secs(30);

/// Least time between two touches, and how far those of all connections are spread, when the mesh changes.
const TOUCH_AGAIN: Duration = Duration::from_secs(2);

/// What a connection's task wakes up for.
enum Event {
    Beat,
    MeshChanged,
    Draining,
    Queued,
    Writable,
    Answered(Done),
    Readable,
    Rested,
}

pub(super) struct Driver<'a> {
    edge: &'a Arc<Edge>,
    transport: &'a mut Transport,
    registered: Registered,
    calls: Calls,
    draining: CancellationToken,
    is_draining: bool,
    /// When the client was last heard.
    heard: Instant,
    touched: Instant,
    touch_at: Instant,
    mesh: MeshChanges,
    pings: u64,
    /// The last of them that was answered.
    ponged: u64,
    /// Since when what is being written waits for the socket, and its number.
    stuck: Option<(u64, Instant)>,
    /// Nothing is read until then: the client sends more than it may.
    rest: Option<Pin<Box<dyn Future<Output = ()> + Send + 'a>>>,
    beat: Pin<Box<dyn Future<Output = ()> + Send + 'a>>,
}

impl<'a> Driver<'a> {
    pub(super) fn new(
        edge: &'a Arc<Edge>,
        transport: &'a mut Transport,
        registered: Registered,
    ) -> Self {
        let now = edge.cx.env().now();
        Self {
            calls: Calls::new(Arc::clone(edge), Arc::clone(&registered.client)),
            draining: edge.shared.draining.clone(),
            is_draining: false,
            heard: now,
            touched: now,
            touch_at: now + TOUCH,
            mesh: edge.cx.mesh_changes(),
            pings: 0,
            ponged: 0,
            stuck: None,
            rest: None,
            beat: Box::pin(std::future::ready(())),
            edge,
            transport,
            registered,
        }
    }

    /// Serves until the connection ends, and tells the session.
    pub(super) async fn run(mut self) -> End {
        let end = loop {
            if let Err(end) = self.step().await {
                break end;
            }
        };
        let reason = match &end {
            End::Gone => reason::LOST,
            End::Error(_, reason, _) | End::Kick(reason, _) => *reason,
        };
        Box::pin(self.calls.end()).await;
        let close = self.session(reason);
        if let Err(error) = Box::pin(SessionClient::new(&self.edge.cx).close(close)).await {
            tracing::debug!(%error, "closing a session failed; it ends after its idle time");
        }
        end
    }

    async fn step(&mut self) -> Result<(), End> {
        self.transport.write(&self.registered.client.out)?;
        match self.transport.stuck() {
            None => self.stuck = None,
            Some(batch) if self.stuck.is_none_or(|(known, _)| known != batch) => {
                self.stuck = Some((batch, self.edge.cx.env().now()));
            }
            Some(_) => {}
        }
        match self.event().await {
            Event::Beat => self.beat().await?,
            Event::MeshChanged => self.mesh_changed(),
            Event::Draining => self.is_draining = true,
            // What other tasks that are ready have to say goes out with the same write.
            Event::Queued => tokio::task::yield_now().await,
            Event::Writable => {}
            Event::Answered(done) => self.calls.finish(done),
            Event::Readable => self.read().await?,
            Event::Rested => {
                self.rest = None;
                self.packets().await?;
            }
        }
        if self.is_draining && self.calls.is_empty() {
            return Err(End::going_away());
        }
        Ok(())
    }

    async fn event(&mut self) -> Event {
        let Self { transport, registered, calls, draining, is_draining, beat, mesh, rest, .. } =
            self;
        let rests = rest.is_some();
        let rested = async {
            match rest {
                Some(rest) => rest.await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = beat => Event::Beat,
            () = mesh.changed() => Event::MeshChanged,
            () = draining.cancelled(), if !*is_draining => Event::Draining,
            () = registered.client.out.ready() => Event::Queued,
            () = transport.writable(), if transport.is_writing() => Event::Writable,
            done = calls.next(), if !calls.is_empty() => Event::Answered(done),
            () = rested, if rests => Event::Rested,
            () = transport.readable(), if !rests => Event::Readable,
        }
    }

    /// Looks at what is due, and says when to look again.
    async fn beat(&mut self) -> Result<(), End> {
        let (env, config) = (self.edge.cx.env(), &self.edge.config);
        let now = env.now();
        let silent = now.saturating_duration_since(self.heard);
        if silent >= config.idle() {
            let why = format!("no packet for {} ms (gate.idle_ms)", config.idle_ms);
            return Err(End::Error(Code::DeadlineExceeded, reason::EXPIRED, why.into()));
        }
        let cut_at = self.stuck.map(|(_, since)| since + config.queued());
        if cut_at.is_some_and(|at| now >= at) {
            let what =
                format!("bytes sent {} ms ago are unread (gate.queued_ms)", config.queued_ms);
            return Err(End::too_slow(&what));
        }
        if silent >= config.heartbeat() {
            self.pings += 1;
            self.send(&Packet::Ping { id: self.pings });
        }
        if now >= self.touch_at {
            (self.touched, self.touch_at) = (now, now + TOUCH);
            // One that is lost is made up for by the next: a session waits for three.
            let session = self.session(reason::NONE);
            let _lost = Box::pin(SessionClient::new(&self.edge.cx).touch(session)).await;
        }
        let next = (now + config.heartbeat()).min(self.heard + config.idle());
        let next = cut_at.map_or(next, |at| next.min(at)).min(self.touch_at);
        self.beat = Box::pin(env.sleep_until(next));
        Ok(())
    }

    /// The session may have another owner, who has to hear of it: soon, but not from all connections at once.
    fn mesh_changed(&mut self) {
        let env = self.edge.cx.env();
        let spread = u64::try_from(TOUCH_AGAIN.as_millis()).unwrap_or_default();
        let soon = env.now().max(self.touched + TOUCH_AGAIN);
        let soon = soon + Duration::from_millis(env.random_below(spread));
        if soon < self.touch_at {
            self.touch_at = soon;
            // Looks at what is due, and finds this.
            self.beat = Box::pin(std::future::ready(()));
        }
    }

    async fn read(&mut self) -> Result<(), End> {
        self.transport.read()?;
        self.heard = self.edge.cx.env().now();
        self.packets().await
    }

    /// Handles what was read, as fast as the client may send.
    async fn packets(&mut self) -> Result<(), End> {
        while self.rest.is_none() {
            let Some(heard) = self.transport.packet(&self.registered.client.out)? else { break };
            match heard {
                Heard::Packet(packet) => self.handle(packet).await?,
                Heard::Control => drop(self.calls.may_speak()),
            }
            if self.calls.allowance.is_spent() {
                return Err(End::too_fast());
            }
            if let Some(until) = self.calls.allowance.take_rest() {
                self.rest = Some(Box::pin(self.edge.cx.env().sleep_until(until)));
            }
        }
        Ok(())
    }

    async fn handle(&mut self, packet: Packet) -> Result<(), End> {
        match packet {
            Packet::Call { id: 0, .. } => return Err(End::bad("numbers of calls begin at 1")),
            Packet::Call { id, method, body, answered, resent, traceparent, timeout_ms } => {
                let parent = self.edge.config.trust_traceparent.then_some(&*traceparent);
                self.calls
                    .call(id, &method, &body, Command { answered, resent, parent, timeout_ms })
                    .await;
            }
            Packet::Cast { method, body } => self.calls.cast(&method, &body),
            Packet::Ping { id } if self.calls.may_speak() => self.send(&Packet::Pong { id }),
            // What answers something that was sent needs no limit; what does not is one more packet.
            Packet::Pong { id } if (self.ponged + 1..=self.pings).contains(&id) => self.ponged = id,
            Packet::Ack { seq } if self.registered.client.acknowledged(seq) => {}
            Packet::Pong { .. } | Packet::Ack { .. } => drop(self.calls.may_speak()),
            Packet::Ping { .. } => {}
            Packet::Hello(_)
            | Packet::Welcome(_)
            | Packet::Reply { .. }
            | Packet::Error { .. }
            | Packet::Push { .. }
            | Packet::Kick(_)
            | Packet::Reset(_) => {
                return Err(End::bad(format!("a client must not send {:?} now", packet.kind())));
            }
        }
        Ok(())
    }

    fn send(&self, packet: &Packet) {
        let client = &self.registered.client;
        client.out.put(|out| client.form.put_small(out, packet));
    }

    fn session(&self, reason: Reason) -> SessionReq {
        let client = &self.registered.client;
        let Generation { epoch, number } = client.generation().unwrap_or_default();
        SessionReq {
            player: client.player.clone(),
            session: client.session.clone(),
            generation: number,
            epoch,
            reason: reason.number(),
            gate: self.edge.cx.app_id().to_string(),
            gate_life: self.edge.cx.life().0,
            since_ms: client.since_ms,
        }
    }
}
