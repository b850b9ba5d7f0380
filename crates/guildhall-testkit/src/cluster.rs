//! [`Cluster`]: many apps in one process, on a simulated network, under paused time, from one seed.

mod faults;
mod lease_backend;
mod linked;
mod settled;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use guildhall_core::broker::memory::MemoryBroker;
use guildhall_core::config::{Config, ConfigError};
use guildhall_core::discovery::Discovery;
use guildhall_core::discovery::memory::MemoryDiscovery;
use guildhall_core::env::Instant;
use guildhall_core::leases::Leases;
use guildhall_core::queue::memory::MemoryQueue;
use guildhall_core::store::Store;
use guildhall_core::store::memory::MemoryStore;
use guildhall_core::{AppId, Env};
use guildhall_runtime::{App, Cx, LinkConfig, RunningApp, StartError};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::faulty::{FaultyBroker, FaultyDiscovery, FaultyLeases, FaultyStore, Seam, Ways};
use crate::net::{NoNet, SimNet, Trace};
use lease_backend::LeaseBackend;

/// What wall clocks show when a cluster begins, since the Unix epoch.
const WALL: Duration = Duration::from_secs(1_800_000_000);

/// Where apps listen for links, each on its own host.
const LINK_PORT: u16 = 7200;

/// How long a process takes to start again. A wall clock that counts ms tells the lives apart.
const RESTART: Duration = Duration::from_millis(1);

/// Several apps in one process, on a simulated network and under virtual time.
///
/// Each app has its own host, whose name is the app's id, and its own [`Env`]: random numbers, clock (see `Env::set_skew`) and tasks.
/// All apps share one discovery, broker, queue, lease backend and store. Partitions do not affect these backends; faults of backends
/// are set with [`Cluster::set_faults`]. All random numbers, of the apps and of the network, are determined by the seed: a failed run
/// can be repeated.
///
/// The test needs paused time from its beginning (`#[tokio::test(start_paused = true)]`, tokio's feature `test-util`), and one cluster
/// per test, because tokio's timers count from the start of its runtime. Timers have a resolution of 1 ms; shorter latencies only affect
/// the order. Between two awaits of the test nothing happens and no time passes.
///
/// Methods panic when the test is wrong: an unknown app, or an app that is not running.
///
/// # Examples
/// ```
/// # use guildhall::{Cx, Status};
/// # use proto::hello::{Greeter, GreeterClient, GreeterServer, HelloReq, HelloRsp};
/// # struct Hello;
/// # impl Greeter for Hello {
/// #     async fn say(&self, _cx: &Cx, req: HelloReq) -> Result<HelloRsp, Status> {
/// #         Ok(HelloRsp { text: format!("hello, {}", req.name) })
/// #     }
/// # }
/// # let time = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
/// # time.block_on(async {
/// use guildhall_testkit::Cluster;
///
/// let mut cluster = Cluster::new(42);
/// cluster.start("dev.w1.greeter.1", |app| app.serve(GreeterServer::new(Hello))).await?;
/// cluster.start("dev.w1.caller.1", |app| app).await?;
/// cluster.linked().await;
///
/// let cx = cluster.cx("dev.w1.caller.1");
/// cluster.partition("dev.w1.caller.1", "dev.w1.greeter.1");
/// let cut_off = GreeterClient::new(&cx).say(HelloReq { name: "you".into() }).await;
/// assert!(cut_off.is_err());
/// cluster.heal_all();
/// let reply = GreeterClient::new(&cx).say(HelloReq { name: "you".into() }).await?;
/// assert_eq!(reply.text, "hello, you");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Cluster {
    seed: u64,
    /// The simulator's own `Env`.
    pub(crate) env: Env,
    begun: Instant,
    pub(crate) net: SimNet,
    discovery: Arc<MemoryDiscovery>,
    broker: Arc<MemoryBroker>,
    queue: Arc<MemoryQueue>,
    leases: LeaseBackend,
    store: Arc<dyn Store>,
    members: BTreeMap<AppId, Member>,
    clients: BTreeMap<String, Env>,
    encodes: bool,
    idle_ms: u64,
}

