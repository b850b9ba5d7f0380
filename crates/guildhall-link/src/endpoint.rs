//! [`Endpoint`]: the state that all links of an app share.

use std::sync::Arc;

use guildhall_core::discovery::NodeRecord;
use guildhall_core::env::Net;
use guildhall_core::metrics::{Gauge, LiveCount};
use guildhall_core::{AppId, Env};
use tokio_util::sync::CancellationToken;

use crate::config::LinkConfig;
use crate::meters::ServedMeters;
use crate::tls::Tls;

/// What all links of an app share.
pub struct Endpoint {
    /// The app.
    pub id: AppId,
    /// Its clock, random numbers, sockets and tasks.
    pub env: Env,
    /// The network of its links, where it is not that of the machine.
    pub net: Option<Arc<dyn Net>>,
    /// `[link]`.
    pub config: LinkConfig,
    /// Absent when links are not encrypted.
    pub tls: Option<Tls>,
    /// The record that a handshake shows to the peer: as it is at that moment.
    pub record: Box<dyn Fn() -> NodeRecord + Send + Sync>,
    /// A hash over the method ids, which peers compare to see that they were built from the same protos.
    pub methods_hash: u64,
    /// Cancelled when peers are to send no new calls: each gets a GOAWAY.
    pub going: CancellationToken,
    /// What links count.
    pub meters: LinkMeters,
}

/// What the links of an app count.
#[derive(Debug)]
pub struct LinkMeters {
    /// Connections on which this app makes calls.
    pub dialled: Gauge,
    /// Connections whose calls this app serves.
    pub accepted: Gauge,
    /// Bytes that wait for sockets.
    pub queued_bytes: Gauge,
    /// Calls that have arrived and have no answer yet.
    pub in_flight: Arc<LiveCount>,
    /// Calls that were served, by method and code.
    pub served: ServedMeters,
}

impl Endpoint {
    /// The network of the links.
    pub fn net(&self) -> &dyn Net {
        self.net.as_deref().unwrap_or_else(|| self.env.net())
    }
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endpoint").field("id", &self.id).finish_non_exhaustive()
    }
}
