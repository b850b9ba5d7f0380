//! [`App`]: from services and configuration to something that runs.

mod hooks;
mod running;

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use guildhall_core::backend::BuiltIn;
use guildhall_core::broker::Broker;
use guildhall_core::config::{Config, ConfigError};
use guildhall_core::discovery::{Discovery, NodeRecord, NodeState};
use guildhall_core::env::Listener;
use guildhall_core::leases::Leases;
use guildhall_core::queue::Queue;
use guildhall_core::store::{Store, Table};
use guildhall_core::{AppId, BoxFuture, Env, Incarnation, Plugin};
use guildhall_entity::Entity;
use parking_lot::RwLock;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::actor::{
    Actor, ActorConfig, ActorServices, ActorSetup, ActorType, Admin, AnyRoom, Home, Registered,
    Runner, Saver, World, keep_residents,
};
use crate::admin;
use crate::backends::{Backends, Given, LazyBackends, Opener, check_reach};
use crate::call::RetryBudget;
use crate::component::Component;
use crate::config::{AppConfig, CallConfig, LinkConfig, SaveConfig};
use crate::counters::{Counters, ServedMeters};
use crate::cx::Cx;
use crate::health::{Health, HealthCheck};
use crate::lane::Lane;
use crate::link::{Tls, listen, self_loop};
use crate::live_count::LiveCount;
use crate::log::{self, LogConfig, LogControl};
use crate::mesh::{self, Mesh, Place};
use crate::metrics::{Metrics, MetricsConfig};
use crate::node::ThisNode;
use crate::numbers::logic_addr;
use crate::proto::{IdStateEntity, NodeServer, RawServer};
use crate::raw_cast::{RawHandler, RawHandlers};
use crate::reload::{ReloadSetup, Reloads};
use crate::rows::Tables;
use crate::service::{Service, ServiceTable};
use crate::signals;
use crate::stream::{Stream, StreamHandlers, Streams};
use crate::topic::Topics;
use crate::trace::{SpanExporter, StdoutSpans, TraceConfig, Tracer};
use crate::trips::Trips;
use crate::worker::{Threads, Workers};

pub use hooks::HookError;
pub use running::RunningApp;

use hooks::Hooks;

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
    actors: Vec<ActorType>,
    components: Vec<Arc<dyn Component>>,
    plugins: Vec<Arc<dyn Plugin>>,
    checks: Vec<HealthCheck>,
    spans: Option<Arc<dyn SpanExporter>>,
    raw: Vec<(u16, RawHandler)>,
    hooks: Hooks,
    stream_handlers: StreamHandlers,
    given: Given,
    tables: Vec<&'static Table>,
    pub(crate) reloads: ReloadSetup,
}

pub(crate) type Task = JoinHandle<Option<()>>;

/// Why an app did not start: what is wrong, and what to do.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct StartError(String);

impl StartError {
    /// Says what is wrong, where, and what to do.
    pub fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

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
    pub(crate) incarnation: Incarnation,
    pub(crate) env: Env,
    pub(crate) slots: u32,
    pub(crate) links: LinkConfig,
    pub(crate) tls: Option<Tls>,
    pub(crate) streams: Streams,
    pub(crate) calls: CallConfig,
    pub(crate) save: SaveConfig,
    pub(crate) services: ServiceTable,
    pub(crate) backends: LazyBackends,
    pub(crate) topics: Topics,
    pub(crate) callbacks: LiveCount,
    pub(crate) reloads: Reloads,
    /// Given back when the app has ended, so that a forgotten `Cx` keeps no file open.
    store: RwLock<Option<Arc<dyn Store>>>,
    pub(crate) tables: Tables,
    pub(crate) saver: Saver,
    pub(crate) workers: Workers,
    /// One per worker.
    pub(crate) runners: Vec<Arc<Runner>>,
    rooms: Vec<Arc<dyn AnyRoom>>,
    pub(crate) actors: Vec<Arc<dyn Admin>>,
    pub(crate) mesh: Mesh,
    pub(crate) retries: RetryBudget,
    /// Wakes its waiters in their order, which a watch channel does not: a simulation would not repeat itself.
    pub(crate) draining: CancellationToken,
    pub(crate) in_flight: LiveCount,
    pub(crate) metrics: Metrics,
    pub(crate) counters: Counters,
    pub(crate) health: Arc<Health>,
    /// Where spans have somewhere to go.
    pub(crate) tracer: Option<Arc<Tracer>>,
    /// Where `App::run` has begun to log.
    pub(crate) log: Option<LogControl>,
    pub(crate) admin_addr: OnceLock<SocketAddr>,
    record: RwLock<NodeRecord>,
}

