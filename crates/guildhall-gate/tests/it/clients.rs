//! Clients that say exactly what a test wants, over TCP and WebSocket.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::BytesMut;
use guildhall::{Env, Reason, env};
use guildhall_wire::{Body, ClientHello, Kick, Method, Packet, Welcome, method_id};
use prost::Message;
use serde_json::Value;
use tungstenite::handshake::client::generate_key;
use tungstenite::{ClientHandshake, HandshakeError, WebSocket};

/// Longest that anything in these tests may take.
pub(crate) const LONG: Duration = Duration::from_secs(20);

const MAX: usize = 4 << 20;

/// Waits for `future`, or fails and says what for.
pub(crate) async fn soon<F: Future>(what: &str, future: F) -> F::Output {
    let env = Env::real();
    let done = env.until(env.now() + LONG, future).await;
    done.unwrap_or_else(|| panic!("{what}: not within {LONG:?}"))
}

/// A client over TCP.
pub(crate) struct Tcp {
    conn: Box<dyn env::Conn>,
    input: BytesMut,
}

impl Tcp {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let conn = Env::real().net().connect(&address.to_string()).await.unwrap();
        Self { conn, input: BytesMut::new() }
    }

    /// Connects and says HELLO as `player`.
    pub(crate) async fn login(address: SocketAddr, player: &str) -> Self {
        let (client, welcome) = Self::welcomed(address, player).await;
        assert_eq!(welcome.player, player);
        client
    }

    pub(crate) async fn welcomed(address: SocketAddr, player: &str) -> (Self, Welcome) {
        let mut client = Self::connect(address).await;
        client.send(&hello(player)).await;
        match client.recv().await {
            Some(Packet::Welcome(welcome)) => (client, welcome),
            other => panic!("no WELCOME but {other:?}"),
        }
    }

    pub(crate) async fn send(&mut self, packet: &Packet) {
        let mut bytes = BytesMut::new();
        packet.put(&mut bytes, MAX).unwrap();
        self.send_bytes(&bytes).await;
    }

    pub(crate) async fn send_bytes(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            match self.conn.try_write_vectored(&[std::io::IoSlice::new(bytes)]) {
                Ok(n) => bytes = &bytes[n..],
                Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => {
                    let writable = std::future::poll_fn(|cx| self.conn.poll_writable(cx));
                    soon("a write", writable).await.unwrap();
                }
                // The gate has closed: the next read says why.
                Err(_) => return,
            }
        }
    }

    /// The next packet; `None` when the gate has closed.
    pub(crate) async fn recv(&mut self) -> Option<Packet> {
        loop {
            if let Some(packet) = Packet::take(&mut self.input, MAX).unwrap() {
                return Some(packet);
            }
            let readable = std::future::poll_fn(|cx| self.conn.poll_readable(cx));
            if soon("a packet", readable).await.is_err() {
                return None;
            }
            self.input.reserve(4096);
            match self.conn.try_read(&mut self.input) {
                Ok(0) => return None,
                Err(e) if e.kind() != std::io::ErrorKind::WouldBlock => return None,
                Ok(_) | Err(_) => {}
            }
        }
    }

    /// What the gate says, up to `end` or to its close.
    pub(crate) async fn text_until(&mut self, end: &str) -> String {
        loop {
            let text = String::from_utf8_lossy(&self.input).into_owned();
            if text.contains(end) {
                return text;
            }
            let readable = std::future::poll_fn(|cx| self.conn.poll_readable(cx));
            soon("an answer", readable).await.unwrap();
            self.input.reserve(4096);
            match self.conn.try_read(&mut self.input) {
                Ok(0) => return text,
                Err(e) if e.kind() != std::io::ErrorKind::WouldBlock => return text,
                Ok(_) | Err(_) => {}
            }
        }
    }

    /// Waits until the gate has closed, whatever it says before.
    pub(crate) async fn closed(&mut self) {
        loop {
            let readable = std::future::poll_fn(|cx| self.conn.poll_readable(cx));
            self.input.clear();
            self.input.reserve(4096);
            match readable.await.and_then(|()| self.conn.try_read(&mut self.input)) {
                Ok(0) => return,
                Err(e) if e.kind() != std::io::ErrorKind::WouldBlock => return,
                Ok(_) | Err(_) => {}
            }
        }
    }

    /// The next packet that is no PING.
    pub(crate) async fn answer(&mut self) -> Packet {
        loop {
            match self.recv().await {
                Some(Packet::Ping { .. }) => {}
                Some(packet) => return packet,
                None => panic!("the gate has closed"),
            }
        }
    }

    /// Calls and waits for the answer.
    pub(crate) async fn call<Req: Message, Rsp: Message + Default>(
        &mut self,
        id: u64,
        method: &str,
        req: &Req,
    ) -> Result<Rsp, Refused> {
        self.send(&call(id, method, req)).await;
        match self.answer().await {
            Packet::Reply { id: of, body: Body::Binary(body) } if of == id => {
                Ok(Rsp::decode(body).unwrap())
            }
            Packet::Error { id: of, code, reason, message, effect } if of == id => {
                Err(Refused { code, reason: Reason::new(reason), message, effect })
            }
            other => panic!("no answer to {id} but {other:?}"),
        }
    }

    /// The reason of the ERROR with id 0 or the KICK that comes last, after whatever comes before.
    pub(crate) async fn end(&mut self) -> Reason {
        let mut last = None;
        while let Some(packet) = self.recv().await {
            last = Some(packet);
            if matches!(last, Some(Packet::Error { id: 0, .. } | Packet::Kick(_))) {
                break;
            }
        }
        match last {
            Some(Packet::Error { id: 0, reason, .. } | Packet::Kick(Kick { reason, .. })) => {
                Reason::new(reason)
            }
            other => panic!("closed without a reason, after {other:?}"),
        }
    }
}

