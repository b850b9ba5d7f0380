//! Opens the backends that the configuration names: equal URLs are one client.

mod places;

use std::sync::Arc;

use guildhall_core::backend::{Lazy, Opener, without_secrets};
use guildhall_core::broker::Broker;
use guildhall_core::discovery::Discovery;
use guildhall_core::leases::Leases;
use guildhall_core::queue::Queue;
use guildhall_core::store::{BatchReach, Capabilities, Store, Table, WAKE};
use guildhall_core::{BoxFuture, StartError, Status};
use guildhall_ownership::LeaseBackend;

use crate::call::Cx;
use crate::config::AppConfig;
use crate::observe::seams::{Seam, Seams};
use crate::serve::rows::Tables;

use places::{Opened, Places, Setting, in_memory};

/// The backends of an app.
pub(crate) struct Backends {
    pub(crate) discovery: Arc<dyn Discovery>,
    /// Where there are tables.
    pub(crate) store: Option<Arc<dyn Store>>,
    /// Opened when it is first used, as are those of `later`.
    pub(crate) broker: Lazy<dyn Broker>,
    pub(crate) later: LazyBackends,
    /// Which of them serves each seam.
    pub(crate) seams: Seams,
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
        LeaseBackend { open: Box::new(open), is_private: self.leases.alone().is_some() }
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

/// What decides which backends are opened, and which may be in memory.
pub(crate) struct Wanted<'a> {
    pub(crate) urls: &'a AppConfig,
    pub(crate) tables: &'a Tables,
    /// The app owns actors.
    pub(crate) owns: bool,
}

impl Backends {
    pub(crate) async fn open(
        opener: Opener,
        given: Given,
        Wanted { urls, tables, owns }: Wanted<'_>,
    ) -> Result<Self, StartError> {
        let opener = Arc::new(opener);
        let Given { discovery, broker, queue, leases, store } = given;
        let cluster = match urls.cluster.as_str() {
            "" => None,
            url => Some((url, opener.open("app.cluster", url).await?)),
        };
        let url = discovery.is_none().then(|| urls.discovery_url().to_owned());
        let (discovery, shared) = match discovery {
            Some(discovery) => (discovery, None),
            None => open_discovery(&opener, urls).await?,
        };
        let list = vec![Seam { name: "discovery", url }];
        let mut places = Places { opener: &opener, cluster, shared, list, left: Vec::new() };
        let setting = |seam, key, url| Setting { seam, key, url };
        let at = setting("broker", "app.broker", &urls.broker);
        let broker = places.lazy(&at, broker, |backend| backend.broker)?;
        let at = setting("queue", "app.queue", &urls.queue);
        let queue = places.lazy(&at, queue, |backend| backend.queue)?;
        let at = setting("leases", "app.leases", &urls.leases);
        let leases = places.lazy(&at, leases, |backend| backend.leases)?;
        if let Some(alone) = leases.alone().filter(|alone| owns && alone.unset) {
            // Each of the processes would own every actor.
            return Err(StartError::backend("app.leases", alone.why("app.leases")));
        }
        let at = setting("store", "app.store", &urls.store);
        let url = places.store(&at, store.is_some(), !tables.all().is_empty());
        places.warn();
        let Places { list, .. } = places;
        let store = open_store(&opener, url, store, tables).await?;
        let seams = Seams::new(&opener, list);
        let later = LazyBackends { queue, leases, opener };
        Ok(Self { discovery, store, broker, later, seams })
    }
}

/// The discovery, and its URL and backend where other processes see it too.
async fn open_discovery<'a>(
    opener: &Opener,
    urls: &'a AppConfig,
) -> Result<(Arc<dyn Discovery>, Option<Opened<'a>>), StartError> {
    let (url, own) = (urls.discovery_url(), !urls.discovery.is_empty());
    let key = if own || urls.cluster.is_empty() { "app.discovery" } else { "app.cluster" };
    let backend = opener.open(key, url).await?;
    let discovery = backend.discovery.clone().ok_or_else(|| {
        let shown = without_secrets(url);
        let why = match own {
            true => format!("app.discovery: {shown} is no discovery"),
            false => format!("app.cluster = \"{shown}\" is no discovery, so other apps would not find this one: set app.discovery"),
        };
        StartError::backend(key, why)
    })?;
    Ok((discovery, (!in_memory(url)).then_some((url, backend))))
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
            let (key, shown) = ("app.store", without_secrets(url));
            let store = opener.open(key, url).await?.store;
            let store = store
                .ok_or_else(|| StartError::backend(key, format!("{key}: {shown} is no store")))?;
            if !store.capabilities().durable {
                tracing::warn!("{key} = \"{shown}\": nothing survives a restart");
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