impl AppInner {
    pub(crate) fn record(&self) -> NodeRecord {
        self.record.read().clone()
    }

    pub(crate) fn store(&self) -> Option<Arc<dyn Store>> {
        self.store.read().clone()
    }

    /// The epoch under which this life of the app claims rows. Until leases grant them, a later life has a larger one.
    pub(crate) fn epoch(&self) -> u64 {
        self.incarnation.started_ms()
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
            services: vec![Arc::new(NodeServer::new(ThisNode::default()))],
            actors: Vec::new(),
            components: Vec::new(),
            plugins: vec![Arc::new(BuiltIn)],
            checks: Vec::new(),
            spans: None,
            raw: Vec::new(),
            hooks: Hooks::default(),
            stream_handlers: StreamHandlers::default(),
            given: Given::default(),
            tables: Vec::new(),
            reloads: ReloadSetup::default(),
        }
    }

    /// Serves a service; one app serves any number.
    #[must_use]
    pub fn serve(mut self, service: impl Service) -> Self {
        self.services.push(Arc::new(service));
        self
    }

    /// Serves services by actors: `.actor::<Player, _>(|a| a.serve(RoleServer))`. Several services share one mailbox.
    #[must_use]
    pub fn actor<A: Actor, S: ActorServices<A>>(
        mut self,
        services: impl FnOnce(ActorSetup<A, ()>) -> ActorSetup<A, S>,
    ) -> Self {
        // What it returns is known by its type.
        let _named: ActorSetup<A, S> = services(ActorSetup::new());
        self.actors.push(ActorType { name: A::NAME, open: crate::actor::open::<A, S> });
        self
    }

    /// Adds the table of an entity that no actor owns, for [`Cx::table`].
    #[must_use]
    pub fn table<E: Entity>(mut self) -> Self {
        self.tables.push(E::TABLE);
        self
    }

    /// Adds the table that [`Cx::next_id`] takes its ids from.
    #[must_use]
    pub fn ids(self) -> Self {
        self.table::<IdStateEntity>()
    }

    /// Adds a component: a gate, an HTTP server.
    #[must_use]
    pub fn component(mut self, component: impl Component) -> Self {
        let component = Arc::new(component);
        self.services.extend(Arc::clone(&component).services());
        self.components.push(component);
        self
    }

    /// Adds a vendor, so that URLs with its schemes can be opened.
    #[must_use]
    pub fn plugin(mut self, plugin: impl Plugin) -> Self {
        self.plugins.push(Arc::new(plugin));
        self
    }

    /// Gives the raw casts with this command to `handler`, with the app that they came from: see [`Cx::raw_cast`].
    #[must_use]
    pub fn on_raw<F, Fut>(mut self, command: u16, handler: F) -> Self
    where
        F: Fn(Cx, AppId, Bytes) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let handler: RawHandler =
            Box::new(move |cx, from, bytes| Box::pin(handler(cx, from, bytes)));
        self.raw.push((command, handler));
        self
    }

    /// Sends spans of traces there, and not where `[trace] export` says.
    #[must_use]
    pub fn spans(mut self, exporter: Arc<dyn SpanExporter>) -> Self {
        self.spans = Some(exporter);
        self
    }

    /// Checks a part of the game whenever somebody asks how the app is (`/readyz`, `/metrics`): what `check` finds wrong makes the
    /// app not ready. It is asked often and must not block.
    #[must_use]
    pub fn health(
        mut self,
        name: impl Into<String>,
        check: impl Fn(&Cx) -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        self.checks.push(HealthCheck { name: name.into(), check: Box::new(check) });
        self
    }

    /// Serves the streams that others open with [`Cx::open_stream`] under `name`. A stream ends when its handler does.
    #[must_use]
    pub fn on_stream<F>(
        mut self,
        name: &'static str,
        handler: impl Fn(Cx, Stream) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let handler = move |cx, stream| -> BoxFuture<'static, ()> { Box::pin(handler(cx, stream)) };
        self.stream_handlers.insert(name, Arc::new(handler));
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
        self.given.discovery = Some(discovery);
        self
    }

    /// Uses this broker and not the one of `app.broker`: for several apps in one process.
    #[must_use]
    pub fn broker(mut self, broker: Arc<dyn Broker>) -> Self {
        self.given.broker = Some(broker);
        self
    }

    /// Uses this queue and not the one of `app.queue`: for several apps in one process.
    #[must_use]
    pub fn queue(mut self, queue: Arc<dyn Queue>) -> Self {
        self.given.queue = Some(queue);
        self
    }

    /// Uses these leases and not those of `app.leases`: for several apps in one process.
    #[must_use]
    pub fn leases(mut self, leases: Arc<dyn Leases>) -> Self {
        self.given.leases = Some(leases);
        self
    }

    /// Uses this store and not the one of `app.store`: for several apps in one process.
    #[must_use]
    pub fn store(mut self, store: Arc<dyn Store>) -> Self {
        self.given.store = Some(store);
        self
    }

    /// Runs until SIGTERM or SIGINT, then drains; SIGHUP reloads. Owns its threads: `app.workers` of them.
    ///
    /// # Errors
    /// As [`App::start`].
    pub fn run(self) -> Result<(), StartError> {
        let log = log::install(&self.config.section("log")?, &self.env)?;
        let result = self.run_logged(log.clone());
        // What was logged to the end is written to the end.
        log.inspect(LogControl::flush);
        result
    }

    fn run_logged(mut self, log: Option<LogControl>) -> Result<(), StartError> {
        if let Some(log) = log.clone() {
            self = self.reload_section("log.level", move |config| log.reload(config));
        }
        let no_runtime = |e| StartError(format!("no runtime: {e}"));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.map_err(no_runtime)?.block_on(async {
            let config: AppConfig = self.config.section("app")?;
            let cores = std::thread::available_parallelism().map_or(1, usize::from);
            let count = if config.workers == 0 { cores } else { config.workers };
            let (_threads, workers) = Threads::start(count).map_err(no_runtime)?;
            let mut hangups = signals::Hangups::new();
            let app = self.start_on(workers, log).await?;
            tokio::select! {
                biased;
                () = signals::shutdown() => {}
                () = hangups.each(|| app.reload()) => {}
            }
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
        self.start_on(Workers::current(), None).await
    }

    #[allow(clippy::too_many_lines, reason = "each part of an app has its line here")]
    async fn start_on(
        self,
        workers: Workers,
        log: Option<LogControl>,
    ) -> Result<RunningApp, StartError> {
        let Self {
            config,
            env,
            mut services,
            actors,
            components,
            plugins,
            checks,
            spans,
            raw,
            mut hooks,
            stream_handlers,
            given,
            tables,
            reloads,
        } = self;
        services.push(Arc::new(RawServer::new(RawHandlers::new(raw)?)));
        let app: AppConfig = config.section("app")?;
        let links = config.section::<LinkConfig>("link")?.check()?;
        let calls: CallConfig = config.section("call")?;
        let save: SaveConfig = config.section("save")?;
        actors.iter().for_each(|actor| config.claim(&format!("actor.{}", actor.name)));
        let actor: ActorConfig = config.section("actor")?;
        let id: AppId = app.id.parse().map_err(|e| StartError(format!("app.id: {e}")))?;
        if app.slots == 0 {
            return Err(StartError("app.slots is 0; it must be at least 1".into()));
        }
        let metrics = Metrics::new(env.clone(), config.section::<MetricsConfig>("metrics")?);
        let counters = Counters::new(&metrics)?;
        config.section::<LogConfig>("log")?.check()?;
        let help = "Lines of the log that were dropped: log.queue_max of them waited already";
        if let Some(log) = &log {
            metrics.counter("guildhall_log_dropped_total", help, &[])?.adopt(&[], &log.dropped);
        }
        let health = Arc::new(Health::new(&metrics, checks)?);
        let tracer = tracer(&env, &id, config.section("trace")?, spans, &metrics)?;
        let world = World { env: &env, metrics: &metrics, workers: workers.len() };
        let open = |kind: ActorType| (kind.open)(&config, &actor, &world);
        let lanes: Vec<_> = services.iter().filter_map(|service| service.lane().cloned()).collect();
        lanes.iter().try_for_each(|lane| lane.open(&id, &config))?;
        let actors = actors.into_iter().map(open).collect::<Result<Vec<Registered>, _>>()?;
        let homes: Vec<_> = actors.iter().filter_map(|actor| actor.home.clone()).collect();
        let tables = Tables::new(&config, tables, &actors)?;
        let services = services.iter().chain(actors.iter().flat_map(|a| &a.services));
        let services = table(ServedMeters::new(&metrics)?, services)?;
        let reloads = reloads.open(&env, &metrics, &config, &services).await?;
        let opener = Opener::new(env.clone(), config.clone(), id.clone(), plugins);
        let backends = Backends::open(opener, &app, given, &tables).await?;
        for actor in &actors {
            check_reach(backends.store.as_ref(), &actor.tables)?;
        }
        let store = match (backends.store, tables.all().first()) {
            (Some(store), Some(table)) => {
                Some(Arc::new(Trips::new(store, table, &env, &metrics, &health, tracer.clone())?)
                    as Arc<dyn Store>)
            }
            (store, _) => store,
        };
        let tls = Tls::load(&env, &links)?;
        let listener = bind(&env, &links).await?;
        let (listener, link_addr) = listener.unzip();
        let logic_addr = logic_addr(&app, &id)?;
        let record = record(&env, id, &app, endpoints(&links, link_addr), &services);
        let record = NodeRecord { logic_addr, ..record };
        let inner = Arc::new(AppInner {
            mesh: Mesh::new(env.clone(), record.id.clone(), app.slots),
            retries: RetryBudget::new(calls.retry_percent),
            draining: CancellationToken::new(),
            in_flight: LiveCount::new(counters.in_flight.clone()),
            callbacks: LiveCount::new(counters.callbacks.clone()),
            metrics,
            counters,
            health,
            tracer,
            log,
            admin_addr: OnceLock::new(),
            record: RwLock::new(record.clone()),
            runners: (0..workers.len()).map(|_| Arc::default()).collect(),
            actors: actors.iter().map(|actor| Arc::clone(&actor.admin)).collect(),
            rooms: lanes.iter().map(Lane::room).chain(actors.into_iter().map(|a| a.room)).collect(),
            saver: Saver::default(),
            topics: Topics::new(config.section("broker")?, backends.broker),
            backends: backends.later,
            streams: Streams::new(config.section("stream")?, stream_handlers)?,
            store: RwLock::new(store),
            tables,
            slots: app.slots,
            workers,
            id: record.id.clone(),
            incarnation: record.incarnation,
            env,
            links,
            tls,
            calls,
            save,
            services,
            reloads,
        });
        let mut tasks = inner.begin_actors();
        if let Some(tracer) = &inner.tracer {
            tasks.push(inner.env.spawn("trace", Arc::clone(tracer).drive()));
        }
        if let Some((addr, task)) = admin::open(&inner, config.section("admin")?).await? {
            inner.admin_addr.get_or_init(|| addr);
            tasks.push(task);
        }
        tasks.extend(inner.watch_resources());
        inner.mesh.connected(record, Place::ONLY, self_loop(&inner));
        if let Err(error) = inner.start_parts(&app, &mut hooks, &components, &config).await {
            inner.env.kill();
            return Err(error);
        }
        let discovery = backends.discovery;
        let ttl = Duration::from_millis(app.discovery_ttl_ms);
        tasks.extend(inner.join(listener, &discovery, ttl, homes));
        inner.health.started();
        let ending = hooks.ready(&inner);
        let drain = Duration::from_millis(app.drain_ms);
        Ok(RunningApp { inner, components, link_addr, discovery, drain, tasks, ending })
    }
}

impl AppInner {
    /// Starts what the game has added: hooks before components, so that no client is there before they are done.
    async fn start_parts(
        self: &Arc<Self>,
        app: &AppConfig,
        hooks: &mut Hooks,
        components: &[Arc<dyn Component>],
        config: &Config,
    ) -> Result<(), StartError> {
        hooks.start(self, Duration::from_millis(app.start_ms)).await?;
        for component in components {
            Arc::clone(component).start(config, Cx::outside(Arc::clone(self))).await?;
        }
        Ok(config.check_unclaimed()?)
    }

    /// Tells the others that this app is there, and finds them.
    fn join(
        self: &Arc<Self>,
        listener: Option<Box<dyn Listener>>,
        discovery: &Arc<dyn Discovery>,
        ttl: Duration,
        homes: Vec<Arc<dyn Home>>,
    ) -> Vec<Task> {
        let mut tasks = Vec::new();
        if let Some(listener) = listener {
            tasks.push(self.env.spawn("link-listen", listen(Arc::clone(self), listener)));
        }
        let heartbeat = heartbeat(Arc::clone(self), Arc::clone(discovery), ttl);
        tasks.push(self.env.spawn("discovery-register", heartbeat));
        let watching = mesh::watch(Arc::clone(self), Arc::clone(discovery), ttl);
        tasks.push(self.env.spawn("discovery-watch", watching));
        tasks.push(self.env.spawn("residents", keep_residents(Arc::clone(self), homes)));
        tasks
    }

    /// Starts what runs actors and saves them.
    fn begin_actors(self: &Arc<Self>) -> Vec<Task> {
        /// Ends the actors when the app is killed.
        struct Abandon(Arc<AppInner>);
        impl Drop for Abandon {
            fn drop(&mut self) {
                self.0.rooms.iter().for_each(|room| room.abandon());
            }
        }
        let mut tasks = Vec::new();
        for (at, runner) in self.runners.iter().enumerate() {
            let (runner, app) = (Arc::clone(runner), Abandon(Arc::clone(self)));
            let env = self.env.clone();
            tasks.push(self.env.spawn_on(self.workers.get(at), "actors", async move {
                let _app = &app;
                runner.drive(env).await;
            }));
        }
        if let Some(store) = self.store() {
            let app = Arc::clone(self);
            tasks.push(self.env.spawn("saver", async move {
                let tracer = app.tracer.as_ref();
                app.saver.drive(app.env.clone(), store, &app.counters, &app.save, tracer).await;
            }));
        }
        tasks
    }
}

/// What makes spans, where they have somewhere to go.
fn tracer(
    env: &Env,
    id: &AppId,
    config: TraceConfig,
    exporter: Option<Arc<dyn SpanExporter>>,
    metrics: &Metrics,
) -> Result<Option<Arc<Tracer>>, StartError> {
    config.check()?;
    let exporter = match exporter {
        Some(exporter) => exporter,
        None if config.export.is_empty() => return Ok(None),
        None => Arc::new(StdoutSpans(env.clone())),
    };
    Ok(Some(Tracer::new(env, id.as_str(), config, exporter, metrics)?))
}

/// What the app tells the others about itself.
fn record(
    env: &Env,
    id: AppId,
    app: &AppConfig,
    endpoints: std::collections::BTreeMap<String, String>,
    services: &ServiceTable,
) -> NodeRecord {
    let random = u16::try_from(env.random() & 0xffff).unwrap_or_default();
    NodeRecord {
        id,
        incarnation: Incarnation::new(env.wall(), random),
        logic_addr: None,
        endpoints,
        version: app.version.clone(),
        weight: app.weight,
        load: 0,
        export: false,
        state: NodeState::Ready,
        services: services.names.clone(),
        descriptors_hash: services.descriptors_hash(),
        labels: services.labels.clone(),
    }
}

fn table<'a>(
    meters: ServedMeters,
    services: impl Iterator<Item = &'a Arc<dyn Service>>,
) -> Result<ServiceTable, StartError> {
    let mut table = ServiceTable::new(meters);
    for service in services {
        table.add(service).map_err(StartError)?;
    }
    Ok(table)
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("services", &self.services.len()).finish_non_exhaustive()
    }
}

