//! The tasks that keep an app's ownership.

use std::sync::Arc;

use tokio::task::JoinHandle;

use crate::ownership::Ownership;

impl Ownership {
    /// Starts the tasks that keep the session and the slots, until the app ends. An app without actors opens its session with the first
    /// game lease.
    pub fn start(self: &Arc<Self>) -> Vec<JoinHandle<Option<()>>> {
        let own = || Arc::clone(self);
        let mut tasks = vec![self.env.spawn("lease-peers", own().watch_marks())];
        if self.has_hosts() {
            tasks.push(self.env.spawn("lease-session", own().keep_session()));
            tasks.push(self.env.spawn("ownership", own().keep_slots()));
        }
        tasks
    }
}