/// An app, and the function that builds it again.
struct Member {
    config: Config,
    build: Build,
    lives: u64,
    life: Option<Life>,
    ways: Ways,
    /// Difference of its wall clock to the cluster's.
    wall_step_ns: i64,
}

type Build = Arc<dyn Fn(App) -> App + Send + Sync>;

/// A running app.
struct Life {
    app: RunningApp,
    env: Env,
}

impl Cluster {
    /// Makes a cluster without apps, with an empty in-memory store.
    ///
    /// # Panics
    /// The runtime's time is not paused.
    pub fn new(seed: u64) -> Self {
        let clock = Env::simulated(seed, Arc::new(NoNet), WALL);
        Self::with_store(seed, Arc::new(MemoryStore::with_clock(clock)))
    }

    /// Makes a cluster without apps that uses `store`.
    ///
    /// # Panics
    /// The runtime's time is not paused.
    pub fn with_store(seed: u64, store: Arc<dyn Store>) -> Self {
        let env = Env::simulated(seed, Arc::new(NoNet), WALL);
        assert!(
            is_paused(&env),
            "time runs by itself here; write #[tokio::test(start_paused = true)]"
        );
        Self {
            seed,
            begun: env.now(),
            net: SimNet::new(&env),
            discovery: Arc::new(MemoryDiscovery::new(env.clone())),
            broker: Arc::default(),
            queue: Arc::new(MemoryQueue::new(env.clone())),
            leases: LeaseBackend::new(env.clone()),
            store,
            members: BTreeMap::new(),
            clients: BTreeMap::new(),
            encodes: false,
            idle_ms: LinkConfig::default().idle_ms,
            env,
        }
    }

    /// Sets whether apps that are started from now on encode their calls to themselves: a bug may show in one of the two ways alone.
    /// [`Sim::new`](crate::sim::Sim::new) sets it for every other seed.
    pub fn encode_own_calls(&mut self, encodes: bool) {
        self.encodes = encodes;
    }

    /// Sets `link.idle_ms` of the apps that are started from now on: the time after which they close idle links, 0 to dial all apps at
    /// once and keep the links. [`Sim::new`](crate::sim::Sim::new) sets both, each for two of four seeds.
    pub fn close_idle_links(&mut self, idle_ms: u64) {
        self.idle_ms = idle_ms;
    }

    /// Replaces the store of the cluster.
    ///
    /// # Panics
    /// The cluster already has apps.
    pub fn use_store(&mut self, store: Arc<dyn Store>) {
        assert!(self.members.is_empty(), "apps use the store that was there: {self:?}");
        self.store = store;
    }

    /// Starts an app on a new host. `build` adds its services; [`Cluster::restart`] calls it again.
    ///
    /// # Errors
    /// Those of `App::start`.
    pub async fn start<F>(&mut self, id: &str, build: F) -> Result<(), StartError>
    where
        F: Fn(App) -> App + Send + Sync + 'static,
    {
        self.start_with(id, &[], build).await
    }

    /// Starts an app as [`Cluster::start`] does, with additional settings: `&[("call.timeout_ms", "500")]`.
    ///
    /// # Errors
    /// Those of `App::start`.
    pub async fn start_with<F>(
        &mut self,
        id: &str,
        settings: &[(&str, &str)],
        build: F,
    ) -> Result<(), StartError>
    where
        F: Fn(App) -> App + Send + Sync + 'static,
    {
        self.net.add(id);
        let config = self.config(id, settings)?;
        let id = parse(id);
        let ways = Ways::new(&self.env);
        let build = Arc::new(build);
        let member = Member { config, build, lives: 0, life: None, ways, wall_step_ns: 0 };
        self.members.insert(id.clone(), member);
        self.live(&id).await
    }

