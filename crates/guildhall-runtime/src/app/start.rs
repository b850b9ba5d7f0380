//! Starting an app: one part after the other, each from its section of the configuration.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use guildhall_core::config::Config;
use guildhall_core::discovery::{NodeRecord, NodeState};
use guildhall_core::env::{Listener, Workers};
use guildhall_core::metrics::{Gauge, LiveCount, Metrics, MetricsConfig};
use guildhall_core::store::{Holder, Store};
use guildhall_core::{AppId, Env, Incarnation, Route, StartError};
use guildhall_link::{
    Endpoint, LinkConfig, LinkMeters, Peers as _, Place, ServedMeters, Tls, self_loop,
};
use parking_lot::{Mutex, RwLock};
use tokio_util::sync::CancellationToken;

use crate::actor::{ActorConfig, ActorType, OutboxConfig, Registered, Saver, World};
use crate::admin;
use crate::arrive::Arrivals;
use crate::backends::{Backends, LazyBackends, Opener, check_store};
use crate::call::{Core, RetryBudget};
use crate::config::{AppConfig, CallConfig, SaveConfig};
use crate::counters::Counters;
use crate::health::Health;
use crate::interned::Interned;
use crate::lane::Lane;
use crate::log::{LogConfig, LogControl};
use crate::mesh::{Mesh, RouteConfig, RouteRules};
use crate::numbers::logic_addr;
use crate::outage::Outage;
use crate::ownership::{Owned, Ownership, OwnershipConfig, OwnershipHere, check_slots};
use crate::proto::{OwnershipServer, RawServer};
use crate::push::Pushed;
use crate::raw_cast::RawHandlers;
use crate::rows::Tables;
use crate::service::{Service, ServiceTable};
use crate::stream::Streams;
use crate::topic::Topics;
use crate::trace::{SpanExporter, StdoutSpans, TraceConfig, Tracer};
use crate::trips::Trips;

use super::actors_fit;
use super::presence::Presence;
use super::{App, AppInner, RunningApp};

