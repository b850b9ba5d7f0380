//! Calls with a callback: the caller goes on at once, and the callback gets the result.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use guildhall_core::metrics::LiveCount;
use guildhall_core::status::reason;
use guildhall_core::{Code, Status};
use tokio::task::AbortHandle;

use crate::call::Cx;

/// A handle of a call that was started with [`Cx::spawn_call`]. Dropping it does not cancel the call.
#[derive(Clone, Debug)]
pub struct CallHandle {
    task: AbortHandle,
    decided: Arc<AtomicBool>,
}

/// The calls with a callback that are under way.
#[derive(Debug)]
pub(crate) struct Callbacks(pub(crate) LiveCount);

/// One of them.
struct Place(Arc<Callbacks>);

impl Place {
    fn new(all: Arc<Callbacks>) -> Self {
        all.0.begin();
        Self(all)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.0.end();
    }
}

impl CallHandle {
    /// Cancels the call, as dropping its future would. Returns whether it was in time; if so, the callback never runs.
    pub fn cancel(&self) -> bool {
        let in_time = !self.decided.swap(true, Ordering::AcqRel);
        if in_time {
            self.task.abort();
        }
        in_time
    }
}

impl Cx {
    /// Starts one or several calls without waiting, and passes the result to `callback` on the caller's worker.
    ///
    /// The `Cx` that `call` gets has the deadline, session and metadata of this one, but does not belong to its turn: an actor may end
    /// its turn meanwhile, and the calls may call the actor. The callback has no access to the state of an actor; it can cast to the
    /// actor. A draining app waits for calls with a callback.
    ///
    /// ```no_run
    /// # use guildhall::Cx;
    /// # async fn find(_cx: &Cx) -> u32 { 0 }
    /// # fn begin(cx: &Cx) -> Result<(), guildhall::Status> {
    /// let handle = cx.spawn_call(|cx| async move { find(&cx).await }, |found| tracing::info!(found))?;
    /// let in_time = handle.cancel();
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// `OVERLOADED`, `NotRun`: `call.callbacks_max` such calls are in flight.
    pub fn spawn_call<T, Call>(
        &self,
        call: impl FnOnce(Self) -> Call,
        callback: impl FnOnce(T) + Send + 'static,
    ) -> Result<CallHandle, Status>
    where
        T: Send + 'static,
        Call: Future<Output = T> + Send + 'static,
    {
        let (place, max) = (Place::new(self.core.shared()), self.core.calls.callbacks_max);
        if place.0.0.get() > max {
            let why = format!("{max} calls with a callback are under way (call.callbacks_max)");
            return Err(Status::not_run(Code::ResourceExhausted, reason::OVERLOADED, why));
        }
        let decided = Arc::new(AtomicBool::new(false));
        let (call, ours) = (call(self.detached()), Arc::clone(&decided));
        let task = self.core.env.spawn("callback", async move {
            let _place = place;
            let result = call.await;
            if !ours.swap(true, Ordering::AcqRel) {
                callback(result);
            }
        });
        Ok(CallHandle { task: task.abort_handle(), decided })
    }

    /// The same context without the turn that it came from: no caller waits for the calls that are made from it.
    fn detached(&self) -> Self {
        let mut detached = Self { turn: None, cancel: None, is_command: false, ..self.clone() };
        if let Some(head) = detached.head.as_mut().filter(|head| !head.chain.is_empty()) {
            Arc::make_mut(head).chain.clear();
        }
        detached
    }
}