type Bound = Option<(Box<dyn Listener>, SocketAddr)>;

async fn bind(env: &Env, links: &LinkConfig) -> Result<Bound, StartError> {
    if links.listen.is_empty() {
        return Ok(None);
    }
    let bound = env.listen("link.listen", &links.listen).await;
    let (listener, addr) = bound.map_err(StartError)?;
    if links.secret.is_empty() && links.tls_cert.is_empty() && !addr.ip().is_loopback() {
        let why = format!(
            "link.listen = \"{addr}\" is outside loopback and there is neither link.secret nor TLS; set the same secret on all apps, or tls_cert, tls_key and tls_ca"
        );
        return Err(StartError(why));
    }
    Ok(Some((listener, addr)))
}

fn endpoints(
    links: &LinkConfig,
    bound: Option<SocketAddr>,
) -> std::collections::BTreeMap<String, String> {
    let address = match (links.advertise.as_str(), bound) {
        (_, None) => return [].into(),
        ("", Some(bound)) => bound.to_string(),
        (advertise, Some(_)) => advertise.to_owned(),
    };
    [("link".to_owned(), address)].into()
}

/// Registers, again and again, until the app ends.
async fn heartbeat(app: Arc<AppInner>, discovery: Arc<dyn Discovery>, ttl: Duration) {
    loop {
        let (record, deadline) = (app.record(), app.env.now() + ttl);
        let is = match app.env.until(deadline, discovery.register(&record, ttl)).await {
            Some(Ok(())) => Ok(()),
            Some(Err(error)) => Err(format!("others may not find this app: {error}")),
            None => Err(format!("others may not find this app: no answer within {ttl:?}")),
        };
        app.health.set("discovery.register", is);
        app.env.sleep(ttl / 3).await;
    }
}
