//! The service table: from method to service, and the first steps of every call that arrives.
//!
//! A call of the app to an actor of its own that does nothing else is a plain call in the poll of its caller, from a [`Claim`] to the
//! reply: nothing is queued, registered or armed before its turn has to wait.

use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasherDefault;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use guildhall_core::config::Config;
use guildhall_core::discovery::{actor_label, slots_label};
use guildhall_core::env::Instant;
use guildhall_core::hash::IdHasher;
use guildhall_core::{AppId, BoxFuture, MethodDesc, ServiceDesc, StartError, Status, slot_of};
use guildhall_link::ServedMeters;
use guildhall_wire::Head;

use super::Cx;
use crate::call::body::Body;
use crate::call::exchange::Exchange;
use crate::call::key::KeySlot;
use crate::call::reply::ReplyPort;
use crate::call::request::{Reply, Request};

pub use guildhall_link::HandlerFuture;

/// A call on its way to a handler.
#[derive(Debug)]
pub struct Incoming<'a> {
    /// Deadline and caller.
    pub cx: Cx,
    /// Which method.
    pub method: &'static MethodDesc,
    /// The request.
    pub(crate) body: Body<'a>,
    /// Where the reply goes.
    pub reply: ReplyPort,
}

/// When a call or cast is made, and until when.
#[derive(Clone, Copy)]
pub(crate) struct Times {
    pub(crate) now: Instant,
    pub(crate) deadline: Instant,
}

impl Times {
    pub(crate) fn left(self) -> Duration {
        self.deadline.saturating_duration_since(self.now)
    }
}

/// What a claim is for.
pub(crate) struct Wanted<'a> {
    pub(crate) cx: &'a Cx,
    pub(crate) method: &'static MethodDesc,
    pub(crate) times: Times,
    pub(crate) head: Option<&'a Arc<Head>>,
}

/// An actor that has been claimed: it runs nothing but the call that comes now.
pub(crate) struct Claim {
    pub(crate) actor: Arc<dyn Claimed>,
    /// The place of the method's service among those of the actor type.
    pub(crate) service: usize,
    /// It is in memory, and nothing waits for it.
    pub(crate) is_idle: bool,
}

/// A claimed actor, for code that does not name its type.
pub(crate) trait Claimed: Send + Sync {
    /// Runs the call, which ends the claim.
    fn run(
        self: Arc<Self>,
        service: usize,
        is_idle: bool,
        wanted: &Wanted<'_>,
        caller: &mut dyn Caller,
    ) -> Outcome;
}

/// The caller of a claimed actor.
pub(crate) trait Caller {
    /// The request, for a turn that begins at once. `used` is the memory of an earlier one.
    fn request(&mut self, used: Option<Box<dyn Exchange>>) -> Request;
    /// The answer of that turn. Returns the memory of the request.
    fn answer(&mut self, result: Result<Reply, Status>) -> Option<Box<dyn Exchange>>;
    /// Where the caller waits for that turn. When it waits no more, `left` is set.
    fn waits(&mut self, left: &Arc<AtomicBool>) -> ReplyPort;
    /// The request, and where the caller waits, for a turn that may begin later.
    fn placed(&mut self) -> (Request, ReplyPort);
}

/// What has become of a call.
pub(crate) enum Outcome {
    /// The turn has ended after that time, and the caller has its answer.
    Replied(Duration),
    /// The answer comes in the slot of the caller, if it is not there already.
    Waits,
}

