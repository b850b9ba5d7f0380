//! The start of a connection: dial, HELLO, WELCOME.

use std::io;
use std::time::Duration;

use bytes::BytesMut;
use guildhall_core::{Code, Effect, Env, Reason, Status};
use guildhall_tls::Roots;
use guildhall_wire::{ClientHello, Packet, Welcome};

use crate::address::Address;
use crate::error::{ConnectError, Lost};
use crate::options::Options;
use crate::socket::Socket;

/// Version of the packet format that is spoken here.
const VERSION: u32 = 1;

/// A gate, and how to deal with it.
#[derive(Debug)]
pub(crate) struct Gate {
    pub(crate) env: Env,
    pub(crate) options: Options,
    /// As it was given.
    pub(crate) name: String,
    address: Address,
    /// With them it is reached by TLS.
    roots: Option<Roots>,
}

/// A connection that was let in.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) socket: Socket,
    pub(crate) welcome: Welcome,
}

impl Gate {
    pub(crate) fn new(env: Env, address: &str, options: Options) -> Result<Self, ConnectError> {
        let (name, address) = (address.to_owned(), Address::parse(address)?);
        let roots = match (address.is_encrypted, &*options.ca) {
            (false, _) => None,
            (true, "") => {
                let why = format!("{name} needs Options::ca, a file of PEM with authorities");
                return Err(ConnectError::Roots(why));
            }
            (true, ca) => Some(Roots::read(ca).map_err(ConnectError::Roots)?),
        };
        Ok(Self { env, options, name, address, roots })
    }

    /// Connects once.
    pub(crate) async fn open(
        &self,
        token: String,
        resume: String,
        last_push: u64,
    ) -> Result<Opened, ConnectError> {
        let timeout = self.options.connect_timeout;
        let client = self.options.client.clone();
        let hello = ClientHello { token, resume, last_push, version: VERSION, client };
        let opened = self.env.until(self.env.now() + timeout, self.greet(hello)).await;
        opened.unwrap_or(Err(ConnectError::TimedOut(timeout)))
    }

    /// Connects, trying as often as the options say. Pauses come first and double, and half of each is random: a gate that
    /// restarts is not dialled by all its clients at once.
    pub(crate) async fn open_again(
        &self,
        token: impl Fn() -> String,
        resume: &str,
        last_push: u64,
    ) -> Result<Opened, ConnectError> {
        let Options { attempts_max, backoff_min, backoff_max, .. } = self.options;
        let (mut pause, mut attempt) = (backoff_min, 1);
        loop {
            self.env.sleep(self.jittered(pause)).await;
            match self.open(token(), resume.to_owned(), last_push).await {
                Err(error) if !error.is_final() && attempt < attempts_max => {
                    tracing::debug!(gate = self.name, attempt, %error, "attempt to connect to the gate failed");
                }
                result => return result,
            }
            attempt += 1;
            pause = pause.saturating_mul(2).min(backoff_max);
        }
    }

    fn jittered(&self, pause: Duration) -> Duration {
        let half = pause / 2;
        let nanos = u64::try_from(half.as_nanos()).unwrap_or(u64::MAX - 1);
        half + Duration::from_nanos(self.env.random_below(nanos + 1))
    }

    async fn dial(&self, packet_max: usize) -> io::Result<Socket> {
        let Address { host, websocket, .. } = &self.address;
        let conn = guildhall_tls::connect(&self.env, self.roots.as_ref(), host, &[]).await?;
        Socket::new(conn, websocket.as_ref(), packet_max).await
    }

    async fn greet(&self, hello: ClientHello) -> Result<Opened, ConnectError> {
        let packet_max = self.options.packet_max;
        let mut bytes = BytesMut::new();
        Packet::Hello(hello).put(&mut bytes, packet_max).map_err(Lost::Packet)?;
        let socket = self.dial(packet_max).await;
        let mut socket = socket.map_err(ConnectError::Unreachable)?;
        socket.write(&mut bytes).map_err(Lost::Io)?;
        while !bytes.is_empty() || socket.is_holding() {
            socket.writable().await.map_err(Lost::Io)?;
            socket.write(&mut bytes).map_err(Lost::Io)?;
        }
        loop {
            match socket.packet()? {
                Some(Packet::Welcome(welcome)) => return Ok(Opened { socket, welcome }),
                Some(Packet::Error { code, reason, message, effect, .. }) => {
                    return Err(ConnectError::Refused(status(code, reason, message, effect)));
                }
                Some(Packet::Kick(kick)) => return Err(ConnectError::Kicked(kick)),
                Some(packet) => return Err(Lost::Unexpected(packet.kind()).into()),
                None => socket.readable().await.map_err(Lost::Io)?,
            }
            // A flood of nothing must not hold up the deadline.
            tokio::task::yield_now().await;
        }
    }
}

/// The status that an ERROR packet carries.
pub(crate) fn status(code: u8, reason: u32, message: String, effect: u8) -> Status {
    Status::new(Code::from_number(code), message)
        .with_reason(Reason::new(reason))
        .with_effect(Effect::from_number(effect))
}
