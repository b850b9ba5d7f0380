//! Apps whose lease sessions are over: they own no actors, although they may hang with their links as they were.

use guildhall_core::{AppId, Incarnation};

use super::Mesh;
use super::nodes::Node;

impl Mesh {
    /// The lease session of a life of an app is over: its actors belong to others, until it has one again. It may hang, with its links
    /// and its record in discovery as they were.
    pub(crate) fn session_ends(&self, id: &AppId, incarnation: Incarnation) {
        let mut nodes = self.nodes.lock();
        let Some(Node { record, open, .. }) = nodes.get_mut(id) else { return };
        if *id == self.id || record.incarnation != incarnation {
            return;
        }
        open.doubt();
        // It cannot be asked for slots until it answers: what asks it would fail at once, and ask again.
        if open.first().is_none() {
            nodes.remove(id);
        }
        self.sessionless.lock().insert(id.clone(), incarnation);
        self.publish(&mut nodes);
    }

    /// A life of an app has a lease session.
    pub(crate) fn session_begins(&self, id: &AppId, incarnation: Incarnation) {
        let mut nodes = self.nodes.lock();
        let mut sessionless = self.sessionless.lock();
        if sessionless.get(id).is_some_and(|over| *over <= incarnation) {
            sessionless.remove(id);
            drop(sessionless);
            let _touched = nodes.get_mut(id);
            self.publish(&mut nodes);
        }
    }
}