impl App {
    #[allow(clippy::too_many_lines, reason = "each part of an app has its line here")]
    pub(super) async fn start_on(
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
            mutation,
        } = self;
        services.push(Arc::new(OwnershipServer::new(OwnershipHere)));
        services.push(Arc::new(RawServer::new(RawHandlers::new(raw)?)));
        let app: AppConfig = config.section("app")?;
        let links = config.section::<LinkConfig>("link")?.check()?;
        let calls: CallConfig = config.section("call")?;
        let save: SaveConfig = config.section("save")?;
        let outbox: OutboxConfig = config.section("outbox")?;
        let ownership = config.section::<OwnershipConfig>("ownership")?.check()?;
        if !actors.is_empty() {
            ownership.check_against(app.discovery_ttl_ms, links.ping_ms)?;
        }
        actors_fit::names(actors.iter().map(|actor| actor.name))?;
        actors.iter().for_each(|actor| config.claim(&format!("actor.{}", actor.name)));
        let actor: ActorConfig = config.section("actor")?;
        let id: AppId = app.id.parse().map_err(|e| StartError::new(format!("app.id: {e}")))?;
        if app.slots == 0 {
            return Err(StartError::new("app.slots is 0; it must be at least 1"));
        }
        let metrics = Metrics::new(env.clone(), config.section::<MetricsConfig>("metrics")?);
        let counters = Counters::new(&metrics)?;
        config.section::<LogConfig>("log")?.check()?;
        let help = "Tasks that live";
        metrics.gauge("guildhall_tasks", help, &[])?.adopt(&[], &Gauge::of(env.tasks()));
        let help = "Lines of the log that were dropped: log.queue_max of them waited already";
        if let Some(log) = &log {
            metrics.counter("guildhall_log_dropped_total", help, &[])?.adopt(&[], &log.dropped);
        }
        let health = Arc::new(Health::new(&metrics, checks)?);
        let tracer = tracer(&env, &id, config.section("trace")?, spans, &metrics)?;
        let world =
            World { env: &env, metrics: &metrics, workers: workers.len(), slots: app.slots };
        let open = |kind: ActorType| (kind.open)(&config, &actor, &world);
        let lanes: Vec<_> = services.iter().filter_map(|service| service.lane().cloned()).collect();
        lanes.iter().try_for_each(|lane| lane.open(&id, &config))?;
        let actors = actors.into_iter().map(open).collect::<Result<Vec<Registered>, _>>()?;
        let homes: Vec<_> = actors.iter().filter_map(|actor| actor.home.clone()).collect();
        let rows = actors.iter().filter_map(|actor| actor.rows.clone()).collect();
        let sleepers = actors.iter().filter_map(|actor| actor.sleepers.clone()).collect();
        actors_fit::tables(&actors)?;
        actors_fit::keys(&actors)?;
        let tables = Tables::new(&config, tables, &actors)?;
        let swept = tables.swept(&actors);
        let services = services.iter().chain(actors.iter().flat_map(|a| &a.services));
        let mut served = ServedMeters::new(&metrics)?;
        let services = table(&mut served, services)?;
        let routes = RouteRules::read(&config, &services)?;
        let load_every = load_every(&config, &services)?;
        let reloads = reloads.open(&env, &metrics, &config, &services).await?;
        let opener = Opener::new(env.clone(), config.clone(), id.clone(), plugins);
        let backends = Backends::open(opener, &app, given, &tables).await?;
        if let Some(can) = backends.store.as_ref().map(|store| store.capabilities()) {
            actors.iter().try_for_each(|actor| check_store(can, &actor.tables))?;
        }
        if let Some(store) = &backends.store {
            actors_fit::rows(&env, &**store, &actors).await?;
        }
        let outage = Arc::<Outage>::default();
        let store = match (backends.store, tables.all().is_empty()) {
            (Some(store), false) => {
                let tracer = tracer.clone();
                let trips = Trips::new(store, &outage, &env, &metrics, &health, tracer)?;
                Some(Arc::new(trips) as Arc<dyn Store>)
            }
            (store, _) => store,
        };
        let tls = Tls::load(&env, &links)?;
        let listener = bind(&env, &links).await?;
        let (listener, link_addr) = listener.unzip();
        let logic_addr = logic_addr(&app, &id)?;
        let record = record(&env, id, &app, endpoints(&links, link_addr), &services);
        let record = NodeRecord { logic_addr, ..record };
        let holder = Holder { app: record.id.clone(), incarnation: record.incarnation };
        let owned: Vec<_> = actors.iter().map(|actor| Arc::clone(&actor.owned)).collect();
        agree_on_slots(&env, &backends.later, &owned).await?;
        let ownership = Ownership::new(ownership, holder, owned);
        let in_flight = Arc::new(LiveCount::new(counters.in_flight.clone()));
        let going = CancellationToken::new();
        let presence = Arc::new(Presence::new(record.clone(), &in_flight, load_every));
        let present = Arc::clone(&presence);
        let endpoint = Arc::new(Endpoint {
            id: record.id.clone(),
            env: env.clone(),
            config: links,
            tls,
            record: Box::new(move || present.record()),
            methods_hash: services.methods_hash(),
            going: going.clone(),
            meters: LinkMeters {
                dialled: counters.links_dialled.clone(),
                accepted: counters.links_accepted.clone(),
                queued_bytes: counters.queued_bytes.clone(),
                in_flight: Arc::clone(&in_flight),
                served,
            },
        });
        let core = Arc::new(Core {
            mesh: Arc::new(Mesh::new(env.clone(), record.id.clone(), app.slots)),
            retries: RetryBudget::new(calls.retry_percent),
            ending: CancellationToken::new(),
            draining: CancellationToken::new(),
            going,
            in_flight,
            id: record.id.clone(),
            incarnation: record.incarnation,
            env,
            services,
            calls,
            metrics,
            counters,
            tracer,
            mutation,
        });
        let inner = Arc::new(AppInner {
            drain_asked: CancellationToken::new(),
            drain_ms: app.drain_ms,
            tells: LiveCount::default(),
            callbacks: LiveCount::new(core.counters.callbacks.clone()),
            pushed: Pushed::new(core.calls.pushed_max),
            health,
            log,
            admin_addr: OnceLock::new(),
            presence,
            runners: (0..workers.len()).map(|_| Arc::default()).collect(),
            actors: actors.iter().map(|actor| Arc::clone(&actor.admin)).collect(),
            rooms: lanes.iter().map(Lane::room).chain(actors.into_iter().map(|a| a.room)).collect(),
            saver: Saver::default(),
            topics: Topics::new(config.section("broker")?, backends.broker),
            backends: backends.later,
            streams: Streams::new(config.section("stream")?, stream_handlers)?,
            store: RwLock::new(store),
            outage,
            tables,
            ownership,
            workers: Arc::new(workers),
            endpoint,
            save,
            interned: Mutex::new(Interned::new(outbox.methods_max, "outbox.methods_max")),
            outbox,
            reloads,
            core,
        });
        inner.mesh.rule(routes);
        let mut tasks = inner.begin_actors();
        if let Some(tracer) = &inner.tracer {
            tasks.push(inner.env.spawn("trace", Arc::clone(tracer).drive()));
        }
        if let Some((addr, task)) = admin::open(&inner, config.section("admin")?).await? {
            inner.admin_addr.get_or_init(|| addr);
            tasks.push(task);
        }
        tasks.extend(inner.watch_resources());
        let arrivals = Arc::new(Arrivals(Arc::clone(&inner)));
        let own = self_loop(&inner.endpoint, &arrivals);
        inner.mesh.connected(record, Place::ONLY, own);
        if let Err(error) = inner.start_parts(&app, &mut hooks, &components, &config).await {
            inner.env.kill();
            return Err(error);
        }
        let discovery = backends.discovery;
        let ttl = Duration::from_millis(app.discovery_ttl_ms);
        let kept = (rows, sleepers, swept);
        tasks.extend(inner.join(listener, &discovery, ttl, homes, kept));
        inner.health.started();
        let ending = hooks.ready(&inner);
        let drain = Duration::from_millis(app.drain_ms);
        Ok(RunningApp { inner, components, link_addr, discovery, drain, ttl, tasks, ending })
    }
}