    fn config(&self, id: &str, settings: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let config = Config::builder()
            .set("app.id", id)
            .set("link.listen", self.net.address(id, LINK_PORT))
            .set("link.secret", "simulated");
        let config = config.flag(&format!("link.idle_ms={}", self.idle_ms));
        let flags = settings.iter().map(|(key, value)| format!("{key}={value}"));
        flags.fold(config, |config, flag| config.flag(&flag)).build()
    }

    /// Starts the next incarnation of an app.
    async fn live(&mut self, id: &AppId) -> Result<(), StartError> {
        let member = self.members.get_mut(id).expect("it was put there");
        let name = format!("{id}/{}", member.lives);
        member.lives += 1;
        let (config, build) = (member.config.clone(), Arc::clone(&member.build));
        let way = |seam| Arc::clone(member.ways.to(seam));
        let store = Arc::clone(&self.store);
        let store = Arc::new(FaultyStore { store, way: way(Seam::Store) });
        let leases = self.leases.present();
        let leases = Arc::new(FaultyLeases { leases, way: way(Seam::Leases) });
        let discovery = Arc::clone(&self.discovery) as _;
        let discovery = Arc::new(FaultyDiscovery { discovery, way: way(Seam::Discovery) });
        let broker = FaultyBroker::new(Arc::clone(&self.broker) as _, way(Seam::Broker));
        let wall_step_ns = member.wall_step_ns;
        let env = self.world(id.as_str(), &name);
        env.set_wall_step(wall_step_ns);
        let app = App::with(config).env(env.clone()).encode_own_calls(self.encodes);
        let app = app.discovery(discovery);
        let app = app.queue(Arc::clone(&self.queue) as _).leases(leases);
        let app = app.broker(Arc::new(broker)).store(store);
        let app = match build(app).start().await {
            Ok(app) => app,
            Err(error) => {
                self.net.kill(id.as_str());
                env.kill();
                return Err(error);
            }
        };
        self.members.get_mut(id).expect("it was put there").life = Some(Life { app, env });
        Ok(())
    }

    /// An `Env` on a host. Its random numbers depend only on the seed and on `name`.
    fn world(&self, host: &str, name: &str) -> Env {
        let seed = xxh3_64_with_seed(name.as_bytes(), self.seed);
        Env::simulated(seed, Arc::new(self.net.net_of(host)), self.env.wall())
    }

    /// Ends an app as SIGKILL does: its tasks end at their next await, and nothing is saved. Its peers see their connections reset one
    /// latency later (after a partition: when it heals), and new connections are refused. Its registration stays in discovery until its
    /// TTL is over.
    pub fn kill(&mut self, id: &str) {
        let life = self.member_mut(id).life.take();
        let life = life.unwrap_or_else(|| panic!("{id} does not run"));
        self.net.kill(id);
        life.env.kill();
    }

    /// Stops an app as SIGSTOP does: none of its tasks makes progress until it is resumed or killed. Time continues, its sockets stay
    /// open, and what arrives waits. The test's own futures that use a `Cx` of the app are not paused; spawn them with the app's
    /// [`Cluster::env`] to pause them too.
    pub fn pause(&self, id: &str) {
        self.life(id).env.pause();
    }

    /// Resumes a paused app. Everything that became due meanwhile happens now.
    pub fn resume(&self, id: &str) {
        self.life(id).env.resume();
    }

    /// Restarts an app, with a later incarnation at the same address. A running app is killed first.
    ///
    /// # Errors
    /// Those of `App::start`.
    pub async fn restart(&mut self, id: &str) -> Result<(), StartError> {
        if self.member(id).life.is_some() {
            self.kill(id);
        }
        self.env.sleep(RESTART).await;
        self.live(&parse(id)).await
    }

