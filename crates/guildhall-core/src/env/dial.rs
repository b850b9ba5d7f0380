//! Connects to a host that may have several addresses, some of which may never answer.

use std::io::{Error, ErrorKind, Result};
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::net::TcpStream;

#[cfg(test)]
mod tests;

/// The next address is dialled when the one before has failed, or has not answered for so long.
const STAGGER: Duration = Duration::from_millis(250);

/// Longest attempt at one address. Callers have deadlines of their own, which are mostly shorter.
const ATTEMPT: Duration = Duration::from_secs(10);

/// Addresses of one host that are dialled; further ones are left out.
const ADDRESSES_MAX: usize = 16;

/// Connects to `host:port` over the machine's network, as [`Net::connect`](super::Net::connect) does, for a library that wants the socket.
///
/// # Errors
/// The host is unknown, or none of its addresses accepted: what each of them answered.
///
/// # Cancel safety
/// Dropping the future ends all attempts.
pub async fn connect_tcp(address: &str) -> Result<TcpStream> {
    let stream = dial(tokio::net::lookup_host(address).await?.collect()).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Connects to one of `addresses`: the first that accepts.
///
/// # Errors
/// None accepted: what each of them answered.
///
/// # Cancel safety
/// Dropping the future ends all attempts.
async fn dial(addresses: Vec<SocketAddr>) -> Result<TcpStream> {
    let mut waiting = by_turns(addresses).into_iter().take(ADDRESSES_MAX);
    let mut running = FuturesUnordered::new();
    let mut failed: Option<(ErrorKind, String)> = None;
    loop {
        if let Some(address) = waiting.next() {
            running.push(attempt(address));
        } else if running.is_empty() {
            let nothing = || (ErrorKind::NotFound, "the host has no address".to_owned());
            let (kind, why) = failed.unwrap_or_else(nothing);
            return Err(Error::new(kind, why));
        }
        let ended = match waiting.len() {
            0 => running.next().await,
            _ => within(STAGGER, running.next()).await.flatten(),
        };
        match ended {
            Some(Ok(stream)) => return Ok(stream),
            Some(Err((address, error))) => {
                let why = failed.map_or_else(String::new, |(_, before)| before + "; ");
                failed = Some((error.kind(), format!("{why}{address}: {error}")));
            }
            // Nobody has answered yet: another address is dialled beside.
            None => {}
        }
    }
}

/// Takes the two families by turns, beginning with the resolver's first choice: where one of them leads nowhere, the other is next.
fn by_turns(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first = addresses.first().map(SocketAddr::is_ipv4);
    let (one, other): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|address| Some(address.is_ipv4()) == first);
    let (mut one, mut other) = (one.into_iter(), other.into_iter());
    let mut order = Vec::new();
    loop {
        let (a, b) = (one.next(), other.next());
        if a.is_none() && b.is_none() {
            return order;
        }
        order.extend(a.into_iter().chain(b));
    }
}

async fn attempt(address: SocketAddr) -> std::result::Result<TcpStream, (SocketAddr, Error)> {
    let connected = within(ATTEMPT, TcpStream::connect(address)).await;
    connected.unwrap_or_else(|| Err(ErrorKind::TimedOut.into())).map_err(|error| (address, error))
}

#[allow(clippy::disallowed_methods, reason = "the network of the machine has the machine's clock")]
async fn within<F: Future>(limit: Duration, future: F) -> Option<F::Output> {
    tokio::time::timeout(limit, future).await.ok()
}
