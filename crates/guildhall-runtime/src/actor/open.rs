//! Makes the host of an actor type and its services.

use std::marker::PhantomData;
use std::sync::Arc;

use guildhall_core::config::Config;
use guildhall_core::metrics::{LiveCount, Metrics};
use guildhall_core::store::WAKE;
use guildhall_core::{ActorKey as _, Env, KeyKind, StartError};
use guildhall_entity::ActorState as _;
use guildhall_ownership::{SlotMeters, SlotTable};

use super::any_host::AnyHost;
use super::config::ActorConfig;
use super::engine::{Endpoint, Host, HostParts};
use super::services::ActorServices;
use super::{Actor, turns};
use crate::call::service::Service;

/// An actor type of an app, before it runs.
pub(crate) struct ActorType {
    pub(crate) name: &'static str,
    pub(crate) open: OpenHost,
}

impl ActorType {
    /// The type `A`, whose services are known by their type.
    pub(crate) fn new<A: Actor, S: ActorServices<A>>(_services: S) -> Self {
        Self { name: A::NAME, open: open::<A, S> }
    }
}

type OpenHost = fn(&Config, &ActorConfig, &World<'_>) -> Result<Registered, StartError>;

/// What a host is opened in.
pub(crate) struct World<'a> {
    pub(crate) env: &'a Env,
    pub(crate) metrics: &'a Metrics,
    pub(crate) workers: usize,
    /// Slots of actor types that name no number.
    pub(crate) slots: u32,
}

/// An actor type of an app.
pub(crate) struct Registered {
    pub(crate) services: Vec<Arc<dyn Service>>,
    pub(crate) host: Arc<dyn AnyHost>,
    pub(crate) key: KeyKind,
}

/// Makes the host and its services.
fn open<A: Actor, S: ActorServices<A>>(
    config: &Config,
    all: &ActorConfig,
    world: &World<'_>,
) -> Result<Registered, StartError> {
    let knobs = ActorConfig::of(A::NAME, all, config)?;
    knobs.check(A::NAME).map_err(|why| StartError::setting(format!("actor.{}", A::NAME), why))?;
    let mut services = Vec::new();
    S::descs(&mut services);
    if knobs.resident > 0 && services.is_empty() {
        let (name, count) = (A::NAME, knobs.resident);
        let key = format!("actor.{name}.resident");
        let why = format!("{key} is {count}; residents need a service to be found by");
        return Err(StartError::setting(key, why));
    }
    let tables = A::State::tables();
    if knobs.resident_rows && tables.is_empty() {
        let key = format!("actor.{}.resident_rows", A::NAME);
        let why = format!("{key} is true, and the type has no entity");
        return Err(StartError::setting(key, why));
    }
    let help = "Actors in memory, those that are about to become active included";
    let in_memory = world.metrics.gauge("guildhall_actors", help, &["actor"])?;
    let count = LiveCount::default();
    in_memory.adopt(&[A::NAME], count.live());
    let meters = SlotMeters::new(world.metrics, A::NAME)?;
    let host = Arc::new(Host::<A, S>::new(HostParts {
        slots: SlotTable::new(A::NAME, knobs.slots(world.slots), knobs.pinned, meters),
        wakes: tables.first().is_some_and(|table| table.column(WAKE.number).is_some()),
        config: knobs,
        tables,
        services: services.clone(),
        workers: u32::try_from(world.workers).unwrap_or(u32::MAX),
        count,
        seed: world.env.random(),
        turns: turns::turns::<A, S>(),
    }));
    let endpoint = |(service, desc)| {
        let host = Arc::clone(&host);
        Arc::new(Endpoint::<A, S> { host, service, desc, actor: PhantomData }) as Arc<dyn Service>
    };
    Ok(Registered {
        services: services.into_iter().enumerate().map(endpoint).collect(),
        host,
        key: A::Key::KIND,
    })
}
