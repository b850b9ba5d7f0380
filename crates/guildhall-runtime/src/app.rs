//! [`App`]: from services and configuration to something that runs, and back to nothing without losing a call.

mod in_flight;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use guildhall_core::backend::BuiltIn;
use guildhall_core::config::{Config, ConfigError};
use guildhall_core::discovery::{Discovery, NodeRecord, NodeState};
use guildhall_core::{AppId, Env, Incarnation, Plugin};
use parking_lot::RwLock;
use tokio::sync::watch;

use crate::call::RetryBudget;
use crate::config::{AppConfig, CallConfig, LinkConfig};
use crate::cx::Cx;
use crate::link::{listen, self_loop};
use crate::mesh::{self, Mesh};
use crate::service::{Service, ServiceTable};
use crate::signals;
use in_flight::InFlight;

/// An app that does not run yet.
///
/// ```no_run
/// use guildhall_runtime::App;
/// fn main() -> Result<(), guildhall_runtime::StartError> {
///     App::load()?.run()
/// }
/// ```
pub struct App {
    config: Config,
    env: Env,
    services: Vec<Arc<dyn Service>>,
    plugins: Vec<Arc<dyn Plugin>>,
    discovery: Option<Arc<dyn Discovery>>,
}

/// Why an app did not start: what is wrong, and what to do.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct StartError(String);

/// `main` prints this, so it reads like the message.
impl std::fmt::Debug for StartError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<ConfigError> for StartError {
    fn from(error: ConfigError) -> Self {
        Self(error.to_string())
    }
}

/// What all parts of a running app share.
pub(crate) struct AppInner {
    pub(crate) id: AppId,
    pub(crate) env: Env,
    pub(crate) links: LinkConfig,
    pub(crate) calls: CallConfig,
    pub(crate) services: ServiceTable,
    pub(crate) mesh: Mesh,
    pub(crate) retries: RetryBudget,
    pub(crate) draining: watch::Sender<bool>,
    pub(crate) in_flight: InFlight,
    record: RwLock<NodeRecord>,
}

impl AppInner {
    pub(crate) fn record(&self) -> NodeRecord {
        self.record.read().clone()
    }
}

impl App {
    /// Reads the configuration of this process: `guildhall.toml` or `--config FILE`, the environment, `--set key=value`.
    ///
    /// # Errors
    /// What is wrong with it, where, and what to write instead.
    pub fn load() -> Result<Self, StartError> {
        let (config, rest) = Config::from_process_args()?;
        if let Some(arg) = rest.first() {
            let why =
                format!("unknown argument `{arg}`; there are --config FILE and --set key=value");
            return Err(StartError(why));
        }
        Ok(Self::with(config))
    }

    /// Takes a configuration that the program made.
    pub fn with(config: Config) -> Self {
        Self {
            config,
            env: Env::real(),
            services: Vec::new(),
            plugins: vec![Arc::new(BuiltIn)],
            discovery: None,
        }
    }

    /// Serves a service; one app serves any number.
    #[must_use]
    pub fn serve(mut self, service: impl Service) -> Self {
        self.services.push(Arc::new(service));
        self
    }

    /// Adds a vendor, so that URLs with its schemes can be opened.
    #[must_use]
    pub fn plugin(mut self, plugin: impl Plugin) -> Self {
        self.plugins.push(Arc::new(plugin));
        self
    }

    /// Runs in another world: a simulator's.
    #[must_use]
    pub fn env(mut self, env: Env) -> Self {
        self.env = env;
        self
    }

    /// Uses this discovery and not the one of `app.discovery`: for several apps in one process.
    #[must_use]
    pub fn discovery(mut self, discovery: Arc<dyn Discovery>) -> Self {
        self.discovery = Some(discovery);
        self
    }

