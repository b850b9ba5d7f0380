//! [`OwnCalls`]: the calls of an app to itself that wait for their reply, within the bounds of one link: `link.pending_max`,
//! `link.running_max`, and `link.frame_max` for bodies, so that a game behaves the same when its apps are split.

mod waits;
mod run;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use guildhall_core::env::Instant;
use guildhall_core::status::reason;
use guildhall_core::{Code, Effect, Status};
use guildhall_link::Endpoint;
use guildhall_wire::TooLarge;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::any_slot::AnySlot;
use waits::Waits;

pub(super) use run::{Nested, in_place, spawn};

/// The calls of an app to itself that wait for their reply, and how many handlers run for such calls and casts.
pub(crate) struct OwnCalls {
    endpoint: Arc<Endpoint>,
    waits: Mutex<Waits>,
    /// How many there are in `waits`.
    live: AtomicUsize,
    /// The app has ended.
    closed: AtomicBool,
    /// Woken when a deadline is earlier than the one that is waited for.
    earlier: Notify,
    /// Handlers that have a task.
    running: AtomicUsize,
    /// Whether requests and replies are encoded in any case, as on a link: for tests.
    pub(super) encodes: bool,
}

impl OwnCalls {
    pub(crate) fn new(endpoint: &Arc<Endpoint>, encodes: bool) -> Arc<Self> {
        Arc::new(Self {
            endpoint: Arc::clone(endpoint),
            waits: Mutex::default(),
            live: AtomicUsize::new(0),
            closed: AtomicBool::new(false),
            earlier: Notify::new(),
            running: AtomicUsize::new(0),
            encodes,
        })
    }

    /// The id of the app.
    pub(crate) fn peer(&self) -> &str {
        self.endpoint.id.as_str()
    }

    /// Calls that wait for their reply.
    pub(crate) fn waiting(&self) -> usize {
        self.live.load(Ordering::Relaxed)
    }

    /// Whether a body is small enough for a link.
    pub(super) fn fits(&self, size: usize) -> Result<(), TooLarge> {
        let max = self.endpoint.config.frame_max;
        if size > max { Err(TooLarge { size, max }) } else { Ok(()) }
    }

    /// A call has arrived.
    pub(crate) fn arrives(&self) {
        self.endpoint.meters.in_flight.begin();
    }

    /// A call that has arrived has its answer: counts it; returns the time.
    pub(super) fn answered(&self, meter: usize, code: Code, arrived: Instant) -> Instant {
        let Endpoint { env, meters, .. } = &*self.endpoint;
        let now = env.now();
        meters.served.answered_one(meter, code, now.saturating_duration_since(arrived));
        meters.in_flight.end();
        now
    }

    /// Counts a call whose turn has ended in the poll of its caller.
    pub(super) fn served_at_once(&self, meter: usize, code: Code, took: Duration) {
        self.endpoint.meters.served.answered_one(meter, code, took);
    }

    /// Fails calls at their deadlines until the app ends, and then all that wait.
    pub(crate) async fn drive(self: Arc<Self>) {
        let end = CloseOnDrop(self);
        let (own, env) = (&*end.0, &end.0.endpoint.env);
        loop {
            let next = own.waits.lock().earliest();
            let expiry = async {
                match next {
                    Some(deadline) => env.sleep_until(deadline).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = own.earlier.notified() => {}
                () = expiry => {
                    let expired = own.waits.lock().expire(env.now());
                    for slot in expired {
                        let status = Status::new(Code::DeadlineExceeded, "no reply within the deadline");
                        slot.fail(status.with_reason(reason::EXPIRED));
                    }
                }
            }
        }
    }

    fn close(&self) {
        self.closed.store(true, Ordering::Release);
        let waiting = self.waits.lock().all();
        waiting.into_iter().for_each(|slot| slot.fail(self.ended()));
    }

    fn ended(&self) -> Status {
        let why = format!("the app {} has ended", self.peer());
        Status::new(Code::Unavailable, why).with_reason(reason::LOST)
    }

    /// Whether one more call may wait.
    pub(super) fn admit(&self) -> Result<(), Status> {
        if self.closed.load(Ordering::Acquire) {
            return Err(self.ended().with_effect(Effect::NotRun));
        }
        let max = self.endpoint.config.pending_max;
        if self.waiting() >= max {
            let why =
                format!("{max} calls of this app to itself wait for replies (link.pending_max)");
            return Err(Status::not_run(Code::ResourceExhausted, reason::OVERLOADED, why));
        }
        Ok(())
    }

    /// Whether casts are still taken.
    pub(super) fn admit_cast(&self) -> Result<(), Status> {
        match self.closed.load(Ordering::Acquire) {
            true => Err(self.ended().with_effect(Effect::NotRun)),
            false => Ok(()),
        }
    }

    /// Counts a cast that has arrived.
    pub(super) fn count_cast(&self, meter: usize) {
        self.endpoint.meters.served.count_cast(meter);
    }

    /// The caller at this place waits no more.
    pub(super) fn forget(&self, at: u32) {
        if self.waits.lock().close_at(at) {
            self.live.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// The caller waits; its place among those that do.
    pub(super) fn wait(&self, deadline: Instant, slot: Arc<dyn AnySlot>) -> Option<u32> {
        let mut waits = self.waits.lock();
        // With the lock: what ends the app sets it first, and looks for those that wait afterwards.
        if self.closed.load(Ordering::Acquire) {
            drop(waits);
            slot.fail(self.ended());
            return None;
        }
        let (at, is_earliest) = waits.open(deadline, slot);
        drop(waits);
        self.live.fetch_add(1, Ordering::Relaxed);
        if is_earliest {
            self.earlier.notify_one();
        }
        Some(at)
    }

    pub(super) fn is_over_limit(&self) -> bool {
        self.running.load(Ordering::Relaxed) >= self.endpoint.config.running_max
    }
}

/// Fails all calls when the task that keeps their deadlines ends, also when it is aborted.
struct CloseOnDrop(Arc<OwnCalls>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl std::fmt::Debug for OwnCalls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OwnCalls").field("peer", &self.peer()).finish_non_exhaustive()
    }
}
