//! Opens the backends that the configuration names: equal URLs are one client.

use std::sync::Arc;

use guildhall_core::backend::{Lazy, Opener};
use guildhall_core::broker::Broker;
use guildhall_core::discovery::Discovery;
use guildhall_core::leases::Leases;
use guildhall_core::queue::Queue;
use guildhall_core::store::{BatchReach, Capabilities, Store, Table, WAKE};
use guildhall_core::{Backend, BoxFuture, StartError, Status};
use guildhall_ownership::LeaseBackend;

use crate::call::Cx;
use crate::config::AppConfig;
use crate::serve::rows::Tables;

/// The backends of an app.
pub(crate) struct Backends {
    pub(crate) discovery: Arc<dyn Discovery>,
    /// Where there are tables.
    pub(crate) store: Option<Arc<dyn Store>>,
    /// Opened when it is first used, as are those of `later`.
    pub(crate) broker: Lazy<dyn Broker>,
    pub(crate) later: LazyBackends,
}

/// Those that are opened when they are first used.
pub(crate) struct LazyBackends {
    pub(crate) queue: Lazy<dyn Queue>,
    pub(crate) leases: Lazy<dyn Leases>,
    pub(crate) opener: Arc<Opener>,
}

impl LazyBackends {
    /// The lease backend, for ownership.
    pub(crate) fn for_leases(self: &Arc<Self>) -> LeaseBackend {
        let backends = Arc::clone(self);
        let open = move || -> BoxFuture<'static, _> {
            let backends = Arc::clone(&backends);
            Box::pin(async move { backends.leases.get().await.cloned() })
        };
        LeaseBackend { open: Box::new(open), is_private: self.leases.is_alone() }
    }
}

impl Cx {
    /// The queue backend of `app.queue`, opened at its first use.
    ///
    /// # Errors
    /// `Unavailable`: the backend cannot be opened now.
    pub async fn queue(&self) -> Result<Arc<dyn Queue>, Status> {
        self.core.part::<LazyBackends>().queue.get().await.cloned()
    }

    /// The lease backend of `app.leases`. For mutual exclusion between apps use [`Cx::lease`].
    ///
    /// # Errors
    /// `Unavailable`: the backend cannot be opened now.
    pub async fn leases(&self) -> Result<Arc<dyn Leases>, Status> {
        self.core.part::<LazyBackends>().leases.get().await.cloned()
    }
}

/// What the program gave to the app, instead of URLs.
#[derive(Default)]
pub(crate) struct Given {
    pub(crate) discovery: Option<Arc<dyn Discovery>>,
    pub(crate) broker: Option<Arc<dyn Broker>>,
    pub(crate) queue: Option<Arc<dyn Queue>>,
    pub(crate) leases: Option<Arc<dyn Leases>>,
    pub(crate) store: Option<Arc<dyn Store>>,
}

impl Backends {
    pub(crate) async fn open(
        opener: Opener,
        urls: &AppConfig,
        given: Given,
        tables: &Tables,
    ) -> Result<Self, StartError> {
        let opener = Arc::new(opener);
        let (discovery, shared) = match given.discovery {
            Some(discovery) => (discovery, None),
            None => {
                let (key, url) = ("app.discovery", urls.discovery.as_str());
                let backend = opener.open(key, url).await?;
                let discovery = backend.discovery.clone();
                let discovery = discovery.ok_or_else(|| {
                    StartError::backend(key, format!("{key}: {url} is no discovery"))
                })?;
                (discovery, (!in_memory(url)).then_some((url, backend)))
            }
        };
        let store = open_store(&opener, &urls.store, given.store, tables).await?;
        let Given { broker, queue, leases, .. } = given;
        let at = Seams { opener: &opener, shared: shared.as_ref() };
        let broker = at.lazy("app.broker", &urls.broker, broker, |b| b.broker)?;
        let queue = at.lazy("app.queue", &urls.queue, queue, |b| b.queue)?;
        let leases = at.lazy("app.leases", &urls.leases, leases, |b| b.leases)?;
        let later = LazyBackends { queue, leases, opener };
        Ok(Self { discovery, store, broker, later })
    }
}

