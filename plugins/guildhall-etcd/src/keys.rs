//! [`Keys`]: names of everything that is kept in etcd.

use bytes::Bytes;
use guildhall_core::AppId;
use guildhall_core::store::Holder;

/// The keys of one deployment: `PREFIX/ENV/...`.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    root: String,
}

impl Keys {
    pub(crate) fn new(prefix: &str, deployment: &str) -> Self {
        Self { root: format!("{prefix}/{deployment}") }
    }

    /// Before the id of each app that is registered.
    pub(crate) fn nodes(&self) -> Bytes {
        format!("{}/nodes/", self.root).into()
    }

    pub(crate) fn node(&self, id: &AppId) -> Bytes {
        format!("{}/nodes/{id}", self.root).into()
    }

    /// Before each id that is held.
    pub(crate) fn held(&self) -> String {
        format!("{}/held/", self.root)
    }

    pub(crate) fn lease(&self, id: &str) -> Bytes {
        (self.held() + id).into()
    }

    /// Ends with a dot, so that none is the beginning of another.
    pub(crate) fn session(&self, holder: &Holder) -> Bytes {
        format!("{}/sessions/{holder}.", self.root).into()
    }

    pub(crate) fn recorded(&self, name: &str) -> Bytes {
        format!("{}/recorded/{name}", self.root).into()
    }

    /// What is added to a revision to have an epoch.
    pub(crate) fn epoch_base(&self) -> Bytes {
        format!("{}/epoch-base", self.root).into()
    }
}

/// The first key after all that begin with `prefix`.
pub(crate) fn after(prefix: &[u8]) -> Bytes {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if let Some(next) = last.checked_add(1) {
            end.push(next);
            return end.into();
        }
    }
    // All keys.
    Bytes::from_static(&[0])
}