    /// Runs until SIGTERM or SIGINT, then drains. Owns its runtime.
    ///
    /// # Errors
    /// As [`App::start`].
    pub fn run(self) -> Result<(), StartError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|e| StartError(format!("no runtime: {e}")))?;
        runtime.block_on(async {
            let app = self.start().await?;
            signals::shutdown().await;
            tokio::select! {
                biased;
                () = app.shutdown() => {}
                // The second signal: now.
                () = signals::shutdown() => {}
            }
            Ok(())
        })
    }

    /// Starts on the caller's runtime.
    ///
    /// # Errors
    /// A wrong configuration, an address that cannot be bound, a backend that cannot be opened.
    pub async fn start(self) -> Result<RunningApp, StartError> {
        let config: AppConfig = self.config.section("app")?;
        let links: LinkConfig = self.config.section("link")?;
        let calls: CallConfig = self.config.section("call")?;
        self.config.check_unclaimed()?;
        let id: AppId = config.id.parse().map_err(|e| StartError(format!("app.id: {e}")))?;
        if config.slots == 0 {
            return Err(StartError("app.slots is 0; it must be at least 1".into()));
        }
        let mut services = ServiceTable::default();
        for service in &self.services {
            services.add(service).map_err(StartError)?;
        }
        let listener = bind(&self.env, &links).await?;
        let link_addr = listener.as_ref().map(|(_, addr)| *addr);
        let discovery = self.open_discovery(&config).await?;
        let env = self.env;
        let random = u16::try_from(env.random() & 0xffff).unwrap_or_default();
        let record = NodeRecord {
            id: id.clone(),
            incarnation: Incarnation::new(env.wall(), random),
            logic_addr: None,
            endpoints: endpoints(&links, link_addr),
            version: config.version,
            weight: config.weight,
            load: 0,
            export: false,
            state: NodeState::Ready,
            services: services.names.clone(),
            descriptors_hash: bytes::Bytes::new(),
            labels: BTreeMap::new(),
        };
        let inner = Arc::new(AppInner {
            mesh: Mesh::new(env.clone(), config.slots),
            retries: RetryBudget::new(calls.retry_percent),
            draining: watch::Sender::new(false),
            in_flight: InFlight::default(),
            record: RwLock::new(record.clone()),
            id,
            env,
            links,
            calls,
            services,
        });
        inner.mesh.connected(record, self_loop(&inner));
        let mut tasks = Vec::new();
        if let Some((listener, _)) = listener {
            tasks.push(inner.env.spawn("link-listen", listen(Arc::clone(&inner), listener)));
        }
        let ttl = Duration::from_millis(config.discovery_ttl_ms);
        let heartbeat = heartbeat(Arc::clone(&inner), Arc::clone(&discovery), ttl);
        tasks.push(inner.env.spawn("discovery-register", heartbeat));
        let watching = mesh::watch(Arc::clone(&inner), Arc::clone(&discovery));
        tasks.push(inner.env.spawn("discovery-watch", watching));
        let drain = Duration::from_millis(config.drain_ms);
        Ok(RunningApp { inner, link_addr, discovery, drain, tasks })
    }

    async fn open_discovery(&self, config: &AppConfig) -> Result<Arc<dyn Discovery>, StartError> {
        if let Some(discovery) = &self.discovery {
            return Ok(Arc::clone(discovery));
        }
        let url = &config.discovery;
        let scheme = url.split(':').next().unwrap_or_default();
        let plugin = self.plugins.iter().find(|plugin| plugin.schemes().contains(&scheme));
        let plugin = plugin.ok_or_else(|| {
            let known: Vec<&str> = self.plugins.iter().flat_map(|p| p.schemes()).copied().collect();
            let known = known.join(", ");
            StartError(format!(
                "app.discovery = \"{url}\": no plugin has the scheme `{scheme}`; there are {known}"
            ))
        })?;
        let backend = plugin.open(&self.env, url).await;
        let backend = backend.map_err(|e| StartError(format!("app.discovery: {e}")))?;
        backend.discovery.ok_or_else(|| StartError(format!("app.discovery: {url} is no discovery")))
    }
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("services", &self.services.len()).finish_non_exhaustive()
    }
}

type Bound = Option<(Box<dyn guildhall_core::env::Listener>, SocketAddr)>;

async fn bind(env: &Env, links: &LinkConfig) -> Result<Bound, StartError> {
    if links.listen.is_empty() {
        return Ok(None);
    }
    let wrong = |e: std::io::Error| StartError(format!("link.listen = \"{}\": {e}", links.listen));
    let listener = env.net().bind(&links.listen).await.map_err(wrong)?;
    let addr = listener.local_addr().map_err(wrong)?;
    if links.secret.is_empty() && !addr.ip().is_loopback() {
        let why = format!(
            "link.listen = \"{addr}\" is outside loopback and there is no link.secret; set the same one on all apps"
        );
        return Err(StartError(why));
    }
    Ok(Some((listener, addr)))
}

fn endpoints(links: &LinkConfig, bound: Option<SocketAddr>) -> BTreeMap<String, String> {
    let address = match (links.advertise.as_str(), bound) {
        (_, None) => return BTreeMap::new(),
        ("", Some(bound)) => bound.to_string(),
        (advertise, Some(_)) => advertise.to_owned(),
    };
    BTreeMap::from([("link".to_owned(), address)])
}

/// Registers, again and again, until the app ends.
async fn heartbeat(app: Arc<AppInner>, discovery: Arc<dyn Discovery>, ttl: Duration) {
    loop {
        if let Err(error) = discovery.register(&app.record(), ttl).await {
            tracing::warn!(%error, "not registered; others may not find this app");
        }
        app.env.sleep(ttl / 3).await;
    }
}

/// An app that runs. Dropping it does not stop it; [`RunningApp::shutdown`] does.
pub struct RunningApp {
    inner: Arc<AppInner>,
    link_addr: Option<SocketAddr>,
    discovery: Arc<dyn Discovery>,
    drain: Duration,
    tasks: Vec<tokio::task::JoinHandle<Option<()>>>,
}

impl RunningApp {
    /// A context to make calls from, outside of any call.
    pub fn cx(&self) -> Cx {
        Cx { app: Arc::clone(&self.inner), deadline: None, caller: None }
    }

    /// Where the app listens for links, if it does.
    pub fn link_addr(&self) -> Option<SocketAddr> {
        self.link_addr
    }

    /// Drains and stops: peers send no new calls, the calls that run end or `app.drain_ms` is over.
    ///
    /// # Cancel safety
    /// Dropped, it stops nothing that it has not stopped yet.
    pub async fn shutdown(self) {
        let inner = &self.inner;
        inner.record.write().state = NodeState::Draining;
        inner.draining.send_replace(true);
        let incarnation = inner.record().incarnation;
        if let Err(error) = self.discovery.deregister(&inner.id, incarnation).await {
            tracing::warn!(%error, "not deregistered; the record goes with its TTL");
        }
        let deadline = inner.env.now() + self.drain;
        if inner.env.until(deadline, inner.in_flight.wait_empty()).await.is_none() {
            tracing::warn!("calls still ran at the end of app.drain_ms; they are dropped");
        }
        // The last replies leave their sockets.
        inner.env.sleep(Duration::from_millis(20)).await;
        inner.env.kill();
        // Its address is free when this returns.
        for task in self.tasks {
            let _killed = task.await;
        }
    }
}

impl std::fmt::Debug for RunningApp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RunningApp").field("id", &self.inner.id).finish_non_exhaustive()
    }
}
