//! Apps without links and without actors: requests between them are calls of their methods, and the only state of a slot is a number.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use guildhall_core::env::{Instant, TokioNet};
use guildhall_core::leases::Leases;
use guildhall_core::leases::memory::MemoryLeases;
use guildhall_core::metrics::{Metrics, MetricsConfig};
use guildhall_core::status::reason;
use guildhall_core::store::Holder;
use guildhall_core::{AppId, BoxFuture, Code, Env, Incarnation, Status};
use guildhall_ownership::{
    HandedOver, LeaseBackend, Mesh, MoveRequest, Offer, Ownership, OwnershipConfig,
    OwnershipMeters, Payload, Setup, SlotHost, SlotMeters, SlotTable, Targets,
};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

pub(crate) const ONE: &str = "dev.w1.pot.1";
pub(crate) const TWO: &str = "dev.w1.pot.2";
pub(crate) const SLOTS: u32 = 4;

/// What apps share: the membership, in which one app is the target of all slots, and the way from one app to another.
#[derive(Default)]
struct Cluster {
    target: Mutex<Option<AppId>>,
    revision: AtomicU64,
    changed: Notify,
    apps: Mutex<BTreeMap<AppId, Weak<Ownership>>>,
    /// Apps whose lease sessions have ended, as other apps have noticed.
    ended: Mutex<Vec<AppId>>,
}

impl Cluster {
    fn app(&self, id: &AppId) -> Result<Arc<Ownership>, Status> {
        let app = self.apps.lock().unwrap().get(id).and_then(Weak::upgrade);
        app.ok_or_else(|| Status::not_run(Code::Unavailable, reason::NO_ROUTE, "no such app"))
    }
}

struct MeshOf {
    cluster: Arc<Cluster>,
    me: Holder,
}

struct Target(AppId);

impl Targets for Target {
    fn target(&self, _slot: u32) -> &str {
        self.0.as_str()
    }
}

impl Mesh for MeshOf {
    fn targets(&self, _actor: &str) -> Option<Box<dyn Targets>> {
        let target = self.cluster.target.lock().unwrap().clone()?;
        Some(Box::new(Target(target)))
    }

    fn revision(&self) -> u64 {
        self.cluster.revision.load(Ordering::Acquire)
    }

    fn changed(&self, seen: u64) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            loop {
                let changed = self.cluster.changed.notified();
                if self.revision() != seen {
                    return;
                }
                changed.await;
            }
        })
    }

    fn is_linked(&self, peer: &Holder) -> bool {
        self.cluster.app(&peer.app).is_ok()
    }

    fn session_ended(&self, peer: &Holder) {
        self.cluster.ended.lock().unwrap().push(peer.app.clone());
    }

    fn session_began(&self, peer: &Holder) {
        self.cluster.ended.lock().unwrap().retain(|ended| *ended != peer.app);
    }

    fn request_move<'a>(
        &'a self,
        holder: &'a Holder,
        request: MoveRequest,
        _deadline: Instant,
    ) -> BoxFuture<'a, Result<Option<HandedOver>, Status>> {
        Box::pin(async move {
            let app = self.cluster.app(&holder.app)?;
            Ok(app.answer_move(self.me.clone(), request).await)
        })
    }

    fn offer<'a>(
        &'a self,
        to: &'a AppId,
        offer: Offer,
        _deadline: Instant,
    ) -> BoxFuture<'a, Result<bool, Status>> {
        Box::pin(async move { Ok(self.cluster.app(to)?.take_offer(offer)) })
    }

    fn offer_bytes_max(&self) -> usize {
        1
    }
}

/// The actors of an app: two per slot, each with a number in memory that is in no row.
pub(crate) struct Pots {
    table: SlotTable,
    values: Mutex<BTreeMap<(u32, String), u64>>,
    pub(crate) saves_fail: AtomicBool,
    /// Slots that were dropped, and where their calls were sent.
    pub(crate) dropped: Mutex<Vec<(u32, Option<AppId>)>>,
}

impl Pots {
    pub(crate) fn set(&self, slot: u32, key: &str, value: u64) {
        self.values.lock().unwrap().insert((slot, key.to_owned()), value);
    }

    pub(crate) fn value(&self, slot: u32, key: &str) -> Option<u64> {
        self.values.lock().unwrap().get(&(slot, key.to_owned())).copied()
    }
}

impl SlotHost for Pots {
    fn table(&self) -> &SlotTable {
        &self.table
    }

    fn serve_slot(&self, slot: u32, payloads: Vec<Payload>) {
        for payload in payloads {
            let value = u64::from_le_bytes(payload.state.as_ref().try_into().unwrap());
            self.set(slot, payload.key.as_str(), value);
        }
    }

    fn leave_slot<'a>(&'a self, slot: u32, _to: &'a AppId) -> BoxFuture<'a, Option<Vec<Payload>>> {
        let values = self.values.lock().unwrap();
        let of_slot = values.iter().filter(|((of, _), _)| *of == slot);
        let payload = |((_, key), value): (&(u32, String), &u64)| Payload {
            key: key.as_str().into(),
            state: value.to_le_bytes().to_vec().into(),
            commands: bytes::Bytes::new(),
            unused: Duration::ZERO,
        };
        let payloads = of_slot.map(payload).collect();
        let fails = self.saves_fail.load(Ordering::Relaxed);
        Box::pin(async move { (!fails).then_some(payloads) })
    }

