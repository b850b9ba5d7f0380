//! The handlers of one link that are waiting; a CANCEL or the end of the link drops them.

use std::collections::BTreeMap;
use std::sync::Arc;

use guildhall_core::Env;
use guildhall_wire::frame::{Header, LinkKind};
use parking_lot::Mutex;
use tokio::task::AbortHandle;

use crate::dispatch::HandlerFuture;

/// The handlers of one link that have a task.
#[derive(Default)]
pub(crate) struct Running(Mutex<Table>);

#[derive(Default)]
struct Table {
    by_id: BTreeMap<Id, AbortHandle>,
    casts: u64,
}

/// What runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Id {
    /// A call, by the caller's id.
    Call(u64),
    /// A cast: those have no id, so each gets a number here. No CANCEL names it.
    Cast(u64),
}

impl Table {
    fn id(&mut self, header: &Header<LinkKind>) -> Id {
        if header.kind == LinkKind::Call {
            return Id::Call(header.id);
        }
        self.casts += 1;
        Id::Cast(self.casts)
    }
}

impl Running {
    pub(crate) fn len(&self) -> usize {
        self.0.lock().by_id.len()
    }

    /// Drops a handler; whether it was running.
    pub(crate) fn abort(&self, id: Id) -> bool {
        let handler = self.0.lock().by_id.remove(&id);
        handler.inspect(AbortHandle::abort).is_some()
    }

    pub(crate) fn abort_all(&self) {
        let handlers = std::mem::take(&mut self.0.lock().by_id);
        handlers.values().for_each(AbortHandle::abort);
    }

    /// Gives a handler a task of its own. Two calls with one id at a time are an error of the peer's.
    pub(crate) fn spawn(
        self: &Arc<Self>,
        env: &Env,
        header: &Header<LinkKind>,
        handler: HandlerFuture,
    ) -> Result<(), String> {
        let running = Arc::clone(self);
        // Held while the table is filled, so that a handler that ends at once does not end before it is in there.
        let mut table = self.0.lock();
        let id = table.id(header);
        if table.by_id.contains_key(&id) {
            return Err(format!("two calls with the id {:#x} run at a time", header.id));
        }
        let task = env.spawn("handler", async move {
            handler.await;
            running.0.lock().by_id.remove(&id);
        });
        table.by_id.insert(id, task.abort_handle());
        Ok(())
    }
}
