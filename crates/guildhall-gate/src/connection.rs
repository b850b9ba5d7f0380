//! One client's connection, from its first byte to its last, in one task.

mod calls;
mod driver;

use std::sync::Arc;

use bytes::BytesMut;
use guildhall_core::env::Conn;
use guildhall_core::status::reason;
use guildhall_core::{Code, Effect, Status};
use guildhall_runtime::Cx;
use guildhall_runtime::proto::{OpenReq, OpenRsp, SessionClient, SessionReq};
use guildhall_wire::{ClientHello, Generation, Packet, Reset, Welcome};
use tokio::sync::oneshot;

use crate::clients::Client;
use crate::edge::Edge;
use crate::out::{End, Outbox};
use crate::transport::{Heard, Protocol, Transport};
use driver::Driver;

/// The version of the packet format that this build speaks; 0 means 1.
const PACKET_VERSION: u32 = 1;

/// Packets that may come before HELLO; none of them gets any further.
const EARLY_MAX: u32 = 32;

/// Serves a client until it goes, or is told to.
pub(crate) async fn drive(edge: Arc<Edge>, conn: Box<dyn Conn>, protocol: Protocol) {
    let (config, env) = (&edge.config, edge.cx.env());
    let mut transport = Transport::new(conn, protocol, config.packet_max);
    let out = Arc::new(Outbox::new(config.queued_max, Arc::clone(&edge.queued)));
    // In boxes: each is long only while it lasts, and this task is one of thousands.
    let end = match Box::pin(begin(&edge, &mut transport, &out)).await {
        Ok(registered) => Driver::new(&edge, &mut transport, registered).run().await,
        Err(end) => end,
    };
    if end != End::Gone {
        edge.shared.stats.cut.add(1);
        tracing::debug!(?end, "gate closes a client connection");
    }
    let deadline = env.now() + config.close();
    let finish = transport.finish(&out, end);
    let _in_time = env.until(deadline, finish).await;
}

/// Gets the client to a session, in time.
async fn begin(
    edge: &Arc<Edge>,
    transport: &mut Transport,
    out: &Arc<Outbox>,
) -> Result<Registered, End> {
    let env = edge.cx.env();
    let deadline = env.now() + edge.config.handshake();
    tokio::select! {
        biased;
        () = edge.shared.draining.cancelled() => Err(End::going_away()),
        begun = env.until(deadline, handshake(edge, transport, out)) => begun.unwrap_or_else(|| {
            let ms = edge.config.handshake_ms;
            let why = format!("no session within {ms} ms (gate.handshake_ms): begin with HELLO");
            Err(End::Error(Code::DeadlineExceeded, reason::EXPIRED, why.into()))
        }),
    }
}

async fn handshake(
    edge: &Arc<Edge>,
    transport: &mut Transport,
    out: &Arc<Outbox>,
) -> Result<Registered, End> {
    let mut early = 0;
    let hello = loop {
        match transport.next_packet(out).await? {
            Heard::Packet(Packet::Hello(hello)) => break hello,
            Heard::Packet(_) => edge.shared.stats.dropped.add(1),
            Heard::Control => {}
        }
        early += 1;
        if early > EARLY_MAX {
            let why = format!("{early} packets came before HELLO: begin with HELLO");
            return Err(End::bad(why));
        }
    };
    let player = identify(edge, &hello)?;
    let session = random_id(edge);
    let since_ms = u64::try_from(edge.cx.env().wall().as_millis()).unwrap_or(u64::MAX);
    let client = Client::new((player, session), since_ms, transport.form(), Arc::clone(out));
    let registered = Registered::new(edge, client);
    let client = &registered.client;
    let open = OpenReq {
        player: client.player.clone(),
        session: client.session.clone(),
        gate: edge.cx.app_id().to_string(),
        gate_life: edge.cx.life().0,
        since_ms,
    };
    let opened = opened(&edge.cx, open).await.map_err(|status| refusal(edge, &status))?;
    let login = Generation { epoch: opened.epoch, number: opened.generation };
    let welcome = Packet::Welcome(Welcome {
        player: client.player.clone(),
        session: client.session.clone(),
        resume: random_id(edge),
        heartbeat_ms: edge.config.heartbeat_ms,
        resumed: false,
    });
    let mut bytes = BytesMut::new();
    client.form.put_small(&mut bytes, &welcome);
    if hello.last_push > 0 {
        // Sessions do not go on yet: what came after that push is not known here.
        let message = "a new session began; pushes of the previous one are lost".to_owned();
        client.form.put_small(&mut bytes, &Packet::Reset(Reset { message }));
    }
    edge.shared.clients.opened(client, login, &bytes);
    Ok(registered)
}

/// Opens the session. In a task of its own: who gives up meanwhile leaves no session behind that nobody would end.
async fn opened(cx: &Cx, open: OpenReq) -> Result<OpenRsp, Status> {
    let (tell, told) = oneshot::channel();
    let cx = cx.clone();
    cx.env().clone().spawn("gate-open", async move {
        let (player, session) = (open.player.clone(), open.session.clone());
        let opened = SessionClient::new(&cx).open(open).await;
        let may_be_open = opened.as_ref().map_or_else(|e| e.effect() != Effect::NotRun, |_| true);
        let is_open = opened.is_ok();
        let is_wanted = tell.send(opened).is_ok();
        if may_be_open && !(is_wanted && is_open) {
            let reason = reason::LOST.number();
            let close = SessionReq { player, session, reason, ..SessionReq::default() };
            let _ends_by_its_time = SessionClient::new(&cx).close(close).await;
        }
    });
    let ends = || Status::not_run(Code::Unavailable, reason::GOING_AWAY, "the gate has ended");
    told.await.unwrap_or_else(|_| Err(ends()))
}

/// The player who says HELLO.
fn identify(edge: &Edge, hello: &ClientHello) -> Result<String, End> {
    if hello.version > PACKET_VERSION {
        let why = format!("packets of version {} are not known here; use 1", hello.version);
        return Err(End::Error(Code::FailedPrecondition, reason::BAD_REQUEST, why.into()));
    }
    let identity = edge.authenticate.authenticate(&hello.token, edge.cx.env().wall());
    let identity = identity.map_err(|status| refusal(edge, &status))?;
    identity.into_player().ok_or_else(|| {
        let why = "the token names no player: an id has 1 to 128 bytes and is not 0";
        End::Error(Code::Unauthenticated, reason::UNAUTHENTICATED, why.into())
    })
}

/// What a client reads about a login that failed.
fn refusal(edge: &Edge, status: &Status) -> End {
    let why = edge.public_text(status).into_owned();
    End::Error(status.code(), status.reason(), why.into())
}

/// 128 random bits, in hex.
fn random_id(edge: &Edge) -> String {
    format!("{:032x}", u128::from_be_bytes(edge.cx.env().random_bytes()))
}

/// A client in the gate's table, from which it is removed when this is dropped.
struct Registered {
    edge: Arc<Edge>,
    client: Arc<Client>,
}

impl Registered {
    fn new(edge: &Arc<Edge>, client: Client) -> Self {
        let (edge, client) = (Arc::clone(edge), Arc::new(client));
        edge.shared.clients.add(Arc::clone(&client));
        Self { edge, client }
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.edge.shared.clients.remove(&self.client);
    }
}
