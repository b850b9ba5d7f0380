//! A gate that does what the test says, packet by packet.

use std::io::{ErrorKind, IoSlice};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use guildhall_client::{Client, ConnectError, Event, Events, Options};
use guildhall_core::env::{Conn, Listener, Pipe};
use guildhall_core::{Code, Effect, Env, Method, MethodDesc, Model, Reason, Route, Status};
use guildhall_wire::packet::Method as PacketMethod;
use guildhall_wire::{Body, ClientHello, Packet, Welcome};
use prost::Message;
use proto::hello::{GreeterClient, HelloReq, HelloRsp};
use tungstenite::handshake::HandshakeError;
use tungstenite::{Message as WsMessage, WebSocket, accept};

const PACKET_MAX: usize = 64 << 20;

/// How the gate is spoken to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Transport {
    Tcp,
    WebSocket,
}

pub(crate) const BOTH: [Transport; 2] = [Transport::Tcp, Transport::WebSocket];

/// A push; also what a cast calls.
pub(crate) const SHOUT: Method<HelloReq, ()> =
    Method::new(&method("/test.Events/Shout", 77, true, 0));
/// A method with a time limit of its own.
pub(crate) const BRIEF: Method<HelloReq, HelloRsp> =
    Method::new(&method("/test.Brief/Say", 78, false, 500));

const fn method(path: &'static str, id: u32, oneway: bool, timeout_ms: u32) -> MethodDesc {
    MethodDesc {
        path,
        id,
        service: "test",
        index: 0,
        model: Model::Concurrent,
        key: None,
        key_from_player: false,
        route: Route::Random,
        oneway,
        trace: false,
        client: true,
        durable: false,
        idempotent: false,
        create: false,
        timeout_ms,
        keep_on_error: false,
    }
}

/// Waits for what must come, and says what did not.
pub(crate) async fn soon<F: Future>(what: &str, future: F) -> F::Output {
    let env = Env::real();
    let ended = env.until(env.now() + Duration::from_secs(20), future).await;
    ended.unwrap_or_else(|| panic!("within 20 s there was no {what}"))
}

pub(crate) struct Gate {
    listener: Box<dyn Listener>,
    transport: Transport,
}

impl Gate {
    pub(crate) async fn listen(env: &Env, transport: Transport) -> Self {
        Self { listener: env.net().bind("127.0.0.1:0").await.unwrap(), transport }
    }

    pub(crate) fn address(&self) -> String {
        let address = self.listener.local_addr().unwrap();
        match self.transport {
            Transport::Tcp => format!("tcp://{address}"),
            Transport::WebSocket => format!("ws://{address}/gate"),
        }
    }

    /// The next connection, without a word on it.
    pub(crate) async fn accept_conn(&self) -> Box<dyn Conn> {
        let accepted = soon("connection", self.listener.accept()).await.unwrap();
        (accepted.attach)().unwrap()
    }

    /// The next connection and its HELLO.
    pub(crate) async fn accept(&self) -> (Peer, ClientHello) {
        let conn = self.accept_conn().await;
        let mut peer = match self.transport {
            Transport::Tcp => Peer::Tcp { conn, input: BytesMut::new() },
            Transport::WebSocket => {
                let ws = Box::new(upgrade(&*conn).await);
                Peer::WebSocket { conn, ws }
            }
        };
        match peer.packet().await {
            Packet::Hello(hello) => (peer, hello),
            other => panic!("expected HELLO, got {other:?}"),
        }
    }

    /// The next client, let in.
    pub(crate) async fn let_in(&self, welcome: Welcome) -> (Peer, ClientHello) {
        let (mut peer, hello) = self.accept().await;
        peer.send(&[Packet::Welcome(welcome)]).await;
        (peer, hello)
    }
}

pub(crate) fn welcome() -> Welcome {
    Welcome {
        player: "1001".into(),
        session: "s1".into(),
        resume: "r1".into(),
        heartbeat_ms: 15_000,
        resumed: false,
    }
}

/// Quick to come back.
pub(crate) fn options() -> Options {
    Options {
        backoff_min: Duration::from_millis(2),
        backoff_max: Duration::from_millis(8),
        ..Options::default()
    }
}

/// A client and the gate it is connected to.
pub(crate) struct Pair {
    pub(crate) client: Client,
    pub(crate) events: Events,
    pub(crate) gate: Gate,
    pub(crate) peer: Peer,
}

