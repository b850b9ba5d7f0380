//! Lanes: the queue of a SERIAL or INTERLEAVED service, with one task as long as it has calls.

mod config;
mod state;

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use futures_util::{FutureExt as _, future};
use guildhall_core::config::Config;
use guildhall_core::metrics::LiveCount;
use guildhall_core::status::reason;
use guildhall_core::{AppId, BoxFuture, Code, Model, ServiceDesc, StartError, Status};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::call::chain::{Awaits, Callee, serial_id};
use crate::call::service::{Drain, Incoming, ServiceQueue};
use crate::call::turn::{Call, Ended, watch_slow};
use crate::call::{Cx, Request, chain};
use crate::observe::trace::SpanKind;
use crate::observe::trace::context::{Named, within};

pub use config::ServiceConfig;
pub use state::Interleaved;

/// Turns in a row before the worker's other tasks get theirs.
const TURNS_IN_A_ROW: usize = 64;

/// The calls of a SERIAL service, one after the other, or of an INTERLEAVED one, all in turn. Cheap to clone.
#[derive(Clone)]
pub struct Lane(Arc<Inner>);

/// Begins a turn of the method with this index.
type Begin = dyn Fn(Cx, usize, Request) -> BoxFuture<'static, Result<Bytes, Status>> + Send + Sync;

struct Inner {
    desc: &'static ServiceDesc,
    begin: Box<Begin>,
    /// Known when the app starts.
    opened: OnceLock<Opened>,
    calls: Mutex<Calls>,
    /// A call has come while others run.
    called: Notify,
    /// Its task, as long as there is one.
    working: LiveCount,
    awaits: Mutex<Awaits>,
}

struct Opened {
    /// As chains name it.
    id: String,
    config: ServiceConfig,
}

#[derive(Default)]
struct Calls {
    waiting: VecDeque<Call>,
    running: usize,
    /// There is a task.
    works: bool,
    closed: bool,
}

impl Lane {
    /// Makes the lane of `desc`, whose model says how many calls run at a time.
    pub fn new(
        desc: &'static ServiceDesc,
        begin: impl Fn(Cx, usize, Request) -> BoxFuture<'static, Result<Bytes, Status>>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        Self(Arc::new(Inner {
            desc,
            begin: Box::new(begin),
            opened: OnceLock::new(),
            calls: Mutex::default(),
            called: Notify::new(),
            working: LiveCount::default(),
            awaits: Mutex::default(),
        }))
    }

    /// Queues a call, or refuses it.
    pub fn dispatch(&self, call: Incoming<'_>) {
        let Incoming { cx, method, body, reply, .. } = call;
        let inner = &self.0;
        let Some(opened) = inner.opened.get() else {
            let why = format!("{} is served by an app that has not started", inner.desc.name);
            reply.refuse(Code::Unavailable, reason::NOT_READY, why);
            return;
        };
        let core = Arc::clone(&cx.core);
        let call = Call { service: 0, method, cx, body: body.keep(), reply };
        if let Some(cycle) = inner.cycle(&call.cx, opened) {
            return call.deadlock(cycle);
        }
        let max = opened.config.queue;
        let mut calls = inner.calls.lock();
        if calls.closed {
            drop(calls);
            return call.reply.refuse(Code::Unavailable, reason::GOING_AWAY, "this app drains");
        }
        if calls.waiting.len() + if inner.is_serial() { 0 } else { calls.running } >= max {
            drop(calls);
            let name = inner.desc.name;
            return call.overloaded(format!("{max} calls wait for {name} (service.{name}.queue)"));
        }
        calls.waiting.push_back(call);
        if std::mem::replace(&mut calls.works, true) {
            inner.called.notify_one();
        } else {
            inner.working.begin();
            core.env.spawn("lane", Arc::clone(inner).work());
        }
    }
}

impl ServiceQueue for Lane {
    fn open(&self, app: &AppId, config: &Config) -> Result<(), StartError> {
        let name = self.0.desc.name;
        let config = ServiceConfig::of(name, config)?;
        let id = serial_id(name, &app.to_string());
        if self.0.opened.set(Opened { id, config }).is_err() {
            return Err(StartError::program(format!("service {name} is served twice; drop one")));
        }
        Ok(())
    }

    fn calls(&self) -> Arc<dyn Drain> {
        Arc::clone(&self.0) as Arc<dyn Drain>
    }
}

