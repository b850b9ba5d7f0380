//! Keeps links to one address open: dials, authenticates, drives the connection, and dials again.

use std::io::{Error, ErrorKind, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use guildhall_core::AppId;
use guildhall_core::discovery::NodeRecord;
use tokio::sync::Barrier;

use crate::endpoint::Endpoint;
use crate::handshake::{Opened, open};
use crate::idle::{Idle, Quiet};
use crate::link::Link;
use crate::redial::Redial;
use crate::tls::Side;

/// What keeps account of the links that are open: the mesh.
pub trait Peers: Send + Sync + 'static {
    /// A link to `record` is open. `false`: a later life of the same app has one, and this one is not wanted.
    fn connected(&self, record: NodeRecord, place: Place, link: Arc<Link>) -> bool;

    /// The peer takes no new calls.
    fn going(&self, id: &AppId, link: &Arc<Link>);

    /// The link has ended.
    fn leave(&self, id: &AppId, link: &Arc<Link>);
}

/// Which of the connections to an app one is.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// Which one, counted from 0.
    pub at: usize,
    /// How many there should be.
    pub of: usize,
}

impl Place {
    /// Of the one connection that an app has to itself.
    pub const ONLY: Self = Self { at: 0, of: 1 };
}

/// One of the connections to an address.
#[derive(Debug)]
pub struct Line {
    /// `host:port`.
    pub address: String,
    /// Which of the connections to that address it is.
    pub place: Place,
    /// Discovery no longer lists an app at the address.
    pub gone: Arc<AtomicBool>,
    /// Where all connections to the address wait for each other once. They enter the mesh together, so that no call overtakes an
    /// earlier one because its key's connection came later than the first.
    pub tried: Arc<Barrier>,
}

/// Keeps a link to an address as long as discovery lists an app there.
pub async fn connect<P: Peers>(endpoint: Arc<Endpoint>, peers: Arc<P>, line: Line) {
    let mut redial = Redial::new(&endpoint);
    let mut opened = dial(&endpoint, &line.address, false).await;
    // All have been dialled by then: to connect and to shake hands has its time each.
    let deadline = endpoint.env.now() + Duration::from_millis(endpoint.config.handshake_ms) * 2;
    endpoint.env.until(deadline, line.tried.wait()).await;
    loop {
        match link(&endpoint, &*peers, &line, opened).await {
            Ok(Ended::Myself) => return,
            Ok(Ended::Lost) => redial.reset(),
            Err(error) => {
                tracing::debug!(address = line.address, %error, "link attempt failed; retrying")
            }
        }
        redial.wait().await;
        if line.gone.load(Ordering::Relaxed) {
            return;
        }
        opened = dial(&endpoint, &line.address, false).await;
    }
}

/// Of a link that stays.
const NEVER_IDLE: Option<Idle<Step>> = None;
type Step = fn(Quiet) -> bool;

enum Ended {
    /// The address is this app's own.
    Myself,
    /// There was a link.
    Lost,
}

/// Opens a connection to `address`, for calls or for streams.
///
/// # Errors
/// It cannot be reached, or one of both does not prove itself, within `link.handshake_ms` each.
pub async fn dial(endpoint: &Endpoint, address: &str, streams: bool) -> Result<Opened> {
    let deadline = endpoint.env.now() + Duration::from_millis(endpoint.config.handshake_ms);
    let dialled = endpoint.env.until(deadline, endpoint.net().connect(address)).await;
    let conn = dialled.unwrap_or_else(|| Err(ErrorKind::TimedOut.into()))?;
    open(endpoint, conn, Side::Initiator, streams).await
}

async fn link<P: Peers>(
    endpoint: &Endpoint,
    peers: &P,
    line: &Line,
    opened: Result<Opened>,
) -> Result<Ended> {
    let Opened { socket, record, .. } = opened?;
    if record.id == endpoint.id {
        return Ok(Ended::Myself);
    }
    let (id, link) = (record.id.clone(), Link::new(record.id.to_string(), endpoint));
    let _dialled = endpoint.meters.dialled.hold();
    if !peers.connected(record, line.place, Arc::clone(&link)) {
        return Err(Error::other(format!("a later life of {id} is linked")));
    }
    tracing::info!(peer = %id, address = line.address, "linked");
    // The route must go with the link, also when this task is aborted.
    let leave = Leave { peers, id, address: &line.address, link: &link };
    link.drive(&endpoint.env, socket, || peers.going(&leave.id, &link), NEVER_IDLE).await;
    Ok(Ended::Lost)
}

struct Leave<'a, P: Peers> {
    peers: &'a P,
    id: AppId,
    address: &'a str,
    link: &'a Arc<Link>,
}

impl<P: Peers> Drop for Leave<'_, P> {
    fn drop(&mut self) {
        self.peers.leave(&self.id, self.link);
        self.link.close();
        tracing::debug!(ended = %self.id, address = self.address, "link closed");
    }
}
