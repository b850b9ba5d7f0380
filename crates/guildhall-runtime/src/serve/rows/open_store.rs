//! [`OpenStore`]: the store of a running app.

use std::sync::Arc;

use guildhall_core::store::Store;
use parking_lot::RwLock;

/// The store of an app, where it has one. Given back when the app has ended, so that a forgotten `Cx` keeps no file open.
#[derive(Default)]
pub(crate) struct OpenStore(RwLock<Option<Arc<dyn Store>>>);

impl OpenStore {
    pub(crate) fn new(store: Option<Arc<dyn Store>>) -> Self {
        Self(RwLock::new(store))
    }

    pub(crate) fn get(&self) -> Option<Arc<dyn Store>> {
        self.0.read().clone()
    }

    /// Gives the store back: from now on there is none.
    pub(crate) fn close(&self) {
        self.0.write().take();
    }
}
