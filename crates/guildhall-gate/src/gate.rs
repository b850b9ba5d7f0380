//! [`Gate`]: the component that accepts client connections.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use guildhall_core::BoxFuture;
use guildhall_core::config::Config;
use guildhall_runtime::codegen::Service;
use guildhall_runtime::proto::GateServer;
use guildhall_runtime::{Component, Cx, StartError};
use guildhall_wire::Method;

use crate::accept::accept;
use crate::auth::{Authenticate, Jwt};
use crate::config::GateConfig;
use crate::deliver::Deliveries;
use crate::edge::{Edge, Shared};
use crate::methods::learn;
use crate::out::Total;
use crate::places::Places;
use crate::stats::GateStats;
use crate::tls::Tls;
use crate::transport::{Admission, Protocol};

/// A component that accepts client connections and forwards their calls to the services of the cluster.
///
/// Clients can call methods with `client: true` only. `[gate]` ([`GateConfig`]) configures the addresses and limits; a gate without
/// `gate.tcp` and `gate.websocket` is a start error. Sessions are actors ([`SessionActor`](crate::SessionActor)), which this app or another one has to serve.
/// Clones are the same gate; each app needs its own.
///
/// # Examples
/// ```no_run
/// use guildhall::App;
/// use guildhall::gate::{Gate, SessionActor, SessionServer};
///
/// fn main() -> guildhall::Result {
///     let app = App::load()?.component(Gate::new());
///     app.actor::<SessionActor>(SessionServer).run()
/// }
/// ```
///
/// A client of this gate is in the examples of `guildhall_client::Client`.
#[derive(Clone)]
pub struct Gate {
    authenticate: Option<Arc<dyn Authenticate>>,
    shared: Arc<Shared>,
}

impl Gate {
    /// Makes a gate that verifies JSON Web Tokens (`[gate.jwt]`).
    pub fn new() -> Self {
        Self { authenticate: None, shared: Arc::default() }
    }

    /// Replaces the verification of JSON Web Tokens; `[gate.jwt]` is ignored then.
    #[must_use]
    pub fn authenticate(mut self, authenticate: impl Authenticate) -> Self {
        self.authenticate = Some(Arc::new(authenticate));
        self
    }

    /// The gate's counters, which are also metrics of the app.
    pub fn stats(&self) -> Arc<GateStats> {
        Arc::clone(&self.shared.stats)
    }

    /// Whether the gate knows the methods of a service: an app has served it since the gate started, and may have ended since.
    pub fn knows(&self, service: &str) -> bool {
        let known = self.shared.methods.known();
        known.methods.values().any(|learnt| learnt.desc.service == service)
    }

    /// The bound address for TCP clients; `None` before the start, and without `gate.tcp`.
    pub fn tcp_addr(&self) -> Option<SocketAddr> {
        self.shared.tcp.get().copied()
    }

    /// The bound address for WebSocket clients; `None` before the start, and without `gate.websocket`.
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
            self.open(config, cx).await.map_err(|why| StartError::setting("gate", why))
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
        let tls = Tls::load(cx.env(), &config)?.map(Arc::new);
        if let Some(tls) = &tls {
            cx.env().spawn("gate-tls", Arc::clone(tls).follow());
        }
        let edge = Arc::new(Edge {
            tls,
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
