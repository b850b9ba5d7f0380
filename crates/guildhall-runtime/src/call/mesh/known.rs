//! Apps that discovery lists and that are dialled on demand: what is known of them, and which of their links are in use.

use std::sync::Arc;

use guildhall_core::AppId;
use guildhall_core::discovery::{NodeRecord, NodeState};
use guildhall_link::{Link, Peers as _, Place};

use super::Mesh;
use super::links::{Open, log_twin};
use super::load::is_same;
use super::way::{Dial, Way, Ways};

impl Mesh {
    /// Discovery lists an app that is dialled on demand. What it tells is published with [`Mesh::publish_known`]; whether there is
    /// something to publish.
    pub(crate) fn known(&self, record: &NodeRecord, dial: &Arc<Dial>) -> bool {
        let mut nodes = self.nodes.lock();
        // What a connection has told is newer, and one that cannot be reached is not used before it can.
        if dial.is_busy() {
            if nodes.get(&record.id).is_some_and(|(it, _)| it.incarnation < record.incarnation) {
                dial.doubt_connected();
            }
            return false;
        }
        match nodes.get_mut(&record.id) {
            Some((present, _)) if present.incarnation > record.incarnation => return false,
            Some((present, open))
                if open.is_at(dial) && present.incarnation == record.incarnation =>
            {
                let mut record = record.clone();
                if present.state == NodeState::Draining {
                    record.state = NodeState::Draining;
                }
                let news = !is_same(present, &record);
                *present = record;
                return news;
            }
            _ => {}
        }
        log_twin(&nodes, record);
        let open = Open::on_demand(dial);
        open.set_load(record.load);
        nodes.insert(record.id.clone(), (record.clone(), open));
        true
    }

    /// Publishes what [`Mesh::known`] has learnt, of many apps at once.
    pub(crate) fn publish_known(&self) {
        self.publish(&self.nodes.lock());
    }

    /// Ids of the apps that there are connections to.
    pub(crate) fn connected(&self) -> Vec<AppId> {
        let nodes = self.nodes.lock();
        let connected = nodes.iter().filter(|(_, (_, open))| open.is_connected());
        connected.map(|(id, _)| id.clone()).filter(|id| *id != self.id).collect()
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
        let Some((_, open)) = nodes.get_mut(id) else { return };
        if open.lose(place, ways) {
            if open.first().is_none() {
                nodes.remove(id);
            }
            self.publish(&nodes);
        }
    }

    fn replace(&self, id: &AppId, place: Place, from: &Way, to: Way) -> bool {
        let mut nodes = self.nodes.lock();
        let Some((_, open)) = nodes.get_mut(id) else { return false };
        let replaced = open.replace(place, from, to);
        if replaced {
            self.set_view(&nodes);
        }
        replaced
    }
}