pub(crate) async fn pair(transport: Transport) -> Pair {
    pair_with(&Env::real(), transport, options(), welcome()).await
}

pub(crate) async fn pair_with(
    env: &Env,
    transport: Transport,
    options: Options,
    welcome: Welcome,
) -> Pair {
    let gate = Gate::listen(env, transport).await;
    let address = gate.address();
    let (connected, (peer, _)) =
        tokio::join!(Client::connect(env, &address, "token", options), gate.let_in(welcome));
    let (client, events) = connected.unwrap();
    Pair { client, events, gate, peer }
}

/// Connects to a gate that answers HELLO with `answer`.
pub(crate) async fn answered(transport: Transport, answer: Packet) -> Result<(), ConnectError> {
    let env = Env::real();
    let gate = Gate::listen(&env, transport).await;
    let address = gate.address();
    let serve = async {
        let (mut peer, _) = gate.accept().await;
        peer.send(&[answer]).await;
        peer
    };
    let (connected, _peer) =
        tokio::join!(Client::connect(&env, &address, "token", options()), serve);
    connected.map(drop)
}

/// The gate's end of a connection.
pub(crate) enum Peer {
    Gone,
    Tcp { conn: Box<dyn Conn>, input: BytesMut },
    WebSocket { conn: Box<dyn Conn>, ws: Box<WebSocket<Pipe>> },
}

impl Peer {
    /// The next packet that is there; `None` is the end of the connection.
    pub(crate) async fn maybe_packet(&mut self) -> Option<Packet> {
        soon("packet", self.read()).await
    }