    /// Drains an app and stops it, as SIGTERM does. [`Cluster::restart`] starts it again.
    ///
    /// # Cancel safety
    /// Dropping the future leaves an app that is neither running nor killed.
    pub async fn shutdown(&mut self, id: &str) {
        let life = self.member_mut(id).life.take();
        life.unwrap_or_else(|| panic!("{id} does not run")).app.shutdown().await;
    }

    /// Advances virtual time, and lets everything happen that becomes due.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn advance(&self, duration: Duration) {
        self.env.sleep(duration).await;
    }

    /// Sets the wall clocks of all apps ahead (or behind) by `ahead_ns`, also those of apps that start later. For one app:
    /// [`Cluster::set_wall_step_of`].
    pub fn set_wall_step(&self, ahead_ns: i64) {
        self.env.set_wall_step(ahead_ns);
        for id in self.apps() {
            self.life(&id).env.set_wall_step(ahead_ns);
        }
    }

    /// A `Cx` of a running app, for calls.
    pub fn cx(&self, id: &str) -> Cx {
        self.life(id).app.cx()
    }

    /// The `Env` of a running app, in its current incarnation.
    pub fn env(&self, id: &str) -> Env {
        self.life(id).env.clone()
    }

    /// An `Env` on its own host, for a client. These hosts are named `client-1`, `client-2` and so on, for partitions and delays. The host
    /// name of an app is its id: `dev.w1.gate.1:7000`.
    pub fn client_env(&mut self) -> Env {
        let host = format!("client-{}", self.clients.len() + 1);
        self.net.add(&host);
        let env = self.world(&host, &host);
        self.clients.insert(host, env.clone());
        env
    }

    /// The ids of all apps, including those that are not running.
    pub fn apps(&self) -> Vec<String> {
        self.members.keys().map(ToString::to_string).collect()
    }

    /// Whether an app is running: started, and neither killed nor shut down.
    pub fn runs(&self, id: &str) -> bool {
        self.member(id).life.is_some()
    }

    /// The lease backend, without faults. After its restart it is another one.
    pub fn leases(&self) -> Arc<dyn Leases> {
        Arc::new(self.leases.present().read().clone())
    }

    /// The discovery backend.
    pub fn discovery(&self) -> Arc<dyn Discovery> {
        Arc::clone(&self.discovery) as _
    }

    /// The store, without faults.
    pub fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store)
    }

    /// The log of network deliveries and of the test's own lines, to compare with another run of the same seed.
    pub fn trace(&self) -> Trace {
        self.net.trace()
    }

    fn member(&self, id: &str) -> &Member {
        self.members.get(&parse(id)).unwrap_or_else(|| panic!("there is no app {id}: {self:?}"))
    }

    fn member_mut(&mut self, id: &str) -> &mut Member {
        self.member(id);
        self.members.get_mut(&parse(id)).expect("it was there a line ago")
    }

    fn life(&self, id: &str) -> &Life {
        let life = self.member(id).life.as_ref();
        life.unwrap_or_else(|| panic!("{id} does not run"))
    }
}

/// Dropping a cluster ends its apps.
impl Drop for Cluster {
    fn drop(&mut self) {
        let lives = self.members.values().filter_map(|member| member.life.as_ref());
        let envs = lives.map(|life| &life.env).chain(self.clients.values());
        envs.chain([&self.env]).for_each(Env::kill);
    }
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let runs = self.members.iter().map(|(id, member)| (id, member.life.is_some()));
        f.debug_struct("Cluster")
            .field("seed", &self.seed)
            .field("now", &(self.env.now() - self.begun))
            .field("runs", &runs.collect::<BTreeMap<_, _>>())
            .finish_non_exhaustive()
    }
}

fn parse(id: &str) -> AppId {
    id.parse().unwrap_or_else(|error| panic!("{error}"))
}

/// A clock that runs is seen to run within as many looks, on any machine.
fn is_paused(env: &Env) -> bool {
    const LOOKS: usize = 10_000;
    let begun = env.now();
    (0..LOOKS).all(|_| env.now() == begun)
}
