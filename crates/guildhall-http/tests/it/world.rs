//! A server with tight limits, and clients as raw sockets.

use std::sync::Arc;
use std::time::Duration;

use guildhall_core::Env;
use guildhall_http::{Answer, Limits, Origins, Refused, Request, Server, Service, StatusCode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Semaphore;

/// Longer means that it hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Limits that no test reaches but the ones that it sets.
pub(crate) fn limits() -> Limits {
    Limits {
        connections: 64,
        per_address: 64,
        head: PATIENCE,
        body_max: 1024,
        request: PATIENCE,
        idle: PATIENCE,
        keep_alive: true,
        origins: Origins::default(),
    }
}

/// `/echo`: the body. `/who`: the network. `/wait`: as soon as the gate is opened once more. `/held`: a refusal that is held back.
/// `/large`: 8 MiB.
pub(crate) struct Desk {
    gate: Arc<Semaphore>,
    /// Gets a permit when somebody waits at the gate.
    waits: Arc<Semaphore>,
    /// Gets a permit when an answer is held back.
    holds: Arc<Semaphore>,
}

impl Service for Desk {
    async fn serve(&self, request: Request) -> Answer {
        match request.path.as_str() {
            "/echo" => text(StatusCode::OK, request.body),
            "/who" => text(StatusCode::OK, request.network.to_string()),
            "/wait" => {
                self.waits.add_permits(1);
                self.gate.acquire().await.unwrap().forget();
                text(StatusCode::OK, "waited")
            }
            "/held" => {
                self.holds.add_permits(1);
                text(StatusCode::FORBIDDEN, "no").held(2 * PATIENCE)
            }
            "/short" => text(StatusCode::FORBIDDEN, "no").held(Duration::from_millis(100)),
            "/large" => text(StatusCode::OK, vec![b'x'; 8 << 20]),
            _ => text(StatusCode::NOT_FOUND, "nothing"),
        }
    }

    fn refuse(&self, why: Refused) -> Answer {
        text(why.code(), format!("{why:?}"))
    }
}

fn text(code: StatusCode, body: impl Into<bytes::Bytes>) -> Answer {
    Answer::new(code, "text/plain", body)
}

pub(crate) struct World {
    pub(crate) server: Server,
    pub(crate) gate: Arc<Semaphore>,
    pub(crate) waits: Arc<Semaphore>,
    pub(crate) holds: Arc<Semaphore>,
}

impl World {
    pub(crate) async fn start(limits: Limits) -> Self {
        let [gate, waits, holds] = [(); 3].map(|()| Arc::new(Semaphore::new(0)));
        let desk =
            Desk { gate: Arc::clone(&gate), waits: Arc::clone(&waits), holds: Arc::clone(&holds) };
        let server = Server::start(&Env::real(), "test.listen", "127.0.0.1:0", limits, desk).await;
        Self { server: server.unwrap(), gate, waits, holds }
    }

    pub(crate) async fn client(&self) -> Client {
        self.client_from("127.0.0.1").await
    }

    /// A client with this address of loopback.
    pub(crate) async fn client_from(&self, address: &str) -> Client {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(format!("{address}:0").parse().unwrap()).unwrap();
        let stream = within(socket.connect(self.server.addr())).await.unwrap();
        Client { stream, read: Vec::new() }
    }

    /// One request on a connection of its own.
    pub(crate) async fn get(&self, path: &str) -> Reply {
        let mut client = self.client().await;
        client.ask(path).await;
        client.reply().await.expect("an answer")
    }
}

pub(crate) async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future).await.expect("it hangs")
}

pub(crate) struct Client {
    stream: TcpStream,
    read: Vec<u8>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) code: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Client {
    /// What the server has closed takes nothing; that is seen when it is read.
    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        let _closed = within(self.stream.write_all(bytes)).await;
    }

    pub(crate) async fn ask(&mut self, path: &str) {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await;
    }

    /// The next answer; `None` when the connection is closed without one.
    pub(crate) async fn reply(&mut self) -> Option<Reply> {
        let head_end = loop {
            let end = self.read.windows(4).position(|end| end == b"\r\n\r\n");
            if let Some(end) = end {
                break end + 4;
            }
            if self.more().await == 0 {
                return None;
            }
        };
        let head = String::from_utf8(self.read.drain(..head_end).collect()).unwrap();
        let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
        let length: usize = length.map_or(0, |length| length.parse().unwrap());
        while self.read.len() < length {
            if self.more().await == 0 {
                return None;
            }
        }
        let body = String::from_utf8(self.read.drain(..length).collect()).unwrap();
        Some(Reply { code: head[9..12].parse().unwrap(), head, body })
    }

    /// How many bytes have come; 0 when it is closed.
    async fn more(&mut self) -> usize {
        within(self.stream.read_buf(&mut self.read)).await.unwrap_or(0)
    }

    /// Waits until the server closes; what has come before.
    pub(crate) async fn rest(&mut self) -> usize {
        while self.more().await > 0 {}
        self.read.len()
    }
}