/// Whether a URL names a backend of this process alone.
fn in_memory(url: &str) -> bool {
    url.split(':').next() == Some("memory")
}

/// Where the seams that are opened at their first use are kept.
struct Seams<'a> {
    opener: &'a Arc<Opener>,
    /// URL and backend of the discovery, where other processes see it too.
    shared: Option<&'a (&'a str, Backend)>,
}

impl Seams<'_> {
    /// The seam that the setting `key` names. An empty setting follows discovery: apps that find each other in a backend
    /// meet there for everything else that it keeps.
    fn lazy<T: ?Sized>(
        &self,
        key: &'static str,
        url: &str,
        given: Option<Arc<T>>,
        seam: fn(Backend) -> Option<Arc<T>>,
    ) -> Result<Lazy<T>, StartError> {
        let url = match self.shared {
            Some((shared, backend)) if url.is_empty() && seam(backend.clone()).is_some() => shared,
            _ if url.is_empty() => "memory:",
            _ => url,
        };
        let alone = self.shared.filter(|_| in_memory(url)).map(|(shared, _)| (*shared).to_owned());
        Lazy::new(self.opener, (key, url), alone, given, seam)
    }
}

async fn open_store(
    opener: &Opener,
    url: &str,
    given: Option<Arc<dyn Store>>,
    tables: &Tables,
) -> Result<Option<Arc<dyn Store>>, StartError> {
    let migrate = tables.migrate()?;
    let tables = tables.all();
    if tables.is_empty() {
        return Ok(given);
    }
    let store = match given {
        Some(store) => store,
        None => {
            let key = "app.store";
            let store = opener.open(key, url).await?.store;
            let store = store
                .ok_or_else(|| StartError::backend(key, format!("{key}: {url} is no store")))?;
            if !store.capabilities().durable {
                tracing::warn!("{key} = \"{url}\": nothing survives a restart");
            }
            store
        }
    };
    let prepared = store.prepare(&tables, migrate).await;
    prepared.map_err(|error| {
        StartError::backend("app.store", format!("app.store: {error}")).with_source(error)
    })?;
    Ok(Some(store))
}

/// Whether the store does what an actor type with these tables needs: to save all its rows at once, and to say whom to wake.
pub(crate) fn check_store(can: Capabilities, tables: &[&'static Table]) -> Result<(), StartError> {
    let wrong = |why: String| {
        let why = format!("app.store {why}: choose another store");
        Err(StartError::backend("app.store", why))
    };
    match tables {
        [first, second, ..] if can.batch == BatchReach::Row => wrong(format!(
            "writes one row at a time, but one actor has the tables {} and {}",
            first.name, second.name
        )),
        [first, ..] if !can.order && first.column(WAKE.number).is_some() => wrong(format!(
            "has no queries in the order of a column, but {} says `wakes: true`",
            first.name
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use guildhall_core::store::{Column, Kind};

    use super::*;

    static BAG: Table = Table {
        name: "bag",
        key: Column { number: 1, name: "id", kind: Kind::Text, unique: false, index: false },
        columns: &[],
    };
    static SLEEPER: Table = Table { name: "sleeper", columns: &[WAKE], ..BAG };

    #[test]
    fn a_store_that_cannot_do_what_an_actor_needs_is_an_error_that_names_the_table() {
        let all = Capabilities { batch: BatchReach::Any, unique: true, order: true, durable: true };
        assert!(check_store(all, &[&SLEEPER, &BAG]).is_ok());
        let rows = Capabilities { batch: BatchReach::Row, ..all };
        assert!(check_store(rows, &[&SLEEPER]).is_ok());
        let error = check_store(rows, &[&SLEEPER, &BAG]).unwrap_err().to_string();
        assert!(
            error.contains("one row at a time") && error.contains("sleeper and bag"),
            "{error}"
        );
        let keys = Capabilities { order: false, ..all };
        assert!(check_store(keys, &[&BAG]).is_ok());
        let error = check_store(keys, &[&SLEEPER]).unwrap_err().to_string();
        assert!(error.contains("order of a column") && error.contains("sleeper says"), "{error}");
    }
}
