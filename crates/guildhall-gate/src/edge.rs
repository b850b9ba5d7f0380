//! [`Edge`]: what all connections of a gate share, and [`Shared`], the part of it that exists before the gate has started.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use guildhall_core::{Code, Status};
use guildhall_runtime::Cx;
use tokio_util::sync::CancellationToken;

use crate::auth::Authenticate;
use crate::clients::Clients;
use crate::config::GateConfig;
use crate::methods::Methods;
use crate::out::Total;
use crate::places::Places;
use crate::stats::GateStats;
use crate::tls::Tls;

/// What exists before the gate has started, and what its service needs.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    pub(crate) stats: Arc<GateStats>,
    pub(crate) clients: Clients,
    pub(crate) methods: Arc<Methods>,
    pub(crate) draining: CancellationToken,
    pub(crate) places: OnceLock<Arc<Places>>,
    pub(crate) tcp: OnceLock<SocketAddr>,
    pub(crate) websocket: OnceLock<SocketAddr>,
}

/// What all connections share.
pub(crate) struct Edge {
    pub(crate) cx: Cx,
    pub(crate) config: GateConfig,
    /// Methods with a rate of their own, and calls per second.
    pub(crate) rates: Vec<(u32, u32)>,
    pub(crate) authenticate: Arc<dyn Authenticate>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) places: Arc<Places>,
    /// Absent when clients are not encrypted.
    pub(crate) tls: Option<Arc<Tls>>,
    /// Bytes that wait for all clients together.
    pub(crate) queued: Arc<Total>,
}

impl Edge {
    /// The text of an error for a client. The text of an internal error goes to the log, and the client gets an id that finds it there.
    pub(crate) fn public_text<'s>(&self, status: &'s Status) -> Cow<'s, str> {
        if !matches!(status.code(), Code::Internal | Code::Unknown | Code::DataLoss) {
            return Cow::Borrowed(status.message());
        }
        let trace = format!("{:016x}", self.cx.env().random());
        tracing::error!(trace, %status, "internal error hidden from a client");
        Cow::Owned(format!("internal error, trace {trace}"))
    }
}
