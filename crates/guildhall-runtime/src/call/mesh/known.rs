//! Apps that discovery lists and that are dialled on demand: what is known of them, and which of their links are in use.

use std::sync::Arc;

use guildhall_core::AppId;
use guildhall_core::discovery::{NodeRecord, NodeState};
use guildhall_link::{Link, Peers as _, Place};

use super::Mesh;
use super::links::Open;
use super::load::is_same;
use super::nodes::Node;
use super::way::{Dial, Way, Ways};

impl Mesh {
    /// Discovery lists an app that is dialled on demand. What it tells is published with [`Mesh::publish_known`]; whether there is
    /// something to publish.
    pub(crate) fn known(&self, mut record: NodeRecord, dial: &Arc<Dial>) -> bool {
        let mut nodes = self.nodes.lock();
        // What a connection has told is newer, and one that cannot be reached is not used before it can.
        if dial.is_busy() {
            if nodes.get(&record.id).is_some_and(|it| it.record.incarnation < record.incarnation) {
                dial.doubt_connected();
            }
            return false;
        }
        let present = nodes.get(&record.id);
        if present.is_some_and(|present| present.record.incarnation > record.incarnation) {
            return false;
        }
        let same = present.filter(|present| {
            present.open.is_at(dial) && present.record.incarnation == record.incarnation
        });
        if let Some(present) = same {
            if present.record.state == NodeState::Draining {
                record.state = NodeState::Draining;
            }
            if is_same(&present.record, &record) {
                nodes.set_load(&record.id, record.load);
                return false;
            }
        }
        nodes.log_twin(&record);
        let open = Open::on_demand(dial);
        open.set_load(record.load);
        nodes.put(Node::new(record, open));
        true
    }

    /// Publishes what [`Mesh::known`] has learnt, of many apps at once.
    pub(crate) fn publish_known(&self) {
        self.publish(&mut self.nodes.lock());
    }

    /// A connection of this app to here has ended without a word. Where there is none to it, it is dialled, and not reachable until it answers.
    pub(crate) fn probe(&self, id: &AppId) {
        let way = self.nodes.lock().get(id).and_then(|node| node.open.dial().cloned());
        way.inspect(|way| drop(way.link()));
    }

    /// Ids of the apps that there are connections to.
    pub(crate) fn connected(&self) -> Vec<AppId> {
        let nodes = self.nodes.lock();
        let connected = nodes.iter().filter(|node| node.open.is_connected());
        connected.map(|node| node.record.id.clone()).filter(|id| *id != self.id).collect()
    }
}

impl Ways for Mesh {
    fn reached(&self, record: NodeRecord, place: Place, way: Way, dial: &Arc<Dial>) -> bool {
        self.reach(record, place, way, Some(dial))
    }

    fn goes(&self, id: &AppId, link: &Arc<Link>) {
        self.going(id, link);
    }

    fn lose(&self, id: &AppId, place: Place, ways: &[Way]) {
        let mut nodes = self.nodes.lock();
        let Some(Node { open, .. }) = nodes.get_mut(id) else { return };
        if open.lose(place, ways) {
            if open.first().is_none() {
                nodes.remove(id);
            }
            self.publish(&mut nodes);
        }
    }

    fn replace(&self, id: &AppId, place: Place, from: &Way, to: Way) -> bool {
        let mut nodes = self.nodes.lock();
        let Some(Node { open, .. }) = nodes.get_mut(id) else { return false };
        let replaced = open.replace(place, from, to);
        if replaced {
            self.set_view(&mut nodes);
        }
        replaced
    }
}