/// Another number of slots than before is told at once, where the lease backend answers; where not, nothing is owned until it does.
async fn agree_on_slots(
    env: &Env,
    backends: &LazyBackends,
    owned: &[Arc<dyn Owned>],
) -> Result<(), StartError> {
    const LOOK: Duration = Duration::from_secs(2);
    if owned.is_empty() {
        return Ok(());
    }
    let agreed = async {
        match backends.leases.get().await {
            Ok(leases) => check_slots(&**leases, owned).await.map_err(StartError::new),
            Err(_) => Ok(false),
        }
    };
    env.until(env.now() + LOOK, agreed).await.unwrap_or(Ok(false)).map(drop)
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

/// How often it is looked at the app's load, where it serves methods that are routed by it.
fn load_every(config: &Config, services: &ServiceTable) -> Result<Option<Duration>, StartError> {
    let config: RouteConfig = config.section("route")?;
    let mut methods = services.descs.iter().flat_map(|desc| desc.methods);
    let is_asked = methods.any(|method| method.route == Route::LeastLoad);
    Ok(is_asked.then(|| Duration::from_millis(config.load_ms)))
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
    meters: &mut ServedMeters,
    services: impl Iterator<Item = &'a Arc<dyn Service>>,
) -> Result<ServiceTable, StartError> {
    let mut table = ServiceTable::default();
    for service in services {
        table.add(service, meters).map_err(StartError::new)?;
    }
    Ok(table)
}

type Bound = Option<(Box<dyn Listener>, SocketAddr)>;

async fn bind(env: &Env, links: &LinkConfig) -> Result<Bound, StartError> {
    if links.listen.is_empty() {
        return Ok(None);
    }
    let bound = env.listen("link.listen", &links.listen).await;
    let (listener, addr) = bound.map_err(StartError::new)?;
    if links.secret.is_empty() && links.tls_cert.is_empty() && !addr.ip().is_loopback() {
        let why = format!(
            "link.listen = \"{addr}\" is outside loopback and there is neither link.secret nor TLS; set the same secret on all apps, or tls_cert, tls_key and tls_ca"
        );
        return Err(StartError::new(why));
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