    async fn read(&mut self) -> Option<Packet> {
        loop {
            match self {
                Self::Gone => return None,
                Self::Tcp { conn, input } => {
                    if let Some(packet) = Packet::take(input, PACKET_MAX).unwrap() {
                        return Some(packet);
                    }
                    input.reserve(1024);
                    match conn.try_read(input) {
                        Ok(0) => return None,
                        Ok(_) => {}
                        Err(error) if error.kind() == ErrorKind::WouldBlock => {
                            std::future::poll_fn(|cx| conn.poll_readable(cx)).await.unwrap();
                        }
                        Err(_) => return None,
                    }
                }
                Self::WebSocket { conn, ws } => match ws.read() {
                    Ok(WsMessage::Binary(frame)) => {
                        return Some(Packet::from_frame(&frame, PACKET_MAX).unwrap());
                    }
                    Ok(_) => {}
                    Err(tungstenite::Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => {
                        ws.get_mut().drain(&**conn).await.ok()?;
                        if ws.get_mut().fill(&**conn).await.ok()? == 0 {
                            return None;
                        }
                    }
                    Err(_) => return None,
                },
            }
        }
    }

    pub(crate) async fn packet(&mut self) -> Packet {
        self.maybe_packet().await.expect("a packet, but the client closed")
    }

    /// The next packet, a CALL: its number, what was answered, and the name in its request.
    pub(crate) async fn call(&mut self) -> (u64, u64, String) {
        match self.packet().await {
            Packet::Call { id, method, body, answered, resent: false, .. } => {
                assert_eq!(method, PacketMethod::Id(GreeterClient::SAY.desc.id));
                (id, answered, name(&body))
            }
            other => panic!("expected CALL, got {other:?}"),
        }
    }

    /// Pings below the packets, and says what the answer carries.
    pub(crate) async fn websocket_ping(&mut self, text: &'static str) -> Bytes {
        let Self::WebSocket { conn, ws } = self else { panic!("no WebSocket") };
        ws.send(WsMessage::Ping(Bytes::from_static(text.as_bytes()))).unwrap();
        ws.get_mut().drain(&**conn).await.unwrap();
        loop {
            match ws.read() {
                Ok(WsMessage::Pong(answer)) => return answer,
                Ok(other) => panic!("got {other:?}"),
                Err(tungstenite::Error::Io(error)) => {
                    assert_eq!(error.kind(), ErrorKind::WouldBlock);
                    soon("answer", ws.get_mut().fill(&**conn)).await.unwrap();
                }
                Err(error) => panic!("got {error}"),
            }
        }
    }

    /// Closes the connection without a word.
    pub(crate) fn hang_up(&mut self) {
        *self = Self::Gone;
    }

    /// Sends all of them at once, whole.
    pub(crate) async fn send(&mut self, packets: &[Packet]) {
        let mut bytes = BytesMut::new();
        match self {
            Self::Gone => panic!("the gate has hung up"),
            Self::Tcp { .. } => {
                packets.iter().for_each(|packet| packet.put(&mut bytes, PACKET_MAX).unwrap());
                self.send_bytes(&bytes).await;
            }
            Self::WebSocket { conn, ws } => {
                for packet in packets {
                    packet.put(&mut bytes, PACKET_MAX).unwrap();
                    ws.write(WsMessage::Binary(bytes.split().freeze())).unwrap();
                }
                ws.flush().unwrap();
                ws.get_mut().drain(&**conn).await.unwrap();
            }
        }
    }

    /// Sends bytes: on a WebSocket, as one message.
    pub(crate) async fn send_bytes(&mut self, mut bytes: &[u8]) {
        match self {
            Self::Gone => panic!("the gate has hung up"),
            Self::Tcp { conn, .. } => {
                while !bytes.is_empty() {
                    std::future::poll_fn(|cx| conn.poll_writable(cx)).await.unwrap();
                    match conn.try_write_vectored(&[IoSlice::new(bytes)]) {
                        Ok(n) => bytes = &bytes[n..],
                        Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
                    }
                }
            }
            Self::WebSocket { conn, ws } => {
                ws.send(WsMessage::Binary(Bytes::copy_from_slice(bytes))).unwrap();
                ws.get_mut().drain(&**conn).await.unwrap();
            }
        }
    }
}

async fn upgrade(conn: &dyn Conn) -> WebSocket<Pipe> {
    let mut opening = accept(Pipe::default());
    loop {
        match opening {
            Ok(mut ws) => {
                ws.get_mut().drain(conn).await.unwrap();
                return ws;
            }
            Err(HandshakeError::Interrupted(mut mid)) => {
                soon("handshake", mid.get_mut().get_mut().fill(conn)).await.unwrap();
                opening = mid.handshake();
            }
            Err(HandshakeError::Failure(error)) => panic!("no WebSocket: {error}"),
        }
    }
}

pub(crate) fn name(body: &Body) -> String {
    match body {
        Body::Binary(body) => HelloReq::decode(body.clone()).unwrap().name,
        Body::Json(body) => panic!("expected a binary body, got {body}"),
    }
}

pub(crate) fn req(name: &str) -> HelloReq {
    HelloReq { name: name.into() }
}

/// The reply of call `id`.
pub(crate) fn reply(id: u64, text: &str) -> Packet {
    Packet::Reply { id, body: Body::Binary(HelloRsp { text: text.into() }.encode_to_vec().into()) }
}

pub(crate) fn push(seq: u64, text: &str) -> Packet {
    let body = Body::Binary(req(text).encode_to_vec().into());
    Packet::Push { seq, method: PacketMethod::Id(SHOUT.desc.id), body }
}

pub(crate) fn error(id: u64, code: Code, reason: Reason, message: &str, effect: Effect) -> Packet {
    let (code, reason, effect) = (code as u8, reason.number(), effect as u8);
    Packet::Error { id, code, reason, message: message.into(), effect }
}

pub(crate) async fn say(client: &Client, name: &str) -> Result<String, Status> {
    soon("end of a call", client.call(GreeterClient::SAY, req(name))).await.map(|rsp| rsp.text)
}

pub(crate) async fn event(events: &mut Events) -> Event {
    soon("event", events.next()).await.expect("an event, but the client is over")
}

/// The text of the next event, a SHOUT.
pub(crate) async fn shout(events: &mut Events) -> (u64, String) {
    match event(events).await {
        Event::Push(push) => (push.seq, push.decode(SHOUT).unwrap().unwrap().name),
        other => panic!("expected a push, got {other:?}"),
    }
}

/// Code, reason and effect.
pub(crate) fn parts<T: std::fmt::Debug>(result: &Result<T, Status>) -> (Code, Reason, Effect) {
    let status = result.as_ref().unwrap_err();
    (status.code(), status.reason(), status.effect())
}

/// A task of the test's own.
#[allow(clippy::disallowed_methods, reason = "a test is no app")]
pub(crate) fn spawn<F>(future: F) -> tokio::task::JoinHandle<F::Output>
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    tokio::spawn(future)
}
