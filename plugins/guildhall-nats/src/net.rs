//! [`NatsNet`]: a network over NATS, for links between apps that reach the server and not each other.
//!
//! Each end of a connection, and each listener, has a random private IPv6 address, and the subject of that name. What one end writes is
//! published to the subject of the other, in numbered packets: a lost one ends the connection, as a lost server does.

mod address;
mod packet;
mod stream;
mod pump;

use std::io::{Error, ErrorKind, Result};
use std::net::SocketAddr;
use std::sync::Arc;

use async_nats::{StatusCode, Subscriber};
use futures_util::StreamExt as _;
use guildhall_core::BoxFuture;
use guildhall_core::env::{Accepted, Conn, Listener, Net};

use crate::client::Client;
use crate::fault::Fault;
use address::Address;
use packet::Packet;
use pump::Pump;

/// Connections by way of a NATS server. An address is one that [`Net::bind`] has made up; what it is asked to bind does not matter.
#[derive(Debug)]
pub struct NatsNet {
    client: Arc<Client>,
}

impl NatsNet {
    pub(crate) fn new(client: Arc<Client>) -> Self {
        Self { client }
    }

    async fn dial(&self, addr: &str) -> Result<Box<dyn Conn>> {
        let to = Address::parse(addr).ok_or_else(|| {
            let addr: String = addr.chars().take(80).collect();
            let why = format!("`{addr}` is no address on NATS: all apps need the same link.over");
            Error::new(ErrorKind::InvalidInput, why)
        })?;
        let client = &self.client;
        let link = client.up().await.map_err(|fault| away(&fault))?;
        let own = Address::random(&client.env);
        let subject = own.subject(client);
        let mut inbox = client.nats.subscribe(subject.clone()).await.map_err(Error::other)?;
        let open = Packet::Open(own).encode();
        let opened = client.nats.publish_with_reply(to.subject(client), subject, open);
        opened.await.map_err(Error::other)?;
        let deadline = client.env.now() + client.settings.deadline;
        let answer = client.env.until(deadline, async {
            tokio::select! {
                biased;
                answer = inbox.next() => answer.ok_or(ErrorKind::ConnectionAborted.into()),
                () = client.lost(link) => Err(Error::from(ErrorKind::ConnectionAborted)),
            }
        });
        let answer = answer.await.unwrap_or_else(|| Err(ErrorKind::TimedOut.into()))?;
        if answer.status == Some(StatusCode::NO_RESPONDERS) {
            return Err(ErrorKind::ConnectionRefused.into());
        }
        let Some(Packet::Opened(at)) = Packet::decode(&answer.payload) else {
            return Err(ErrorKind::InvalidData.into());
        };
        let (conn, pump) = Pump::new(Arc::clone(client), link, at, to);
        client.env.spawn("nats.link", pump.run(inbox));
        Ok(Box::new(conn))
    }
}

impl Net for NatsNet {
    fn connect<'a>(&'a self, addr: &'a str) -> BoxFuture<'a, Result<Box<dyn Conn>>> {
        Box::pin(self.dial(addr))
    }

    fn bind<'a>(&'a self, _addr: &'a str) -> BoxFuture<'a, Result<Box<dyn Listener>>> {
        Box::pin(async move {
            let client = Arc::clone(&self.client);
            let own = Address::random(&client.env);
            // Without a server it is kept, and said to the server when there is one.
            let knocks = client.nats.subscribe(own.subject(&client)).await;
            let knocks = tokio::sync::Mutex::new(knocks.map_err(Error::other)?);
            Ok(Box::new(NatsListener { client, own, knocks }) as _)
        })
    }
}

struct NatsListener {
    client: Arc<Client>,
    own: Address,
    knocks: tokio::sync::Mutex<Subscriber>,
}

impl Listener for NatsListener {
    fn local_addr(&self) -> Result<SocketAddr> {
        Ok(self.own.socket_addr())
    }

    fn accept(&self) -> BoxFuture<'_, Result<Accepted>> {
        Box::pin(async move {
            let mut knocks = self.knocks.lock().await;
            loop {
                let knock = knocks.next().await;
                let knock = knock.ok_or(ErrorKind::NotConnected)?;
                let Some(Packet::Open(from)) = Packet::decode(&knock.payload) else {
                    tracing::debug!("message to a listener that opens no connection");
                    continue;
                };
                let client = Arc::clone(&self.client);
                let attach = move || attach(client, from);
                return Ok(Accepted { peer: from.socket_addr(), attach: Box::new(attach) });
            }
        })
    }
}

/// The end of a connection that `from` has asked for.
fn attach(client: Arc<Client>, from: Address) -> Result<Box<dyn Conn>> {
    let link = client.link().map_err(|fault| away(&fault))?;
    let env = client.env.clone();
    let (conn, pump) = Pump::new(client, link, from, from);
    env.spawn("nats.link", pump.accept());
    Ok(Box::new(conn))
}

fn away(fault: &Fault) -> Error {
    Error::new(ErrorKind::NotConnected, fault.to_string())
}
