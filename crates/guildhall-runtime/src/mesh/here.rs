//! Whether a key falls to this app.

use guildhall_core::{AppId, slot_of};

use super::Mesh;

impl Mesh {
    /// Whether calls of `service` with this key go to the app `me`.
    pub(crate) fn is_here(&self, service: &str, key: &str, me: &AppId) -> bool {
        let view = self.view.load();
        let instances = view.services.get(service).filter(|instances| instances.weight > 0);
        instances.is_some_and(|instances| {
            let at = instances.slots.owner(slot_of(key, self.slots));
            instances.links[at].1.first().peer() == me.as_str()
        })
    }
}