/// A service that an app serves: generated, `GreeterServer`.
pub trait Service: Send + Sync + 'static {
    /// What its proto declares.
    fn desc(&self) -> &'static ServiceDesc;

    /// The type of the actors behind it and the number of its slots, if there are any.
    fn actor(&self) -> Option<(&'static str, u32)> {
        None
    }

    /// Where its calls wait for each other, if they do.
    #[doc(hidden)]
    fn lane(&self) -> Option<&dyn ServiceQueue> {
        None
    }

    /// Claims the actor of this key for a caller in this app, if it does nothing else.
    #[doc(hidden)]
    #[allow(private_interfaces, reason = "only actors have claims")]
    fn claim(&self, _wanted: &Wanted<'_>, _key: &str, _slot: Option<KeySlot>) -> Option<Claim> {
        None
    }

    /// Begins a call; `None` when it has been answered already.
    fn dispatch(&self, call: Incoming<'_>) -> Option<HandlerFuture>;
}

/// The queue where the calls of a service wait for each other: opened at the start, drained at the end.
#[doc(hidden)]
pub trait ServiceQueue: Send + Sync {
    /// Reads the settings of the service.
    ///
    /// # Errors
    /// The settings cannot be, or the service is served twice.
    fn open(&self, app: &AppId, config: &Config) -> Result<(), StartError>;

    /// What ends its calls.
    fn calls(&self) -> Arc<dyn Drain>;
}

/// Calls of one kind that an app has begun, and how they all end.
#[doc(hidden)]
pub trait Drain: Send + Sync {
    /// Takes nothing new and waits for the calls that there are.
    fn drain(&self) -> BoxFuture<'_, ()>;
    /// Refuses the calls that wait and ends those that run.
    fn save(&self) -> BoxFuture<'_, ()>;
    /// Drops all calls as they are: the app was killed.
    fn abandon(&self);
}

/// What a call of a limited method has to pass before it gets to its service.
pub(crate) trait Guard: std::fmt::Debug + Send + Sync {
    /// Begins the call, now or soon, or refuses it.
    fn dispatch(&self, service: &Arc<dyn Service>, call: Incoming<'_>) -> Option<HandlerFuture>;
}

/// The guard of a method, which changes at a reload; where there is none, a call costs one look at a flag.
#[derive(Debug, Default)]
struct Guarded {
    any: AtomicBool,
    guard: ArcSwapOption<Box<dyn Guard>>,
}

impl Guarded {
    /// Puts another guard into force. Calls that have passed the old one stay.
    fn set(&self, guard: Option<Box<dyn Guard>>) {
        self.any.store(guard.is_some(), Ordering::Relaxed);
        self.guard.store(guard.map(Arc::new));
    }

    #[inline]
    fn get(&self) -> Option<Arc<Box<dyn Guard>>> {
        if self.any.load(Ordering::Relaxed) { self.guard.load_full() } else { None }
    }
}

/// Services by the ids of their methods.
#[derive(Default)]
pub(crate) struct ServiceTable {
    methods: HashMap<u32, Served, BuildHasherDefault<IdHasher>>,
    pub(crate) names: Vec<String>,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) descs: Vec<&'static ServiceDesc>,
}

/// A method that an app serves.
pub(crate) struct Served {
    service: Arc<dyn Service>,
    method: &'static MethodDesc,
    /// Where it is counted.
    meter: usize,
    guarded: Guarded,
    /// Of each slot: at which revision of the mesh its calls came here, counted from 1.
    here: OnceLock<Box<[AtomicU64]>>,
}

impl ServiceTable {
    /// Adds a service, whose calls are counted in `meters`.
    pub(crate) fn add(
        &mut self,
        service: &Arc<dyn Service>,
        meters: &mut ServedMeters,
    ) -> Result<(), String> {
        let desc = service.desc();
        for method in desc.methods {
            let (service, meter) = (Arc::clone(service), meters.push(method.path));
            let (guarded, here) = (Guarded::default(), OnceLock::new());
            let served = Served { service, method, meter, guarded, here };
            let before = self.methods.insert(method.id, served);
            if let Some(other) = before {
                let (a, b) = (other.method.path, method.path);
                let why = if a == b { "is served twice" } else { "has the same hash; rename one" };
                return Err(format!("method {b}: {a} {why}"));
            }
        }
        if let Some((actor, slots)) = service.actor() {
            self.labels.insert(actor_label(desc.name), actor.to_owned());
            self.labels.insert(slots_label(actor), slots.to_string());
        }
        self.descs.push(desc);
        self.names.push(desc.name.to_owned());
        self.names.sort();
        Ok(())
    }

