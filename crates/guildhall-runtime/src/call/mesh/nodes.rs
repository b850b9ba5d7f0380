//! [`Nodes`]: the apps that are known, and which groups of the view their changes concern.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use guildhall_core::AppId;
use guildhall_core::discovery::NodeRecord;

use super::group::Group;
use super::links::Open;

/// The apps by id. Whatever may change an app notes its groups: only these are made again in the next view.
#[derive(Debug, Default)]
pub(super) struct Nodes {
    all: BTreeMap<AppId, Node>,
    touched: BTreeSet<Group>,
}

/// An app.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) record: NodeRecord,
    pub(super) open: Open,
    /// Its services, and the group of each.
    pub(super) services: Vec<(Arc<str>, Group)>,
}

impl Node {
    pub(super) fn new(record: NodeRecord, open: Open) -> Self {
        let services = record.services.iter();
        let services = services.map(|name| (name.as_str().into(), Group::of(&record, name)));
        Self { services: services.collect(), record, open }
    }

    /// Its groups, some more than once.
    fn groups(&self) -> impl Iterator<Item = Group> {
        self.services.iter().map(|(_, group)| group.clone())
    }
}

impl Nodes {
    pub(super) fn get(&self, id: &AppId) -> Option<&Node> {
        self.all.get(id)
    }

    /// To change it.
    pub(super) fn get_mut(&mut self, id: &AppId) -> Option<&mut Node> {
        let node = self.all.get_mut(id)?;
        self.touched.extend(node.groups());
        Some(node)
    }

    pub(super) fn put(&mut self, node: Node) {
        self.touched.extend(node.groups());
        if let Some(before) = self.all.insert(node.record.id.clone(), node) {
            self.touched.extend(before.groups());
        }
    }

    pub(super) fn remove(&mut self, id: &AppId) -> Option<Node> {
        let node = self.all.remove(id)?;
        self.touched.extend(node.groups());
        Some(node)
    }

    /// What an app has told of its load, which is no news for the view.
    pub(super) fn set_load(&mut self, id: &AppId, load: u32) {
        if let Some(node) = self.all.get_mut(id) {
            node.record.load = load;
            node.open.set_load(load);
        }
    }

    /// All, by ascending id.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &Node> {
        self.all.values()
    }

    /// Logs that another app has the logic address of this one.
    pub(super) fn log_twin(&self, record: &NodeRecord) {
        if record.logic_addr.is_none() {
            return;
        }
        let twin =
            |other: &NodeRecord| other.logic_addr == record.logic_addr && other.id != record.id;
        if let Some(other) = self.iter().map(|node| &node.record).find(|other| twin(other)) {
            let addr = record.logic_addr.map(|addr| addr.to_string());
            tracing::error!(app = %record.id, other = %other.id, addr, "duplicate logic address");
        }
    }

    #[cfg(test)]
    pub(super) fn touch_all(&mut self) {
        self.touched.extend(self.all.values().flat_map(Node::groups));
    }

    /// The groups to make again, of which none is noted from now on.
    pub(super) fn take_touched(&mut self) -> BTreeSet<Group> {
        std::mem::take(&mut self.touched)
    }
}
