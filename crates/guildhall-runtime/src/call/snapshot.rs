//! [`Snapshots`]: the versions of the resources, and which of them a call sees.

use std::any::{Any, TypeId};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use arc_swap::ArcSwap;

/// One version of all resources.
#[derive(Default)]
pub(crate) struct Snapshot {
    version: u64,
    by_type: BTreeMap<TypeId, Arc<dyn Any + Send + Sync>>,
}

impl Snapshot {
    pub(crate) fn new(version: u64, by_type: BTreeMap<TypeId, Arc<dyn Any + Send + Sync>>) -> Self {
        Self { version, by_type }
    }

    pub(crate) fn get<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        Arc::clone(self.by_type.get(&TypeId::of::<T>())?).downcast().ok()
    }
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshot").field("version", &self.version).finish_non_exhaustive()
    }
}

/// The versions of the resources that calls of an app may see.
#[derive(Debug, Default)]
pub(crate) struct Snapshots {
    /// Version of the current resources; 0 when none are loaded, and then nothing below is ever asked.
    version: AtomicU64,
    versions: ArcSwap<Versions>,
}

/// The current version, and earlier ones that calls may still see.
#[derive(Clone, Debug, Default)]
struct Versions {
    current: Arc<Snapshot>,
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

impl Snapshots {
    /// What a call that begins now sees.
    #[inline]
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// The current version.
    pub(crate) fn current(&self) -> Arc<Snapshot> {
        Arc::clone(&self.versions.load().current)
    }

    /// The version that a call sees which began under `version`. When that is gone, no running call has seen it: the next one that
    /// is left, which then stays the next one as long as the call holds it.
    pub(crate) fn since(&self, version: u64) -> Arc<Snapshot> {
        let versions = self.versions.load();
        let mut earlier = versions.earlier.iter().filter(|earlier| earlier.version >= version);
        let earlier = earlier.find_map(|earlier| earlier.snapshot.upgrade());
        earlier.unwrap_or_else(|| Arc::clone(&versions.current))
    }

    /// Shows what was loaded to the calls that begin from now on; the version before, if any.
    pub(crate) fn publish(&self, snapshot: Snapshot) -> u64 {
        let (version, current) = (snapshot.version, Arc::new(snapshot));
        let Versions { current: old, mut earlier } = Versions::clone(&self.versions.load());
        earlier.retain(|earlier| earlier.snapshot.strong_count() > 0);
        let before = old.version;
        if before > 0 {
            let snapshot = Arc::downgrade(&old);
            earlier.push(Earlier { version: before, snapshot, kept: Some(old) });
        }
        self.versions.store(Arc::new(Versions { current, earlier }));
        // After the store: a reader of this number finds that version.
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
