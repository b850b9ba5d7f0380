//! [`ActorPart`]: the parts of the app that actors use.

use std::sync::Arc;

use guildhall_core::store::Store;

use super::runner::Runner;
use crate::actor::any_host::AnyHost;
use crate::actor::outbox::OutboxPart;
use crate::actor::saver::Saver;
use crate::config::{SaveConfig, StoreConfig};
use crate::observe::outage::Outage;
use crate::serve::rows::OpenStore;

/// What actors need of their app.
pub(crate) struct ActorPart {
    /// One host for each actor type.
    pub(crate) hosts: Vec<Arc<dyn AnyHost>>,
    /// `[save]`.
    pub(crate) save: SaveConfig,
    pub(crate) outbox: Arc<OutboxPart>,
    /// `[store]`.
    pub(crate) tables: StoreConfig,
    pub(crate) saver: Saver,
    pub(crate) store: Arc<OpenStore>,
    pub(crate) outage: Arc<Outage>,
    /// One runner for each worker.
    pub(crate) runners: Vec<Arc<Runner>>,
}

impl ActorPart {
    pub(crate) fn store(&self) -> Option<Arc<dyn Store>> {
        self.store.get()
    }
}
