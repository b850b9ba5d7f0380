//! Starting an app: one part after the other, each from its section of the configuration.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use guildhall_core::backend::Opener;
use guildhall_core::config::Config;
use guildhall_core::discovery::{NodeRecord, NodeState};
use guildhall_core::env::Workers;
use guildhall_core::metrics::{Gauge, LiveCount, Metrics, MetricsConfig};
use guildhall_core::store::Store;
use guildhall_core::{AppId, Env, Incarnation, Route, StartError};
use guildhall_link::{Endpoint, LinkConfig, LinkMeters, ServedMeters, Tls};
use guildhall_ownership::{OwnershipConfig, OwnershipMeters, agree_on_slots};
use tokio_util::sync::CancellationToken;

use crate::actor::{
    ActorConfig, ActorPart, ActorType, AnyHost, OutboxConfig, OutboxPart, Registered, Saver, Swept,
    World,
};
use crate::call::budget::RetryBudget;
use crate::call::{Core, Cx, Parts, Snapshots};
use crate::config::{AppConfig, CallConfig, SaveConfig};
use crate::ownership::{self, OwnershipHere};
use crate::proto::{OwnershipServer, RawServer};

use super::DrainAsked;
use super::actors_fit;
use super::bound::Bound;
use super::checks::HealthChecks;
use super::document::app_id;
use super::hooks::Hooks;
use super::presence::Presence;
use super::tasks::{begin_actors, join_cluster, keep_actors};
use super::{App, RunningApp};
use crate::app::admin;
use crate::app::admin::AdminAddr;
use crate::app::backends::{Backends, LazyBackends, Wanted, check_store};
use crate::app::component::Component;
use crate::app::logic_addr::logic_addr;
use crate::call::callback::Callbacks;
use crate::call::mesh::{Mesh, RouteConfig, RouteRules};
use crate::call::own_calls::OwnCalls;
use crate::call::push::Pushed;
use crate::call::service::{Service, ServiceQueue, ServiceTable};
use crate::observe::counters::Counters;
use crate::observe::health::Health;
use crate::observe::log::{LogConfig, LogControl};
use crate::observe::outage::Outage;
use crate::observe::store_metrics::MeasuredStore;
use crate::observe::trace::{SpanExporter, StdoutSpans, TraceConfig, Tracer};
use crate::serve::raw_cast::RawHandlers;
use crate::serve::reload::watch::watch_resources;
use crate::serve::rows::ids::Ids;
use crate::serve::rows::{OpenStore, Tables};
use crate::serve::stream::Streams;
use crate::serve::topic::Topics;

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
            encodes,
        } = self;
        services.push(Arc::new(OwnershipServer::new(OwnershipHere)));
        services.push(Arc::new(RawServer::new(RawHandlers::new(raw)?)));
        let app = AppConfig::read(&config)?;
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
        let id = app_id(&app)?;
        if app.slots == 0 {
            return Err(StartError::setting("app.slots", "app.slots is 0; it must be at least 1"));
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
        let health = Arc::new(Health::new(&metrics)?);
        let tracer = tracer(&env, &id, config.section("trace")?, spans, &metrics)?;
        let world =
            World { env: &env, metrics: &metrics, workers: workers.len(), slots: app.slots };
        let open = |kind: ActorType| (kind.open)(&config, &actor, &world);
        let lanes = services.iter().filter_map(|service| service.lane());
        lanes.clone().try_for_each(|lane| lane.open(&id, &config))?;
        let queues: Vec<_> = lanes.map(ServiceQueue::calls).collect();
        let actors = actors.into_iter().map(open).collect::<Result<Vec<Registered>, _>>()?;
        actors_fit::tables(&actors)?;
        actors_fit::keys(&actors)?;
        let owned = actors.iter().flat_map(|actor| actor.host.tables()).copied().collect();
        let tables = Arc::new(Tables::new(&config, tables, owned)?);
        let swept = swept(&tables, &actors);
        let services = services.iter().chain(actors.iter().flat_map(|a| &a.services));
        let mut served = ServedMeters::new(&metrics)?;
        let services = table(&mut served, services)?;
        let routes = RouteRules::read(&config, &services.descs)?;
        let load_every = load_every(&config, &services)?;
        let snapshots = Snapshots::default();
        let reloads = reloads.open(&env, &metrics, &config, &services, &snapshots).await?;
        let opener = Opener::new(env.clone(), config.clone(), id.clone(), plugins);
        let wanted = Wanted { urls: &app, tables: &tables, owns: !actors.is_empty() };
        let backends = Backends::open(opener, given, wanted).await?;
        health.set_seams(backends.seams);
        if let Some(can) = backends.store.as_ref().map(|store| store.capabilities()) {
            actors.iter().try_for_each(|actor| check_store(can, actor.host.tables()))?;
        }
        if let Some(store) = &backends.store {
            actors_fit::rows(&env, &**store, &actors).await?;
        }
        let outage = Arc::<Outage>::default();
        let store = match (backends.store, tables.all().is_empty()) {
            (Some(store), false) => {
                let tracer = tracer.clone();
                let measured = MeasuredStore::new(store, &outage, &env, &metrics, &health, tracer)?;
                Some(Arc::new(measured) as Arc<dyn Store>)
            }
            (store, _) => store,
        };
        let tls = Tls::load(&env, &links)?;
        let bound = Bound::open(&env, &links, &backends.later.opener).await?;
        let logic_addr = logic_addr(&app, &id)?;
        let record = record(&env, id, &app, bound.endpoints(&links), &services);
        let record = NodeRecord { logic_addr, ..record };
        let hosts: Vec<_> = actors.iter().map(|actor| Arc::clone(&actor.host)).collect();
        check_slots(&env, &backends.later, &hosts).await?;
        let in_flight = Arc::new(LiveCount::new(counters.in_flight.clone()));
        let presence = Arc::new(Presence::new(record.clone(), &in_flight, load_every));
        let present = Arc::clone(&presence);
        let endpoint = Arc::new(Endpoint {
            id: record.id.clone(),
            env: env.clone(),
            config: links,
            tls,
            net: bound.net,
            record: Box::new(move || present.record()),
            methods_hash: services.methods_hash(),
            going: CancellationToken::new(),
            meters: LinkMeters {
                dialled: counters.links_dialled.clone(),
                accepted: counters.links_accepted.clone(),
                queued_bytes: counters.queued_bytes.clone(),
                in_flight,
                served,
            },
        });
        let backends_later = Arc::new(backends.later);
        let store = Arc::new(OpenStore::new(store));
        let mut parts = Parts::default();
        parts.add(Arc::new(ActorPart {
            hosts,
            save,
            outbox: Arc::new(OutboxPart::new(outbox)),
            tables: tables.config.clone(),
            saver: Saver::default(),
            store: Arc::clone(&store),
            outage,
            runners: (0..workers.len()).map(|_| Arc::default()).collect(),
        }))?;
        parts.add(Arc::new(Callbacks(LiveCount::new(counters.callbacks.clone()))))?;
        parts.add(Arc::new(Pushed::new(calls.pushed_max)))?;
        parts.add(Arc::new(DrainAsked::new(app.drain_ms)))?;
        parts.add(Arc::new(HealthChecks(checks)))?;
        parts.add(Arc::<AdminAddr>::default())?;
        parts.add(Arc::new(reloads))?;
        parts.add(Arc::new(Topics::new(config.section("broker")?, backends.broker)))?;
        parts.add(Arc::new(Streams::new(config.section("stream")?, stream_handlers)?))?;
        parts.add(Arc::clone(&backends_later.opener))?;
        parts.add(Arc::clone(&backends_later))?;
        parts.add(store)?;
        parts.add(Arc::new(Ids::new(&tables.config)?))?;
        parts.add(tables)?;
        components.iter().try_for_each(|component| component.parts(&mut parts))?;
        if let Some(log) = log {
            parts.add(Arc::new(log))?;
        }
        let meters = OwnershipMeters::new(&metrics)?;
        let core = Arc::new(Core {
            own: OwnCalls::new(&endpoint, encodes),
            mesh: Arc::new(Mesh::new(env.clone(), record.id.clone(), app.slots)),
            retries: RetryBudget::new(calls.retry_percent),
            ending: CancellationToken::new(),
            draining: CancellationToken::new(),
            id: record.id.clone(),
            incarnation: record.incarnation,
            workers: Arc::new(workers),
            ownership: OnceLock::new(),
            endpoint,
            env,
            services,
            calls,
            metrics,
            counters,
            health,
            tracer,
            snapshots,
            mutation,
            parts,
        });
        let backend = backends_later.for_leases();
        let hosts = core.part::<ActorPart>().hosts.iter();
        let hosts = hosts.map(|host| Arc::clone(host).for_ownership(Arc::downgrade(&core)));
        let hosts = hosts.collect();
        core.ownership.get_or_init(|| ownership::open(&core, ownership, hosts, backend, meters));
        core.mesh.set_rules(routes);
        let mut tasks = begin_actors(&core, &queues);
        if let Some(tracer) = &core.tracer {
            tasks.push(core.env.spawn("trace", Arc::clone(tracer).drive()));
        }
        if let Some((addr, task)) = admin::open(&core, config.section("admin")?).await? {
            core.part::<AdminAddr>().0.get_or_init(|| addr);
            tasks.push(task);
        }
        tasks.extend(watch_resources(&core));
        core.env.spawn("own-calls", Arc::clone(&core.own).drive());
        core.mesh.add_own(record, &core.own);
        let start_limit = Duration::from_millis(app.start_ms);
        if let Err(error) = start_game(&core, start_limit, &mut hooks, &components, &config).await {
            core.env.kill();
            return Err(error);
        }
        let discovery = backends.discovery;
        let ttl = Duration::from_millis(app.discovery_ttl_ms);
        tasks.extend(join_cluster(&core, &presence, bound.listener, &discovery, ttl));
        tasks.extend(keep_actors(&core, swept));
        core.health.started();
        Ok(RunningApp {
            ending: hooks.ready(&core),
            drain: Duration::from_millis(app.drain_ms),
            core,
            queues,
            presence,
            components,
            link_addr: bound.addr,
            discovery,
            ttl,
            tasks,
        })
    }
}

