//! A call as a player's client makes it: JSON over a WebSocket, so that the gate needs to tell no types.

use std::io::{Read, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use guildhall_core::env::connect_tcp;
use guildhall_core::{Code, Effect, Env, Reason, Status};
use guildhall_tls::{Roots, without_scheme};
use guildhall_wire::{Body, ClientHello, Method, Packet};
use rustls::{ClientConnection, StreamOwned};
use serde_json::value::RawValue;
use tungstenite::{Message, WebSocket};

use crate::catalog;
use crate::failure::describe;
use crate::out::{complain, print};

/// Largest packet, both ways.
const PACKET_MAX: usize = 4 << 20;

/// How long a step of a call may take, where nobody says otherwise.
const TIMEOUT_MS: u32 = 10_000;

/// A call through a gate.
pub(crate) struct GateCall<'a> {
    /// `ws://host:port` or `wss://host:port`.
    pub(crate) gate: &'a str,
    /// File with the authorities of a gate with TLS.
    pub(crate) ca: Option<&'a str>,
    pub(crate) token: &'a str,
    /// Full name of the method, unless the cluster knows it.
    pub(crate) method: &'a str,
    /// JSON.
    pub(crate) body: &'a str,
    /// Of each step; `None`: [`TIMEOUT_MS`].
    pub(crate) timeout_ms: Option<u32>,
}

/// Logs in, calls, prints the response or why there is none. `method` is the method as the cluster knows it, if it was asked.
pub(crate) async fn run(call: GateCall<'_>, method: Option<&catalog::Method>) -> Result<ExitCode> {
    let GateCall { gate, token, .. } = call;
    let path = match method {
        Some(method) => method.path().to_owned(),
        None => call.method.trim_start_matches('/').to_owned(),
    };
    if !path.split('/').next().is_some_and(|service| service.contains('.')) {
        bail!(
            "`{path}` is not a full name, and a gate does not list its methods: write package.Service/Method, as `guildhall ls` shows it, or name apps that serve it with --config, --cluster, --discovery or --app"
        );
    }
    let types = method.map(|method| method.types.parent_pool());
    let limit = Duration::from_millis(call.timeout_ms.unwrap_or(TIMEOUT_MS).into());
    let (socket, _) = tungstenite::client(gate, connect(gate, call.ca, limit).await?)
        .map_err(|error| anyhow::anyhow!("{gate} is no WebSocket of a gate: {error}"))?;
    let mut client = Client(socket);
    let hello = ClientHello {
        token: token.to_owned(),
        client: concat!("guildhall-cli/", env!("CARGO_PKG_VERSION")).to_owned(),
        ..ClientHello::default()
    };
    client.send(&Packet::Hello(hello))?;
    let body = RawValue::from_string(call.body.to_owned()).context("the body is no JSON")?;
    loop {
        match client.next()? {
            Packet::Welcome(_) => client.send(&Packet::Call {
                id: 1,
                method: Method::Path(path.clone()),
                body: Body::Json(body.clone()),
                answered: 0,
                resent: false,
                traceparent: String::new(),
                timeout_ms: 0,
            })?,
            Packet::Reply { body: Body::Json(body), .. } => {
                let body: serde_json::Value = serde_json::from_str(body.get())?;
                print(&serde_json::to_string_pretty(&body)?);
                return Ok(ExitCode::SUCCESS);
            }
            Packet::Error { id, code, reason, message, effect } => {
                let status =
                    Status::new(Code::from_number(code), message).with_reason(Reason::new(reason));
                let status = status.with_effect(Effect::from_number(effect));
                let what = if id == 0 { "the gate ended the connection" } else { &path };
                complain(&describe(what, &status, types));
                return Ok(ExitCode::FAILURE);
            }
            Packet::Kick(kick) => bail!("the gate ended the session: {}", kick.message),
            Packet::Ping { id } => client.send(&Packet::Pong { id })?,
            // Pushes are for clients that stay.
            _ => {}
        }
    }
}

/// Connects to the gate, by TLS where its scheme says so.
async fn connect(gate: &str, ca: Option<&str>, limit: Duration) -> Result<Box<dyn Stream>> {
    let Some((is_encrypted, rest)) = without_scheme(gate, "ws") else {
        bail!(
            "--gate {gate}: JSON travels over WebSockets; write ws://host:port or wss://host:port"
        );
    };
    let roots = match (is_encrypted, ca) {
        (true, Some(ca)) => Some(Roots::read(ca).map_err(anyhow::Error::msg)?),
        (true, None) => bail!("--gate {gate} needs --ca FILE, a file of PEM with authorities"),
        (false, Some(_)) => bail!("--ca is for TLS; write --gate wss://host:port"),
        (false, None) => None,
    };
    let host = rest.split('/').next().unwrap_or(rest);
    let (env, time) = (Env::real(), Some(limit));
    let connected = env.until(env.now() + limit, connect_tcp(host)).await;
    let stream = connected.unwrap_or_else(|| Err(std::io::ErrorKind::TimedOut.into()));
    let stream = stream.with_context(|| format!("connect to the gate {host}"))?.into_std()?;
    // Nothing else runs beside this call.
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(time)?;
    stream.set_write_timeout(time)?;
    let Some(roots) = roots else { return Ok(Box::new(stream)) };
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let name = name.trim_start_matches('[').trim_end_matches(']').to_owned();
    let session = ClientConnection::new(Arc::new(roots.client(&env, &[])?), name.try_into()?)?;
    Ok(Box::new(StreamOwned::new(session, stream)))
}

/// What a gate is connected by.
trait Stream: Read + Write {}

impl<T: Read + Write> Stream for T {}

struct Client(WebSocket<Box<dyn Stream>>);

impl Client {
    fn send(&mut self, packet: &Packet) -> Result<()> {
        self.0.send(Message::text(packet.to_json(PACKET_MAX)?)).context("send to the gate")
    }

    fn next(&mut self) -> Result<Packet> {
        loop {
            match self.0.read().context("wait for the gate's answer (--timeout)")? {
                Message::Text(text) => return Ok(Packet::from_json(&text, PACKET_MAX)?),
                Message::Close(why) => {
                    let why = why.map(|why| format!(": {}", why.reason)).unwrap_or_default();
                    bail!("the gate closed the connection{why}")
                }
                _ => {}
            }
        }
    }
}
