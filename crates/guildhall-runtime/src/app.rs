//! [`App`]: collects services and configuration, and starts them as a running app.

mod logic_addr;
mod signals;
pub(crate) mod backends;
pub(crate) mod component;
pub(crate) mod admin;
mod bound;
mod checks;
mod presence;
mod actors_fit;
mod hooks;
mod reloads;
mod tasks;
mod drain_asked;
mod running;
mod document;
pub(crate) mod node;
mod start;

use std::sync::Arc;

use bytes::Bytes;
use guildhall_core::backend::BuiltIn;
use guildhall_core::broker::Broker;
use guildhall_core::config::Config;
use guildhall_core::discovery::Discovery;
use guildhall_core::env::{Threads, Workers};
use guildhall_core::leases::Leases;
use guildhall_core::queue::Queue;
use guildhall_core::store::{Store, Table};
use guildhall_core::{AppId, BoxFuture, Env, Plugin, StartError};
use guildhall_entity::Entity;

use crate::actor::{Actor, ActorServices, ActorType};
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
pub use running::RunningApp;

use backends::Given;
use checks::HealthCheck;
use component::Component;
use hooks::Hooks;
use node::ThisNode;

/// An app that is being built: its configuration, services, actors, components and plugins.
///
/// [`App::run`] runs it as the main program, [`App::start`] on the caller's runtime.
///
/// # Examples
/// ```
/// use guildhall::{App, Config, Cx, Status};
/// use proto::hello::{Greeter, GreeterClient, GreeterServer, HelloReq, HelloRsp};
///
/// struct Hello;
///
/// impl Greeter for Hello {
///     async fn say(&self, _cx: &Cx, req: HelloReq) -> Result<HelloRsp, Status> {
///         Ok(HelloRsp { text: format!("hello, {}", req.name) })
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // In a program: `App::load()?.serve(..).run()`.
/// let app = App::with(Config::builder().build()?).serve(GreeterServer::new(Hello)).start().await?;
/// let reply = GreeterClient::new(&app.cx()).say(HelloReq { name: "ann".into() }).await?;
/// assert_eq!(reply.text, "hello, ann");
/// app.shutdown().await;
/// # Ok(())
/// # }
/// ```
#[must_use = "an app does nothing before `run` or `start`"]
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
    encodes: bool,
}

impl App {
    /// Makes an app with the configuration of this process: `guildhall.toml` or `--config FILE`, the environment, `--set key=value`.
    ///
    /// # Errors
    /// The configuration cannot be read, or an argument is unknown. The error says where, and what to write instead.
    pub fn load() -> Result<Self, StartError> {
        let (config, rest) = Config::from_process_args()?;
        if let Some(arg) = rest.first() {
            let why =
                format!("unknown argument `{arg}`; there are --config FILE and --set key=value");
            return Err(StartError::argument(why));
        }
        Ok(Self::with(config))
    }