/// What an ERROR says.
#[derive(Debug, PartialEq)]
pub(crate) struct Refused {
    pub(crate) code: u8,
    pub(crate) reason: Reason,
    pub(crate) message: String,
    pub(crate) effect: u8,
}

pub(crate) fn hello(player: &str) -> Packet {
    Packet::Hello(ClientHello { token: player.into(), ..ClientHello::default() })
}

pub(crate) fn call(id: u64, method: &str, req: &impl Message) -> Packet {
    let method = Method::Id(method_id(method));
    let body = Body::Binary(req.encode_to_vec().into());
    let traceparent = String::new();
    Packet::Call { id, method, body, answered: 0, resent: false, traceparent, timeout_ms: 0 }
}

pub(crate) fn cast(method: &str, req: &impl Message) -> Packet {
    let body = Body::Binary(req.encode_to_vec().into());
    Packet::Cast { method: Method::Id(method_id(method)), body }
}

/// A client over WebSocket.
pub(crate) struct Ws {
    conn: Box<dyn env::Conn>,
    ws: WebSocket<env::Pipe>,
}

impl Ws {
    /// Opens a WebSocket, or says why not.
    pub(crate) async fn open(
        address: SocketAddr,
        path: &str,
        origin: Option<&str>,
    ) -> Result<Self, u16> {
        let conn = Env::real().net().connect(&address.to_string()).await.unwrap();
        let mut request = tungstenite::http::Request::get(format!("ws://{address}{path}"))
            .header("host", address.to_string())
            .header("connection", "Upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", generate_key());
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        let start = ClientHandshake::start(env::Pipe::default(), request.body(()).unwrap(), None);
        let mut step = start.unwrap().handshake();
        loop {
            match step {
                Ok((ws, _response)) => return Ok(Self { conn, ws }),
                Err(HandshakeError::Interrupted(mut opening)) => {
                    let pipe = opening.get_mut().get_mut();
                    pipe.drain(&*conn).await.unwrap();
                    soon("a WebSocket", pipe.fill(&*conn)).await.unwrap();
                    step = opening.handshake();
                }
                Err(HandshakeError::Failure(tungstenite::Error::Http(response))) => {
                    return Err(response.status().as_u16());
                }
                Err(HandshakeError::Failure(error)) => panic!("no WebSocket: {error}"),
            }
        }
    }

    /// Connects and says HELLO as `player`, in JSON.
    pub(crate) async fn login(address: SocketAddr, player: &str) -> Self {
        let mut client = Self::open(address, "/", None).await.unwrap();
        client.say(&format!(r#"{{"kind":"hello","token":"{player}"}}"#)).await;
        let welcome = client.hear().await.unwrap();
        assert_eq!((&welcome["kind"], &welcome["player"]), (&"welcome".into(), &player.into()));
        client
    }

    pub(crate) async fn say(&mut self, text: &str) {
        self.send(tungstenite::Message::text(text)).await;
    }

    pub(crate) async fn send_packet(&mut self, packet: &Packet) {
        let mut bytes = BytesMut::new();
        packet.put(&mut bytes, MAX).unwrap();
        self.send(tungstenite::Message::Binary(bytes.freeze())).await;
    }

    pub(crate) async fn send(&mut self, message: tungstenite::Message) {
        if self.ws.send(message).is_ok() {
            let _gone = soon("a write", self.ws.get_mut().drain(&*self.conn)).await;
        }
    }

    /// Waits for more bytes, after what the library answers by itself; `None` at the end of the connection.
    async fn more(&mut self, what: &str) -> Option<()> {
        let _gone = self.ws.get_mut().drain(&*self.conn).await;
        let read = soon(what, self.ws.get_mut().fill(&*self.conn)).await.ok()?;
        (read > 0).then_some(())
    }

    /// The next message that says something; `None` when the gate has closed.
    pub(crate) async fn message(&mut self) -> Option<tungstenite::Message> {
        loop {
            match self.ws.read() {
                Ok(tungstenite::Message::Ping(_)) => {}
                Ok(tungstenite::Message::Close(_)) => return None,
                Ok(message) => return Some(message),
                Err(tungstenite::Error::Io(e)) if e.kind() == std::io::ErrorKind::WouldBlock => {
                    self.more("a message").await?;
                }
                Err(_) => return None,
            }
        }
    }

    /// The code with which the gate closes, after whatever comes before; 0 for none.
    pub(crate) async fn close_code(&mut self) -> u16 {
        loop {
            match self.ws.read() {
                Ok(tungstenite::Message::Close(close)) => {
                    return close.map_or(0, |c| c.code.into());
                }
                Ok(_) => {}
                Err(tungstenite::Error::Io(e)) if e.kind() == std::io::ErrorKind::WouldBlock => {
                    self.more("a close").await.expect("a close before the end");
                }
                Err(error) => panic!("closed without a code: {error}"),
            }
        }
    }

    /// The next JSON packet.
    pub(crate) async fn hear(&mut self) -> Option<Value> {
        let text = self.message().await?.into_text().unwrap();
        Some(serde_json::from_str(&text).unwrap())
    }

    /// The next binary packet.
    pub(crate) async fn packet(&mut self) -> Option<Packet> {
        match self.message().await? {
            tungstenite::Message::Binary(frame) => Some(Packet::from_frame(&frame, MAX).unwrap()),
            other => panic!("no frame but {other:?}"),
        }
    }

    /// Says `text` and hears the answer.
    pub(crate) async fn ask(&mut self, text: &str) -> Value {
        self.say(text).await;
        self.hear().await.unwrap()
    }
}
