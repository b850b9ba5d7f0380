//! Accepts connections up to the limits of the gate.

use std::io::IoSlice;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use guildhall_core::Code;
use guildhall_core::env::{Accepted, Listener};
use guildhall_core::status::reason;

use crate::connection::drive;
use crate::edge::Edge;
use crate::form::Form;
use crate::out::End;
use crate::places::Places;
use crate::transport::Protocol;

/// Longest that a refusal may hold up the next connection.
const REFUSAL: Duration = Duration::from_millis(20);

/// Accepts clients until the gate drains. Each becomes one task, on the next worker.
pub(crate) async fn accept(edge: Arc<Edge>, listener: Box<dyn Listener>, protocol: Protocol) {
    let env = edge.cx.env();
    loop {
        let accepted = tokio::select! {
            biased;
            () = edge.shared.draining.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let accepted = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, say: wait for better times.
                tracing::warn!(%error, "accepting client connections failed");
                env.sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        match Places::admit(&edge.places, accepted.peer.ip()) {
            Ok(place) => {
                let (edge, protocol) = (Arc::clone(&edge), protocol.clone());
                env.clone().spawn_on(&edge.cx.next_worker(), "gate-client", async move {
                    let conn = (accepted.attach)().and_then(|conn| match &edge.tls {
                        Some(tls) => tls.wrap(conn),
                        None => Ok(conn),
                    });
                    if let Ok(conn) = conn {
                        drive(edge, conn, protocol).await;
                    }
                    drop(place);
                });
            }
            Err(limit) => refuse(&edge, accepted, &protocol, limit).await,
        }
    }
}

/// Says why, as far as one try goes: a connection that is refused costs no task.
async fn refuse(edge: &Edge, accepted: Accepted, protocol: &Protocol, limit: &str) {
    edge.shared.stats.cut.add(1);
    tracing::debug!(peer = %accepted.peer, limit, "client connection refused");
    let Ok(conn) = (accepted.attach)() else { return };
    if edge.tls.is_some() {
        // What is not encrypted says nothing, and a handshake takes too long.
        return;
    }
    let mut why = BytesMut::new();
    match protocol {
        Protocol::Tcp => {
            let message = format!("too many connections ({limit})");
            let end = End::Error(Code::ResourceExhausted, reason::LIMITED, message.into());
            Form::Stream.put_end(&mut why, end);
        }
        Protocol::WebSocket(_) => why.extend_from_slice(
            b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        ),
    }
    // A new socket has room; it only has to learn that.
    let env = edge.cx.env();
    let writable = std::future::poll_fn(|cx| conn.poll_writable(cx));
    if env.until(env.now() + REFUSAL, writable).await.is_some() {
        let _best_effort = conn.try_write_vectored(&[IoSlice::new(&why)]);
    }
}
