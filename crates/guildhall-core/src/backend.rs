//! Backends by URL: a plugin declares its schemes and opens their URLs.

mod outage;
mod url;
mod opener;
mod lazy;

use std::sync::Arc;

use bytes::Bytes;

use crate::broker::Broker;
use crate::broker::memory::MemoryBroker;
use crate::discovery::Discovery;
use crate::discovery::memory::MemoryDiscovery;
use crate::discovery::static_list::StaticList;
use crate::env::Net;
use crate::leases::Leases;
use crate::leases::memory::MemoryLeases;
use crate::queue::Queue;
use crate::queue::memory::MemoryQueue;
use crate::store::Store;
use crate::store::memory::MemoryStore;
use crate::{AppId, BoxFuture, Config, Env};

pub use lazy::{Alone, Lazy};
pub use opener::Opener;
pub use outage::{Outage, ServerHealth};
pub use url::without_secrets;

/// An open backend: the seams that it implements.
#[derive(Clone, Default)]
pub struct Backend {
    /// The discovery backend.
    pub discovery: Option<Arc<dyn Discovery>>,
    /// The broker.
    pub broker: Option<Arc<dyn Broker>>,
    /// The queue backend.
    pub queue: Option<Arc<dyn Queue>>,
    /// The lease backend.
    pub leases: Option<Arc<dyn Leases>>,
    /// The store.
    pub store: Option<Arc<dyn Store>>,
    /// A network of its own, for links between apps that reach this server and not each other: `link.over`.
    pub net: Option<Arc<dyn Net>>,
    /// Whether the server answers, for `/readyz` and `guildhall status`; `None` where there is no server.
    pub outage: Option<Outage>,
}

impl std::fmt::Debug for Backend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Backend")
            .field("discovery", &self.discovery.is_some())
            .field("broker", &self.broker.is_some())
            .field("queue", &self.queue.is_some())
            .field("leases", &self.leases.is_some())
            .field("store", &self.store.is_some())
            .field("net", &self.net.is_some())
            .field("outage", &self.outage)
            .finish()
    }
}

/// A plugin, registered with `App::plugin`, which opens URLs with its schemes. An `Arc<dyn Plugin>` and a `Box<dyn Plugin>` are plugins
/// too, so that a program can keep a list of them.
pub trait Plugin: Send + Sync + 'static {
    /// The schemes of its URLs, without the colon.
    fn schemes(&self) -> &'static [&'static str];

    /// Opens a URL. The runtime opens equal URLs once.
    fn open<'a>(&'a self, opening: Opening<'a>) -> BoxFuture<'a, Result<Backend, BackendError>>;

    /// Reads the settings document at a URL, for `app.config`: once, as it is now, within a deadline of the plugin, and without leaving
    /// anything open. What is in it is for the caller to check.
    ///
    /// # Errors
    /// There is no such document, or no answer; or these backends keep none, as here where the plugin has no such function.
    fn document<'a>(&'a self, opening: Opening<'a>) -> BoxFuture<'a, Result<Bytes, BackendError>> {
        Box::pin(async move { Err(opening.error("such a backend keeps no settings document")) })
    }
}

impl<P: Plugin + ?Sized> Plugin for Arc<P> {
    fn schemes(&self) -> &'static [&'static str] {
        (**self).schemes()
    }

    fn open<'a>(&'a self, opening: Opening<'a>) -> BoxFuture<'a, Result<Backend, BackendError>> {
        (**self).open(opening)
    }

    fn document<'a>(&'a self, opening: Opening<'a>) -> BoxFuture<'a, Result<Bytes, BackendError>> {
        (**self).document(opening)
    }
}

impl<P: Plugin + ?Sized> Plugin for Box<P> {
    fn schemes(&self) -> &'static [&'static str] {
        (**self).schemes()
    }

    fn open<'a>(&'a self, opening: Opening<'a>) -> BoxFuture<'a, Result<Backend, BackendError>> {
        (**self).open(opening)
    }

    fn document<'a>(&'a self, opening: Opening<'a>) -> BoxFuture<'a, Result<Bytes, BackendError>> {
        (**self).document(opening)
    }
}

/// The URL to open, and the app that opens it.
#[derive(Clone, Copy)]
pub struct Opening<'a> {
    /// The `Env` of the app: tasks that the backend starts with it end with the app.
    pub env: &'a Env,
    /// The configuration of the app, for settings that are not in the URL.
    pub config: &'a Config,
    /// The app.
    pub id: &'a AppId,
    /// The URL.
    pub url: &'a str,
}

impl std::fmt::Debug for Opening<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opening")
            .field("id", &self.id)
            .field("url", &without_secrets(self.url))
            .finish_non_exhaustive()
    }
}

impl Opening<'_> {
    /// The error of a URL that cannot be opened.
    pub fn error(&self, message: impl Into<String>) -> BackendError {
        BackendError { url: without_secrets(self.url), message: message.into() }
    }
}

/// The error of opening a URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("backend `{url}`: {message}")]
pub struct BackendError {
    /// The URL, without its secrets.
    pub url: String,
    /// The problem, and what to do.
    pub message: String,
}

/// The built-in backends `memory:` and `static:`.
#[derive(Debug, Clone, Copy)]
pub struct BuiltIn;

impl Plugin for BuiltIn {
    fn schemes(&self) -> &'static [&'static str] {
        &["memory", "static"]
    }

    fn open<'a>(&'a self, opening: Opening<'a>) -> BoxFuture<'a, Result<Backend, BackendError>> {
        Box::pin(async move {
            if let Some(list) = opening.url.strip_prefix("static:") {
                let list = StaticList::parse(list).map_err(|message| opening.error(message))?;
                return Ok(Backend { discovery: Some(Arc::new(list)), ..Backend::default() });
            }
            let env = || opening.env.clone();
            Ok(Backend {
                discovery: Some(Arc::new(MemoryDiscovery::new(env()))),
                broker: Some(Arc::new(MemoryBroker::new())),
                queue: Some(Arc::new(MemoryQueue::new(env()))),
                leases: Some(Arc::new(MemoryLeases::new(env()))),
                store: Some(Arc::new(MemoryStore::new())),
                ..Backend::default()
            })
        })
    }
}
