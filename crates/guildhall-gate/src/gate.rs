//! [`Gate`]: the component that lets clients in.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use guildhall_core::config::Config;
use guildhall_core::{BoxFuture, Code, Status};
use guildhall_runtime::codegen::Service;
use guildhall_runtime::proto::GateServer;
use guildhall_runtime::{Component, Cx, StartError};
use guildhall_wire::Method;
use tokio_util::sync::CancellationToken;

use crate::accept::{Places, accept};
use crate::auth::{Authenticate, Jwt};
use crate::clients::Clients;
use crate::config::GateConfig;
use crate::deliver::Deliveries;
use crate::methods::{Methods, learn};
use crate::out::Total;
use crate::stats::GateStats;
use crate::transport::{Admission, Protocol};

/// Lets clients in, and carries their calls to the services that they may call: `App::load()?.component(Gate::new())`.
///
/// Sessions live in any app that serves them, this one or another. Configured by `[gate]` ([`GateConfig`]). Clones are the same
/// gate.
///
/// ```no_run
/// use guildhall_gate::{Gate, SessionActor, SessionServer};
/// use guildhall_runtime::{App, StartError};
///
/// fn main() -> Result<(), StartError> {
///     let app = App::load()?.component(Gate::new());
///     app.actor::<SessionActor, _>(|a| a.serve(SessionServer)).run()
/// }
/// ```
#[derive(Clone)]
pub struct Gate {
    authenticate: Option<Arc<dyn Authenticate>>,
    pub(crate) shared: Arc<Shared>,
}

/// What exists before the gate has started, and what its service needs.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) stats: Arc<GateStats>,
    pub(crate) clients: Clients,
    pub(crate) methods: Arc<Methods>,
    pub(crate) draining: CancellationToken,
    places: OnceLock<Arc<Places>>,
    tcp: OnceLock<SocketAddr>,
    websocket: OnceLock<SocketAddr>,
}

/// What all connections share.
pub(crate) struct Edge {
    pub(crate) cx: Cx,
    pub(crate) config: GateConfig,
    /// Methods with a rate of their own, and how many per second.
    pub(crate) rates: Vec<(u32, u32)>,
    pub(crate) authenticate: Arc<dyn Authenticate>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) places: Arc<Places>,
    /// What waits for all clients.
    pub(crate) queued: Arc<Total>,
}

impl Edge {
    /// What a client reads: what went wrong inside is nothing for clients, who get an id, and the log the text.
    pub(crate) fn public_text<'s>(&self, status: &'s Status) -> Cow<'s, str> {
        if !matches!(status.code(), Code::Internal | Code::Unknown | Code::DataLoss) {
            return Cow::Borrowed(status.message());
        }
        let trace = format!("{:016x}", self.cx.env().random());
        tracing::error!(trace, %status, "a client is told of an internal error");
        Cow::Owned(format!("internal error, trace {trace}"))
    }
}

impl Gate {
    /// A gate that checks JSON Web Tokens (`[gate.jwt]`).
    pub fn new() -> Self {
        let shared = Shared {
            stats: Arc::default(),
            clients: Clients::default(),
            methods: Arc::default(),
            draining: CancellationToken::new(),
            places: OnceLock::new(),
            tcp: OnceLock::new(),
            websocket: OnceLock::new(),
        };
        Self { authenticate: None, shared: Arc::new(shared) }
    }

    /// Decides who a client is in another way; `[gate.jwt]` is ignored then.
    #[must_use]
    pub fn authenticate(mut self, authenticate: impl Authenticate) -> Self {
        self.authenticate = Some(Arc::new(authenticate));
        self
    }

    /// What the gate has counted.
    pub fn stats(&self) -> Arc<GateStats> {
        Arc::clone(&self.shared.stats)
    }

    /// Whether the gate has learnt the methods of this service. Some app has served it, then; one may or may not serve it now.
    pub fn knows(&self, service: &str) -> bool {
        let known = self.shared.methods.known();
        known.methods.values().any(|learnt| learnt.desc.service == service)
    }

    /// Where it takes TCP, when it has started and does.
    pub fn tcp_addr(&self) -> Option<SocketAddr> {
        self.shared.tcp.get().copied()
    }

    /// Where it takes WebSocket, when it has started and does.
    pub fn websocket_addr(&self) -> Option<SocketAddr> {
        self.shared.websocket.get().copied()
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gate").field("shared", &self.shared).finish_non_exhaustive()
    }
}

impl Component for Gate {
    fn services(self: Arc<Self>) -> Vec<Arc<dyn Service>> {
        vec![Arc::new(GateServer::new(Deliveries(Arc::clone(&self.shared))))]
    }

    fn start<'a>(
        self: Arc<Self>,
        config: &'a Config,
        cx: Cx,
    ) -> BoxFuture<'a, Result<(), StartError>> {
        Box::pin(async move {
            self.shared.stats.register(cx.metrics())?;
            let config: GateConfig = config.section("gate")?;
            self.open(config, cx).await.map_err(StartError::new)
        })
    }

    fn drain(self: Arc<Self>, _cx: Cx) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            self.shared.draining.cancel();
            if let Some(places) = self.shared.places.get() {
                places.empty().await;
            }
        })
    }
}

impl Gate {
    async fn open(&self, config: GateConfig, cx: Cx) -> Result<(), String> {
        if config.tcp.is_empty() && config.websocket.is_empty() {
            return Err(
                "a gate needs an address: set gate.tcp or gate.websocket to host:port".into()
            );
        }
        let authenticate = match &self.authenticate {
            Some(authenticate) => Arc::clone(authenticate),
            None => Arc::new(Jwt::load(&config.jwt)?),
        };
        let stats = Arc::clone(&self.shared.stats);
        let places = Places::new(stats, config.connections_max, config.connections_per_address);
        if self.shared.places.set(Arc::clone(&places)).is_err() {
            return Err("a gate starts once: give each app its own Gate::new()".into());
        }
        let rate = |(path, per_s): (&String, &u32)| {
            (Method::Path(path.trim_start_matches('/').to_owned()).id(), *per_s)
        };
        let edge = Arc::new(Edge {
            rates: config.rates.iter().map(rate).collect(),
            shared: Arc::clone(&self.shared),
            cx: cx.clone(),
            authenticate,
            queued: Total::new(config.queued_total_max),
            config,
            places,
        });
        let (tcp, websocket) = (&edge.config.tcp, &edge.config.websocket);
        listen(&edge, "gate.tcp", tcp, Protocol::Tcp, &self.shared.tcp).await?;
        let admission = Admission {
            path: edge.config.websocket_path.as_str().into(),
            origins: edge.config.origins.clone().into(),
        };
        let protocol = Protocol::WebSocket(admission);
        listen(&edge, "gate.websocket", websocket, protocol, &self.shared.websocket).await?;
        let methods = Arc::clone(&self.shared.methods);
        let learning = learn(cx.clone(), methods, edge.config.methods_max);
        cx.env().spawn("gate-methods", learning);
        Ok(())
    }
}

/// Binds `address`, if there is one, and accepts.
async fn listen(
    edge: &Arc<Edge>,
    key: &str,
    address: &str,
    protocol: Protocol,
    bound: &OnceLock<SocketAddr>,
) -> Result<(), String> {
    if address.is_empty() {
        return Ok(());
    }
    let env = edge.cx.env();
    let (listener, local) = env.listen(key, address).await?;
    bound.get_or_init(|| local);
    env.spawn("gate-accept", accept(Arc::clone(edge), listener, protocol));
    Ok(())
}
