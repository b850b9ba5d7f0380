//! Backends are URLs: a plugin names its schemes and opens them.

use std::sync::Arc;

use crate::broker::Broker;
use crate::broker::memory::MemoryBroker;
use crate::discovery::Discovery;
use crate::discovery::memory::MemoryDiscovery;
use crate::discovery::static_list::StaticList;
use crate::store::Store;
use crate::store::memory::MemoryStore;
use crate::{BoxFuture, Env};

/// An open backend: the seams that it implements.
#[derive(Clone, Default)]
pub struct Backend {
    /// Apps register and are watched here.
    pub discovery: Option<Arc<dyn Discovery>>,
    /// Messages go to subscribers by topic here.
    pub broker: Option<Arc<dyn Broker>>,
    /// Entities are kept here.
    pub store: Option<Arc<dyn Store>>,
}

impl std::fmt::Debug for Backend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Backend")
            .field("discovery", &self.discovery.is_some())
            .field("broker", &self.broker.is_some())
            .field("store", &self.store.is_some())
            .finish()
    }
}

/// A vendor: registered by the program with `App::plugin`, asked for the URLs whose scheme it names.
pub trait Plugin: Send + Sync + 'static {
    /// What its URLs begin with, without the colon.
    fn schemes(&self) -> &'static [&'static str];

    /// Opens `url`. The runtime opens equal URLs once.
    fn open<'a>(
        &'a self,
        env: &'a Env,
        url: &'a str,
    ) -> BoxFuture<'a, Result<Backend, BackendError>>;
}

/// Why a URL could not be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("backend `{url}`: {message}")]
pub struct BackendError {
    /// The URL, without its secrets.
    pub url: String,
    /// What is wrong and what to do.
    pub message: String,
}

/// The backends that need no vendor: `memory:` and `static:`.
#[derive(Debug, Clone, Copy)]
pub struct BuiltIn;

impl Plugin for BuiltIn {
    fn schemes(&self) -> &'static [&'static str] {
        &["memory", "static"]
    }

    fn open<'a>(
        &'a self,
        env: &'a Env,
        url: &'a str,
    ) -> BoxFuture<'a, Result<Backend, BackendError>> {
        Box::pin(async move {
            if let Some(list) = url.strip_prefix("static:") {
                let list = StaticList::parse(list)
                    .map_err(|message| BackendError { url: url.to_owned(), message })?;
                return Ok(Backend { discovery: Some(Arc::new(list)), ..Backend::default() });
            }
            Ok(Backend {
                discovery: Some(Arc::new(MemoryDiscovery::new(env.clone()))),
                broker: Some(Arc::new(MemoryBroker::new())),
                store: Some(Arc::new(MemoryStore::new())),
            })
        })
    }
}