/// Starts what the game has added: hooks before components, so that no client is there before they are done.
async fn start_game(
    core: &Arc<Core>,
    limit: Duration,
    hooks: &mut Hooks,
    components: &[Arc<dyn Component>],
    config: &Config,
) -> Result<(), StartError> {
    hooks.start(core, limit).await?;
    for component in components {
        Arc::clone(component).start(config, Cx::outside(core)).await?;
    }
    Ok(config.check_unclaimed()?)
}

/// Another number of slots than before is told at once, where the lease backend answers; where not, nothing is owned until it does.
async fn check_slots(
    env: &Env,
    backends: &LazyBackends,
    hosts: &[Arc<dyn AnyHost>],
) -> Result<(), StartError> {
    const LOOK: Duration = Duration::from_secs(2);
    if hosts.is_empty() {
        return Ok(());
    }
    let agreed = async {
        match backends.leases.get().await {
            Ok(leases) => {
                let tables = hosts.iter().map(|host| host.slots());
                agree_on_slots(&**leases, tables).await.map_err(StartError::rows)
            }
            Err(_) => Ok(false),
        }
    };
    env.until(env.now() + LOOK, agreed).await.unwrap_or(Ok(false)).map(drop)
}

/// Whose tombstones are removed, and by which rule.
fn swept(tables: &Tables, actors: &[Registered]) -> Swept {
    let owned = actors.iter().flat_map(|actor| {
        actor.host.tables().iter().map(|table| (*table, Some(Arc::clone(&actor.host))))
    });
    tables.free().iter().map(|table| (*table, None)).chain(owned).collect()
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
        table.add(service, meters).map_err(StartError::program)?;
    }
    Ok(table)
}