    /// Makes an app with a configuration that the program has built.
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
            encodes: false,
        }
    }

    /// Adds a service. An app serves any number of services.
    pub fn serve(mut self, service: impl Service) -> Self {
        self.services.push(Arc::new(service));
        self
    }

    /// Adds an actor type and the ACTOR services that it implements: `.actor::<Player>(RoleServer)`, or several that share the mailbox
    /// of each actor: `.actor::<Player>((RoleServer, WalletServer))`.
    pub fn actor<A: Actor>(mut self, services: impl ActorServices<A>) -> Self {
        self.actors.push(ActorType::new(services));
        self
    }

    /// Adds the table of an entity that no actor owns, for [`Cx::table`].
    pub fn table<E: Entity>(mut self) -> Self {
        self.tables.push(E::TABLE);
        self
    }

    /// Adds the table from which [`Cx::next_id`] reserves ids.
    pub fn ids(self) -> Self {
        self.table::<IdStateEntity>()
    }

    /// Adds a component, for example a gate or an HTTP server. Components start in the order in which they were added.
    pub fn component(mut self, component: impl Component) -> Self {
        let component = Arc::new(component);
        self.services.extend(Arc::clone(&component).services());
        self.components.push(component);
        self
    }

    /// Adds a plugin, whose URL schemes `app.discovery`, `app.store` and the other backends can then use.
    pub fn plugin(mut self, plugin: impl Plugin) -> Self {
        self.plugins.push(Arc::new(plugin));
        self
    }

    /// Handles raw casts with this command; `handler` gets the sending app and the bytes. See [`Cx::raw_cast`].
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

    /// Replaces the span exporter of `trace.export`.
    pub fn spans(mut self, exporter: Arc<dyn SpanExporter>) -> Self {
        self.spans = Some(exporter);
        self
    }

    /// Adds a health check: an error of `check` makes the app not ready (`/readyz`) and is its reason. The check runs with each
    /// request of `/readyz` and `/metrics`, and must not block.
    pub fn health(
        mut self,
        name: impl Into<String>,
        check: impl Fn(&Cx) -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        self.checks.push(HealthCheck { name: name.into(), check: Box::new(check) });
        self
    }

    /// Handles streams that other apps open under `name` with [`Cx::open_stream`]. A stream ends with its handler.
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

    /// Switches off a rule of ownership, for tests that show that the rule is needed.
    #[cfg(feature = "mutations")]
    pub fn without(mut self, rule: Mutation) -> Self {
        self.mutation = Some(rule);
        self
    }

    /// Whether calls of the app to itself are encoded as calls to other apps are, where values could be moved: for tests of both.
    pub fn encode_own_calls(mut self, encodes: bool) -> Self {
        self.encodes = encodes;
        self
    }

    /// Replaces the access to the outside world, for example with a simulator's.
    pub fn env(mut self, env: Env) -> Self {
        self.env = env;
        self
    }

    /// Uses this discovery backend instead of `app.discovery`, for several apps in one process.
    pub fn discovery(mut self, discovery: Arc<dyn Discovery>) -> Self {
        self.given.discovery = Some(discovery);
        self
    }

    /// Uses this broker instead of `app.broker`, for several apps in one process.
    pub fn broker(mut self, broker: Arc<dyn Broker>) -> Self {
        self.given.broker = Some(broker);
        self
    }

    /// Uses this queue backend instead of `app.queue`, for several apps in one process.
    pub fn queue(mut self, queue: Arc<dyn Queue>) -> Self {
        self.given.queue = Some(queue);
        self
    }

    /// Uses this lease backend instead of `app.leases`, for several apps in one process.
    pub fn leases(mut self, leases: Arc<dyn Leases>) -> Self {
        self.given.leases = Some(leases);
        self
    }

    /// Uses this store instead of `app.store`, for several apps in one process.
    pub fn store(mut self, store: Arc<dyn Store>) -> Self {
        self.given.store = Some(store);
        self
    }

    /// Runs the app on `app.workers` threads of its own until SIGTERM, SIGINT or a peer's request (`guildhall drain`), and then drains
    /// it. SIGHUP reloads. Installs the logger of `[log]`.
    ///
    /// # Errors
    /// Those of [`App::start`].
    pub fn run(self) -> Result<(), StartError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(no_runtime)?;
        let app = runtime.block_on(self.with_document())?;
        let log = log::install(&app.config.section("log")?, &app.env)?;
        let result = app.run_logged(&runtime, log.clone());
        drop(runtime);
        // What was logged to the end is written to the end.
        log.inspect(LogControl::flush);
        result
    }

    fn run_logged(
        mut self,
        runtime: &tokio::runtime::Runtime,
        log: Option<LogControl>,
    ) -> Result<(), StartError> {
        if let Some(log) = log.clone() {
            self = self.reload_section("log.level", move |config| log.reload(config));
        }
        runtime.block_on(async {
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

    /// Starts the app on the caller's runtime. The caller has to call [`RunningApp::shutdown`].
    ///
    /// # Errors
    /// An invalid configuration, an address that cannot be bound, a backend that cannot be opened, a failed start hook, or rows that
    /// do not fit the actor types.
    pub async fn start(self) -> Result<RunningApp, StartError> {
        self.with_document().await?.start_on(Workers::current(), None).await
    }
}

fn no_runtime(error: std::io::Error) -> StartError {
    StartError::system(format!("no runtime: {error}")).with_source(error)
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
