//! Apps whose lease sessions are over: they own no actors, although they may hang with their links as they were.

use std::collections::BTreeMap;

use guildhall_core::discovery::NodeRecord;
use guildhall_core::{AppId, Incarnation};

use super::Mesh;
use super::group::Group;
use super::links::Links;

impl Mesh {
    /// The lease session of a life of an app is over: its actors belong to others, until it has one again. It may hang, with its links
    /// and its record in discovery as they were.
    pub(crate) fn session_ends(&self, id: &AppId, incarnation: Incarnation) {
        let mut nodes = self.nodes.lock();
        let Some((record, open)) = nodes.get_mut(id) else { return };
        if *id == self.id || record.incarnation != incarnation {
            return;
        }
        open.doubt();
        // It cannot be asked for slots until it answers: what asks it would fail at once, and ask again.
        if open.first().is_none() {
            nodes.remove(id);
        }
        self.sessionless.lock().insert(id.clone(), incarnation);
        self.publish(&nodes);
    }

    /// A life of an app has a lease session.
    pub(crate) fn session_begins(&self, id: &AppId, incarnation: Incarnation) {
        let nodes = self.nodes.lock();
        let mut sessionless = self.sessionless.lock();
        if sessionless.get(id).is_some_and(|over| *over <= incarnation) {
            sessionless.remove(id);
            drop(sessionless);
            self.publish(&nodes);
        }
    }

    /// Takes apps whose lease sessions are over out of the groups of actors, where another app is left. Where no app has a session, calls
    /// wait at those that had one: they suspend their actors, and go on.
    pub(super) fn leave_out_sessionless(
        &self,
        members: &mut BTreeMap<Group, Vec<(&NodeRecord, Links)>>,
    ) {
        let sessionless = self.sessionless.lock();
        let owns = |record: &NodeRecord| sessionless.get(&record.id) != Some(&record.incarnation);
        for (_, members) in members.iter_mut().filter(|(group, _)| group.actor().is_some()) {
            if members.iter().any(|(record, _)| owns(record) && record.weight > 0) {
                members.retain(|(record, _)| owns(record));
            }
        }
    }
}