impl Inner {
    fn is_serial(&self) -> bool {
        self.desc.model == Model::Serial
    }

    /// Calls that wait for an INTERLEAVED service run meanwhile, so they cannot wait for each other.
    fn cycle(&self, cx: &Cx, opened: &Opened) -> Option<String> {
        if !self.is_serial() {
            return None;
        }
        let cycle = chain::problem(cx.head.as_deref(), || opened.id.clone());
        cycle.or_else(|| self.awaits.lock().problem(cx.head.as_deref(), &opened.id))
    }

    /// Runs calls until there are none.
    async fn work(self: Arc<Self>) {
        let mut turns = FuturesUnordered::new();
        let mut ended = 0;
        loop {
            while let Some(call) = self.next() {
                turns.push(AssertUnwindSafe(Arc::clone(&self).run(call)).catch_unwind());
            }
            if turns.is_empty() && self.rest() {
                return;
            }
            tokio::select! {
                biased;
                Some(result) = turns.next() => {
                    if result.is_err() {
                        // Handlers' panics are caught around them: this one came from a destructor of the game's.
                        tracing::error!(service = self.desc.name, "turn panicked at its end");
                    }
                    self.calls.lock().running -= 1;
                    ended += 1;
                    if ended % TURNS_IN_A_ROW == 0 {
                        tokio::task::yield_now().await;
                    }
                }
                () = self.called.notified() => {}
            }
        }
    }

    /// The call that begins now, if one may.
    fn next(&self) -> Option<Call> {
        let mut calls = self.calls.lock();
        if calls.running > 0 && self.is_serial() {
            return None;
        }
        let call = calls.waiting.pop_front()?;
        calls.running += 1;
        Some(call)
    }

    /// Whether the task may end.
    fn rest(&self) -> bool {
        let mut calls = self.calls.lock();
        calls.works = !calls.waiting.is_empty();
        let rests = !calls.works;
        drop(calls);
        if rests {
            self.working.end();
        }
        rests
    }

    /// Runs one call: a panic and the limit end this call alone.
    async fn run(self: Arc<Self>, mut call: Call) {
        let Some(opened) = self.opened.get().filter(|_| call.is_wanted()) else { return };
        let Call { method, mut cx, body, reply, .. } = call;
        let (core, path) = (Arc::clone(&cx.core), method.path);
        cx.turn = match self.is_serial() {
            true => Some(Arc::clone(&self) as Arc<dyn Callee>),
            false => None,
        };
        core.counters.turns.add(1);
        let mut span = cx.enter_span(SpanKind::Turn, path);
        let mut of = cx.context();
        let mut turn = (self.begin)(cx, method.index, body);
        let watched = future::poll_fn(|context| {
            let began = core.env.now();
            let polled = within(&mut of, || turn.as_mut().poll(context));
            watch_slow(&core.counters, || &opened.id, path, core.env.now().duration_since(began));
            polled
        });
        let limit = core.env.now() + Duration::from_millis(opened.config.turn_limit_ms);
        let ended = match core.env.until(limit, AssertUnwindSafe(watched).catch_unwind()).await {
            Some(Ok(result)) => {
                if let Some(span) = &mut span {
                    span.set(result.as_ref().err().map_or(Code::Ok, Status::code));
                }
                reply.send_encoded(result);
                return;
            }
            Some(Err(_)) => Ended::Panicked,
            None => Ended::OverLimit,
        };
        reply.send::<()>(Err(ended.status(&core.counters, &opened.id, path)));
    }
}

impl Drain for Inner {
    fn drain(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            self.calls.lock().closed = true;
            self.working.wait_empty().await;
        })
    }

    /// There is nothing to save: what runs ends with the app.
    fn save(&self) -> BoxFuture<'_, ()> {
        Box::pin(async { self.abandon() })
    }

    fn abandon(&self) {
        let mut calls = self.calls.lock();
        calls.closed = true;
        let waiting = std::mem::take(&mut calls.waiting);
        drop(calls);
        drop(waiting);
    }
}

impl Named for Inner {
    fn id(&self) -> &str {
        self.opened.get().map_or(self.desc.name, |opened| &opened.id)
    }
}

impl Callee for Inner {
    fn awaits(&self) -> &Mutex<Awaits> {
        &self.awaits
    }
}

impl std::fmt::Debug for Lane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lane").field("service", &self.0.desc.name).finish_non_exhaustive()
    }
}