    /// A hash over the method ids, which peers compare to see that they were built from the same protos.
    pub(crate) fn methods_hash(&self) -> u64 {
        let mut ids: Vec<u32> = self.methods.keys().copied().collect();
        ids.sort_unstable();
        let bytes: Vec<u8> = ids.iter().flat_map(|id| id.to_le_bytes()).collect();
        xxhash_rust::xxh3::xxh3_64(&bytes)
    }

    /// A hash over all descriptors, so that they are fetched once and not per app.
    pub(crate) fn descriptors_hash(&self) -> Bytes {
        let mut hash = self.methods_hash();
        for desc in &self.descs {
            hash = xxhash_rust::xxh3::xxh3_64_with_seed(desc.descriptors, hash);
        }
        Bytes::copy_from_slice(&hash.to_le_bytes())
    }

    /// Puts other guards into force: what `of` says for the path of each method.
    pub(crate) fn guard(&self, of: impl Fn(&str) -> Option<Box<dyn Guard>>) {
        for method in self.descs.iter().flat_map(|desc| desc.methods) {
            if let Some(served) = self.get(method.id) {
                served.guarded.set(of(method.path));
            }
        }
    }

    /// The methods.
    pub(crate) fn paths(&self) -> Vec<&'static str> {
        self.descs.iter().flat_map(|desc| desc.methods).map(|method| method.path).collect()
    }

    #[inline]
    pub(crate) fn get(&self, method: u32) -> Option<&Served> {
        self.methods.get(&method)
    }
}

impl Served {
    /// What its proto declares.
    pub(crate) fn method(&self) -> &'static MethodDesc {
        self.method
    }

    /// Where calls of it are counted.
    #[inline]
    pub(crate) fn meter(&self) -> usize {
        self.meter
    }

    /// The slot of this key, if its calls came here when the mesh was at this revision: a look that saves the search for the owner.
    #[inline]
    pub(crate) fn comes_here(&self, revision: u64, key: &str) -> Option<KeySlot> {
        let here = self.here.get()?;
        let of = u32::try_from(here.len()).ok()?;
        let at = slot_of(key, of);
        let came = here[at as usize].load(Ordering::Relaxed) == revision + 1;
        came.then_some(KeySlot { at, of })
    }

    /// Calls of this slot come here, at this revision of the mesh.
    pub(crate) fn came_here(&self, revision: u64, slot: KeySlot) {
        if self.service.actor().is_some_and(|(_, slots)| slots == slot.of) {
            let none = || (0..slot.of).map(|_| AtomicU64::new(0)).collect();
            self.here.get_or_init(none)[slot.at as usize].store(revision + 1, Ordering::Relaxed);
        }
    }

    /// Claims the actor of this key, unless the method has a guard.
    #[inline]
    pub(crate) fn claim(
        &self,
        wanted: &Wanted<'_>,
        key: &str,
        slot: Option<KeySlot>,
    ) -> Option<Claim> {
        if self.guarded.any.load(Ordering::Relaxed) {
            return None;
        }
        self.service.claim(wanted, key, slot)
    }

    /// Begins a call of it.
    #[inline]
    pub(crate) fn dispatch(
        &self,
        cx: Cx,
        body: Body<'_>,
        reply: ReplyPort,
    ) -> Option<HandlerFuture> {
        // Made where it is needed, and so not moved there.
        let method = self.method;
        match self.guarded.get() {
            None => self.service.dispatch(Incoming { cx, method, body, reply }),
            Some(guard) => guard.dispatch(&self.service, Incoming { cx, method, body, reply }),
        }
    }
}
