//! [`Pump`]: the task of one end of a connection, which moves packets between its [`Stream`] and NATS.

use std::io::{ErrorKind, IoSlice, Result};
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};

use async_nats::Subscriber;
use bytes::BytesMut;
use futures_util::StreamExt as _;
use guildhall_core::env::Conn;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::address::Address;
use super::packet::{HEAD, Packet};
use super::stream::Stream;
use crate::client::{Client, Link};

/// Largest data of a packet, in bytes, where the server takes as much.
const CHUNK: usize = 32 * 1024;

pub(super) struct Pump {
    client: Arc<Client>,
    /// The connection to NATS: packets of another one do not follow.
    link: Link,
    /// Where the packets go.
    subject: String,
    end: Arc<End>,
}

struct End {
    stream: Mutex<Stream>,
    /// There is something to send, or the owner has dropped the connection.
    changed: Notify,
}

/// What the owner of the connection has.
pub(super) struct NatsConn {
    end: Arc<End>,
    peer: SocketAddr,
}

impl Pump {
    /// The end of a connection whose packets go to `to`; `peer` is shown as the one at the other end.
    pub(super) fn new(
        client: Arc<Client>,
        link: Link,
        to: Address,
        peer: Address,
    ) -> (NatsConn, Self) {
        let payload_max = client.nats.server_info().max_payload;
        let chunk = CHUNK.min(payload_max.saturating_sub(HEAD)).max(1);
        let end = Arc::new(End { stream: Mutex::new(Stream::new(chunk)), changed: Notify::new() });
        let conn = NatsConn { end: Arc::clone(&end), peer: peer.socket_addr() };
        (conn, Self { subject: to.subject(&client), client, link, end })
    }

    /// Answers the one who has asked for the connection, and runs it.
    pub(super) async fn accept(self) {
        let own = Address::random(&self.client.env);
        let inbox = self.client.nats.subscribe(own.subject(&self.client)).await;
        match inbox {
            Ok(inbox) if self.send(&Packet::Opened(own)).await => self.run(inbox).await,
            _ => self.end.stream.lock().fail(ErrorKind::NotConnected),
        }
    }

    /// Runs the connection until it has failed, or its owner has dropped it and all is sent.
    pub(super) async fn run(self, mut inbox: Subscriber) {
        loop {
            let next = self.end.stream.lock().next();
            if let Some(packet) = next {
                if !self.send(&packet).await {
                    self.end.stream.lock().fail(ErrorKind::ConnectionReset);
                }
                continue;
            }
            let last = self.end.stream.lock().last();
            if let Some(last) = last {
                self.send(&last).await;
                return;
            }
            let changed = self.end.changed.notified();
            tokio::select! {
                biased;
                () = self.client.lost(self.link) => self.end.stream.lock().fail(ErrorKind::ConnectionReset),
                () = changed => {}
                message = inbox.next() => {
                    let packet = message.and_then(|message| Packet::decode(&message.payload));
                    self.end.stream.lock().hear(packet);
                }
            }
        }
    }

    /// Whether the packet is on its way by the connection to NATS that this one began on.
    async fn send(&self, packet: &Packet) -> bool {
        let sent = self.client.nats.publish(self.subject.clone(), packet.encode());
        tokio::select! {
            biased;
            () = self.client.lost(self.link) => false,
            sent = sent => sent.is_ok(),
        }
    }
}

impl Conn for NatsConn {
    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.end.stream.lock().poll_readable(cx)
    }

    fn try_read(&self, buf: &mut BytesMut) -> Result<usize> {
        let mut stream = self.end.stream.lock();
        let read = stream.read(buf);
        if stream.must_tell() {
            self.end.changed.notify_one();
        }
        read
    }

    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.end.stream.lock().poll_writable(cx)
    }

    fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> Result<usize> {
        let written = self.end.stream.lock().write(bufs);
        self.end.changed.notify_one();
        written
    }

    fn peer_addr(&self) -> Result<SocketAddr> {
        Ok(self.peer)
    }
}

impl Drop for NatsConn {
    fn drop(&mut self) {
        self.end.stream.lock().left = true;
        self.end.changed.notify_one();
    }
}