    fn drop_slot(&self, slot: u32, to: Option<&AppId>) {
        self.values.lock().unwrap().retain(|(of, _), _| *of != slot);
        self.dropped.lock().unwrap().push((slot, to.cloned()));
    }
}

/// One app.
pub(crate) struct App {
    pub(crate) own: Arc<Ownership>,
    pub(crate) pots: Arc<Pots>,
    pub(crate) env: Env,
    pub(crate) holder: Holder,
    metrics: Metrics,
    /// Whether the lease backend cannot be opened.
    pub(crate) leases_away: Arc<AtomicBool>,
    /// What is wrong with the lease session.
    pub(crate) problem: Arc<Mutex<Option<String>>>,
}

impl App {
    /// How many slots are served, with the epoch of each; 0 is not served.
    pub(crate) fn epochs(&self) -> Vec<u64> {
        (0..SLOTS).map(|slot| self.pots.table.epoch(slot)).collect()
    }

    pub(crate) fn serves_all(&self) -> bool {
        self.pots.table.counts().served == u64::from(SLOTS)
    }

    pub(crate) fn serves_none(&self) -> bool {
        self.epochs().iter().all(|epoch| *epoch == 0)
    }

    /// A metric of this app.
    pub(crate) fn counted(&self, name: &str) -> String {
        let text = self.metrics.text();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {name} in {text}")).to_owned()
    }
}

/// Two apps and the lease backend that they share.
pub(crate) struct World {
    cluster: Arc<Cluster>,
    pub(crate) leases: MemoryLeases,
    pub(crate) one: App,
    pub(crate) two: App,
}

impl World {
    /// Starts both apps; `target` is the target of all slots.
    pub(crate) async fn start(target: &str) -> Self {
        let cluster = Arc::<Cluster>::default();
        *cluster.target.lock().unwrap() = Some(target.parse().unwrap());
        let leases = MemoryLeases::new(env(0));
        let one = app(&cluster, &leases, ONE, 1);
        let two = app(&cluster, &leases, TWO, 2);
        let world = Self { cluster, leases, one, two };
        world.wait(Duration::from_secs(1)).await;
        world
    }

    /// Makes another app the target of all slots.
    pub(crate) fn set_target(&self, app: &str) {
        *self.cluster.target.lock().unwrap() = Some(app.parse().unwrap());
        self.cluster.revision.fetch_add(1, Ordering::AcqRel);
        self.cluster.changed.notify_waiters();
    }

    pub(crate) fn sessions_ended(&self) -> Vec<AppId> {
        self.cluster.ended.lock().unwrap().clone()
    }

    pub(crate) async fn wait(&self, time: Duration) {
        env(0).sleep(time).await;
    }
}

fn env(seed: u64) -> Env {
    // No socket is ever opened.
    Env::simulated(seed, Arc::new(TokioNet), Duration::from_secs(1_000_000))
}

fn app(cluster: &Arc<Cluster>, leases: &MemoryLeases, id: &str, seed: u64) -> App {
    let env = env(seed);
    let metrics = Metrics::new(env.clone(), MetricsConfig::default());
    let holder = Holder { app: id.parse().unwrap(), incarnation: Incarnation(seed) };
    let meters = SlotMeters::new(&metrics, "pot").unwrap();
    let pots = Arc::new(Pots {
        table: SlotTable::new("pot", SLOTS, false, meters),
        values: Mutex::default(),
        saves_fail: AtomicBool::new(false),
        dropped: Mutex::default(),
    });
    let leases_away = Arc::new(AtomicBool::new(false));
    let problem = Arc::<Mutex<Option<String>>>::default();
    let (backend, away, told) = (leases.clone(), Arc::clone(&leases_away), Arc::clone(&problem));
    let open = move || -> BoxFuture<'static, Result<Arc<dyn Leases>, Status>> {
        let why = "the lease backend is away";
        let opened = match away.load(Ordering::Relaxed) {
            true => Err(Status::not_run(Code::Unavailable, reason::NO_ROUTE, why)),
            false => Ok(Arc::new(backend.clone()) as Arc<dyn Leases>),
        };
        Box::pin(async { opened })
    };
    let own = Ownership::new(Setup {
        env: env.clone(),
        holder: holder.clone(),
        config: OwnershipConfig::default(),
        mesh: Arc::new(MeshOf { cluster: Arc::clone(cluster), me: holder.clone() }),
        hosts: vec![Arc::clone(&pots) as Arc<dyn SlotHost>],
        backend: LeaseBackend { open: Box::new(open), is_private: false },
        report: Box::new(move |is| *told.lock().unwrap() = is.err()),
        meters: OwnershipMeters::new(&metrics).unwrap(),
        draining: CancellationToken::new(),
        broken_rule: None,
    });
    cluster.apps.lock().unwrap().insert(holder.app.clone(), Arc::downgrade(&own));
    own.start();
    App { own, pots, env, holder, metrics, leases_away, problem }
}
