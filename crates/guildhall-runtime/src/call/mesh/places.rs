//! [`Places`]: which app each slot of an actor type belongs to.

use std::sync::Arc;

use super::Mesh;
use super::group::Group;
use super::instances::Instances;

impl Mesh {
    /// Where the slots of an actor type belong; `None` where no app is ready to have them.
    pub(crate) fn places(&self, actor: &str) -> Option<Places> {
        let view = self.view.load();
        let instances = view.groups.get(&Group::Actor(actor.to_owned()))?;
        (instances.weight > 0).then(|| Places(Arc::clone(instances)))
    }
}

/// Which app each slot of an actor type belongs to, as the view says.
pub(crate) struct Places(Arc<Instances>);

impl Places {
    /// The app.
    pub(crate) fn owner(&self, slot: u32) -> &str {
        self.0.links[self.0.slots.get().owner(slot)].1.first().peer()
    }
}
