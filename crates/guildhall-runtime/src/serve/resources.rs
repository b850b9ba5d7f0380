//! Resources: game data loaded from files, and replaced as a whole by a reload.

mod load;
mod config;

use std::sync::Arc;

use guildhall_core::Env;
use guildhall_core::config::Config;

use crate::call::{Cx, Snapshot};

pub use config::ResourceConfig;
pub(crate) use load::Loader;

pub use load::{Loading, ResourceError};

/// The loaders of an app's resources.
#[derive(Debug)]
pub(crate) struct Resources {
    loaders: Arc<[Loader]>,
}

impl Cx {
    /// A resource. Within a call it is always of the same version, whatever is reloaded meanwhile, and the same for the calls
    /// that are made from it to this app. Outside of calls it is the present one.
    ///
    /// # Panics
    /// When the app has no such resource: see [`App::resource`](crate::App::resource).
    pub fn resource<T: Send + Sync + 'static>(&self) -> Arc<T> {
        let snapshots = &self.core.snapshots;
        let found = match self.resources {
            0 => snapshots.current().get(),
            version => self.snapshot.get_or_init(|| snapshots.since(version)).get(),
        };
        let name = std::any::type_name::<T>();
        found.unwrap_or_else(|| panic!("no loader for {name}; add one with App::resource"))
    }
}

impl Resources {
    pub(crate) fn new(loaders: Vec<Loader>) -> Self {
        Self { loaders: loaders.into() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.loaders.is_empty()
    }

    /// Loads `version` of all resources; no call sees it yet. `None` when the app has no resources.
    pub(crate) async fn load(
        &self,
        env: &Env,
        config: &Config,
        version: u64,
    ) -> Result<Option<Snapshot>, ResourceError> {
        let config = ResourceConfig::of(config)?;
        if self.is_empty() {
            return Ok(None);
        }
        let loaders = Arc::clone(&self.loaders);
        let loaded = env.blocking(move || load::all(&loaders, &config.dir)).await;
        let by_type = loaded.ok_or_else(|| ResourceError::new("", 0, "a loader panicked"))??;
        Ok(Some(Snapshot::new(version, by_type)))
    }
}
