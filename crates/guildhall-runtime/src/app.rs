//! [`App`]: from services and configuration to something that runs.

mod logic_addr;
mod signals;
pub(crate) mod backends;
pub(crate) mod component;
pub(crate) mod admin;
mod checks;
mod presence;
mod actors_fit;
mod hooks;
mod reloads;
mod inner;
mod running;
mod drain_asked;
pub(crate) mod node;
mod start;

use std::sync::Arc;

use bytes::Bytes;
use guildhall_core::backend::BuiltIn;
use guildhall_core::broker::Broker;
use guildhall_core::config::Config;
use guildhall_core::discovery::Discovery;
use guildhall_core::leases::Leases;
use guildhall_core::queue::Queue;
use guildhall_core::store::{Store, Table};
use guildhall_core::{AppId, BoxFuture, Env, Plugin, StartError};
use guildhall_entity::Entity;

use crate::actor::{Actor, ActorServices, ActorSetup, ActorType};
use crate::call::Cx;
use crate::call::service::Service;
use crate::config::AppConfig;
use crate::mutation::Mutation;
use crate::observe::log;
use crate::observe::log::LogControl;
use crate::observe::trace::SpanExporter;
use crate::proto::{IdStateEntity, NodeServer};
use crate::serve::raw_cast::RawHandler;
use crate::serve::reload::ReloadSetup;
use crate::serve::stream::{Stream, StreamHandlers};

pub(crate) use drain_asked::DrainAsked;
pub use hooks::HookError;
pub(crate) use inner::AppInner;
pub use running::RunningApp;

use backends::Given;
use checks::HealthCheck;
use component::Component;
use guildhall_core::env::{Threads, Workers};
use hooks::Hooks;
use node::ThisNode;

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
    reloads: ReloadSetup,
    mutation: Option<Mutation>,
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
            return Err(StartError::new(why));
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
            mutation: None,
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

    /// Breaks a rule of ownership: for tests that show that it is missed.
    #[cfg(feature = "mutations")]
    #[must_use]
    pub fn without(mut self, rule: Mutation) -> Self {
        self.mutation = Some(rule);
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

    /// Runs until SIGTERM or SIGINT, or until a peer asks for it (`guildhall drain`), then drains; SIGHUP reloads. Owns its threads: `app.workers` of them.
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
        let no_runtime = |e| StartError::new(format!("no runtime: {e}"));
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
                () = app.drain_asked() => {}
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
}

impl Cx {
    /// What changes the level of the log, where [`App::run`] has begun to log.
    pub fn log(&self) -> Option<&LogControl> {
        self.core.parts.get()
    }
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("services", &self.services.len()).finish_non_exhaustive()
    }
}
