//! Resources: a game's own data, loaded from files, and all of it new at once when the files have changed.

mod config;
mod load;
mod watch;

use std::any::{Any, TypeId};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use arc_swap::ArcSwap;
use guildhall_core::Env;
use guildhall_core::config::Config;

use crate::app::App;
use crate::cx::Cx;

pub use config::ResourceConfig;
pub(crate) use load::Loader;
pub use load::{Loading, ResourceError};

/// The resources of an app.
#[derive(Debug)]
pub(crate) struct Resources {
    loaders: Arc<[Loader]>,
    /// Of the present ones; 0 when the app has none, and then nothing below is ever asked.
    version: AtomicU64,
    versions: ArcSwap<Versions>,
}

/// The present version, and earlier ones that calls may still see.
#[derive(Clone, Debug, Default)]
struct Versions {
    present: Arc<Snapshot>,
    /// Ascending.
    earlier: Vec<Earlier>,
}

#[derive(Clone, Debug)]
struct Earlier {
    version: u64,
    snapshot: Weak<Snapshot>,
    /// For calls that have begun and not asked yet.
    kept: Option<Arc<Snapshot>>,
}

/// One version of all resources.
#[derive(Default)]
pub(crate) struct Snapshot {
    version: u64,
    by_type: BTreeMap<TypeId, Arc<dyn Any + Send + Sync>>,
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshot").field("version", &self.version).finish_non_exhaustive()
    }
}

impl App {
    /// Adds a resource: `load` makes it from the files below `resources.dir`, at the start and when they have changed. All
    /// resources change together, or none: when one loader fails, what was loaded before stays.
    #[must_use]
    pub fn resource<T: Send + Sync + 'static>(
        mut self,
        load: impl Fn(&Loading<'_>) -> Result<T, ResourceError> + Send + Sync + 'static,
    ) -> Self {
        self.reloads.loaders.push(Loader::new(load));
        self
    }
}

impl Cx {
    /// A resource. Within a call it is always of the same version, whatever is reloaded meanwhile, and the same for the calls
    /// that are made from it to this app. Outside of calls it is the present one.
    ///
    /// # Panics
    /// When the app has no such resource: see [`App::resource`].
    pub fn resource<T: Send + Sync + 'static>(&self) -> Arc<T> {
        let resources = &self.app.reloads.resources;
        let found = match self.resources {
            0 => resources.versions.load().present.get(),
            version => self.snapshot.get_or_init(|| resources.since(version)).get(),
        };
        let name = std::any::type_name::<T>();
        found.unwrap_or_else(|| panic!("no loader for {name}; add one with App::resource"))
    }
}

impl Snapshot {
    fn get<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        Arc::clone(self.by_type.get(&TypeId::of::<T>())?).downcast().ok()
    }
}

impl Resources {
    pub(crate) fn new(loaders: Vec<Loader>) -> Self {
        let (version, versions) = Default::default();
        Self { loaders: loaders.into(), version, versions }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.loaders.is_empty()
    }

    /// What a call that begins now sees.
    #[inline]
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// The version that a call sees which began under `version`. When that is gone, nobody has seen it who is still there: the
    /// next one that is not, which then stays the next one as long as the call holds it.
    fn since(&self, version: u64) -> Arc<Snapshot> {
        let versions = self.versions.load();
        let mut earlier = versions.earlier.iter().filter(|earlier| earlier.version >= version);
        let earlier = earlier.find_map(|earlier| earlier.snapshot.upgrade());
        earlier.unwrap_or_else(|| Arc::clone(&versions.present))
    }

    /// Loads all anew; nobody sees it yet. `None` when there are none.
    pub(crate) async fn load(
        &self,
        env: &Env,
        config: &Config,
    ) -> Result<Option<Snapshot>, ResourceError> {
        let config = ResourceConfig::of(config)?;
        if self.is_empty() {
            return Ok(None);
        }
        let (loaders, version) = (Arc::clone(&self.loaders), self.version() + 1);
        let loaded = env.blocking(move || load::all(&loaders, &config.dir)).await;
        let by_type = loaded.ok_or_else(|| ResourceError::new("", 0, "a loader panicked"))??;
        Ok(Some(Snapshot { version, by_type }))
    }

    /// Shows what was loaded to the calls that begin from now on; the version before, if any.
    pub(crate) fn publish(&self, snapshot: Snapshot) -> u64 {
        let (version, present) = (snapshot.version, Arc::new(snapshot));
        let Versions { present: old, mut earlier } = Versions::clone(&self.versions.load());
        earlier.retain(|earlier| earlier.snapshot.strong_count() > 0);
        let before = old.version;
        if before > 0 {
            let snapshot = Arc::downgrade(&old);
            earlier.push(Earlier { version: before, snapshot, kept: Some(old) });
        }
        self.versions.store(Arc::new(Versions { present, earlier }));
        // After the store: who reads this number finds that version.
        self.version.store(version, Ordering::Release);
        before
    }

    /// Keeps a version no longer than the calls that have seen it.
    pub(crate) fn forget(&self, version: u64) {
        self.versions.rcu(|versions| {
            let mut versions = Versions::clone(versions);
            versions
                .earlier
                .iter_mut()
                .filter(|e| e.version == version)
                .for_each(|e| e.kept = None);
            versions.earlier.retain(|earlier| earlier.snapshot.strong_count() > 0);
            versions
        });
    }
}
