//! Calls that came for a slot before the slot came: they wait a bounded time, in their order.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use guildhall_core::env::Instant;
use guildhall_core::rpc::{RawBody, find_key};
use guildhall_core::status::reason;
use guildhall_core::{AppId, Code, Env, KeyText, Status};
use parking_lot::Mutex;

use super::Ownership;
use crate::app::AppInner;
use crate::call::moved;
use crate::cx::Cx;
use crate::turn::Call;

/// How often those that have waited too long are looked for.
const LOOK: Duration = Duration::from_millis(10);

/// A cast that was sent on this often is dropped: two apps do not agree on where it belongs.
const HOPS_MAX: u32 = 2;

/// Calls of one actor type that wait for slots.
#[derive(Default)]
pub(crate) struct Early {
    waiting: Mutex<VecDeque<Waiting>>,
    /// Whether a task looks after them.
    watched: AtomicBool,
}

struct Waiting {
    slot: u32,
    /// Early enough that the caller still hears that it did not run.
    until: Instant,
    call: Call,
}

impl Early {
    /// Keeps a call until its slot is served, or its time is over.
    pub(crate) fn hold(self: &Arc<Self>, own: &Ownership, slot: u32, call: Call) {
        let app = Arc::clone(&call.cx.app);
        let now = app.env.now();
        let left = call.cx.deadline.map(|deadline| {
            let left = deadline.saturating_duration_since(now);
            left.saturating_sub((left / 10).max(LOOK * 2))
        });
        let wait = left.map_or(own.config.hold(), |left| left.min(own.config.hold()));
        if wait.is_zero() {
            refuse(call);
            return;
        }
        let until = now + wait;
        let mut waiting = self.waiting.lock();
        if waiting.len() >= own.config.hold_max {
            drop(waiting);
            let max = own.config.hold_max;
            call.overloaded(format!("{max} calls wait for slots (ownership.hold_max)"));
            return;
        }
        waiting.push_back(Waiting { slot, until, call });
        drop(waiting);
        if !self.watched.swap(true, Ordering::AcqRel) {
            app.env.spawn("early-calls", Arc::clone(self).watch(app.env.clone()));
        }
    }

    /// Those that wait for a slot, in their order.
    pub(crate) fn take(&self, slot: u32) -> Vec<Call> {
        self.take_if(|waiting| waiting.slot == slot)
    }

    fn take_if(&self, wanted: impl Fn(&Waiting) -> bool) -> Vec<Call> {
        let mut waiting = self.waiting.lock();
        if waiting.is_empty() {
            return Vec::new();
        }
        let (taken, left): (VecDeque<_>, VecDeque<_>) = waiting.drain(..).partition(wanted);
        *waiting = left;
        taken.into_iter().map(|waiting| waiting.call).collect()
    }

    async fn watch(self: Arc<Self>, env: Env) {
        loop {
            env.sleep(LOOK).await;
            let now = env.now();
            self.take_if(|waiting| waiting.until <= now).into_iter().for_each(refuse);
            let waiting = self.waiting.lock();
            if waiting.is_empty() {
                // With the lock held, so that a call which comes now is seen by the next task.
                self.watched.store(false, Ordering::Release);
                return;
            }
        }
    }
}

/// Answers a call that cannot wait any longer.
fn refuse(call: Call) {
    let why = format!("{}: its actor is on its way here, and late", call.method.path);
    call.reply.refuse(Code::Unavailable, reason::NOT_READY, why);
}

/// Answers a call that another app runs: its caller follows. A cast is sent on, because nobody hears an answer.
pub(crate) fn send_on(call: Call, to: &AppId) {
    if call.reply.is_wanted() {
        call.reply.send::<()>(Err(moved(to, call.method.path)));
        return;
    }
    let path = call.method.path;
    if let Err(status) = forward(&call.cx.app, &call, to) {
        call.cx.app.counters.casts_lost.add(1);
        tracing::warn!(%status, %to, method = path, "a cast is lost: its actor has moved");
    }
}

fn forward(app: &AppInner, call: &Call, to: &AppId) -> Result<(), Status> {
    let Call { method, cx, body, .. } = call;
    let mut head = cx.head.as_deref().cloned().unwrap_or_default();
    head.hops += 1;
    if head.hops > HOPS_MAX {
        let why = format!("{} was sent on {HOPS_MAX} times", method.path);
        return Err(Status::not_run(Code::Unavailable, reason::MOVED, why));
    }
    let key = match method.key {
        Some(field) => find_key(body, field).unwrap_or(KeyText::None),
        None => KeyText::None,
    };
    let left = left(cx);
    let route = app.mesh.route_to(to, method, key)?;
    route.link.cast(method, left, Some(&head), &RawBody::new(body))
}

fn left(cx: &Cx) -> Duration {
    let deadline = crate::call::default_deadline(cx);
    deadline.saturating_duration_since(cx.app.env.now())
}
