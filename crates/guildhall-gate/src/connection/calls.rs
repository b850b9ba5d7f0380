//! The calls of one connection: checks them, forwards them in order, and sends their replies.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use guildhall_core::rate::Bucket;
use guildhall_core::status::reason;
use guildhall_core::{Code, Effect, MethodDesc, Model, Status, outside};
use guildhall_runtime::Cx;
use guildhall_runtime::raw::{self, Keyed};
use guildhall_wire::{Body, Generation, Method, Session};

use crate::clients::Client;
use crate::edge::Edge;
use crate::form;
use crate::json;
use crate::key::{self, OwnedKey};
use crate::limit::{Allowance, per_second};
use crate::methods::Learnt;

pub(super) struct Calls {
    edge: Arc<Edge>,
    client: Arc<Client>,
    pub(super) allowance: Allowance,
    /// The numbers that were sent in this session: from the first to the last.
    sent: Option<(u64, u64)>,
    /// Of the methods that have one of their own.
    rates: Vec<(u32, Bucket)>,
    /// The actors that keep what commands have come to, each by one of its methods; at most `gate.notified_actors_max`, the last used at the end.
    keepers: Vec<(&'static MethodDesc, OwnedKey)>,
    running: FuturesUnordered<Pin<Box<dyn Future<Output = Done> + Send>>>,
}

/// What a client says of a call beside the call.
#[derive(Clone, Copy, Default)]
pub(super) struct Command<'a> {
    pub(super) answered: u64,
    pub(super) resent: bool,
    /// Where the client says that it stands in a trace, if the gate believes it.
    pub(super) parent: Option<&'a str>,
    /// How long the client waits; 0 where it does not say.
    pub(super) timeout_ms: u32,
}

/// A call that has its answer.
pub(super) struct Done {
    id: u64,
    method: Arc<Learnt>,
    is_json: bool,
    result: Result<Bytes, Status>,
}

/// A call that may be made.
struct Ready {
    method: Arc<Learnt>,
    key: OwnedKey,
    body: Keyed,
}

impl Calls {
    pub(super) fn new(edge: Arc<Edge>, client: Arc<Client>) -> Self {
        let config = &edge.config;
        let allowance = Allowance::new(config.calls_per_s, config.call_burst, config.limited_max);
        let rates = edge.rates.iter().map(|(id, per_s)| (*id, per_second(*per_s, *per_s)));
        let (rates, running) = (rates.collect(), FuturesUnordered::new());
        Self { allowance, sent: None, rates, keepers: Vec::new(), running, edge, client }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    /// Hands a call over; what refuses it is the answer.
    pub(super) async fn call(
        &mut self,
        id: u64,
        method: &Method,
        body: &Body,
        command: Command<'_>,
    ) {
        let ready = self.prepare(method, body);
        let ready = ready.and_then(|ready| self.may_run(id, command, ready));
        let ready = match ready.and_then(|ready| self.may_wait(ready)) {
            Ok(ready) => ready,
            Err(status) => return self.fail(id, &status),
        };
        self.edge.shared.stats.calls.add(1);
        self.note_keeper(&ready);
        let cx = self.cx(id, command);
        let is_json = matches!(body, Body::Json(_));
        let mut call = Box::pin(make(cx, id, ready, is_json));
        // The first poll hands it over, before that of the next packet.
        let first = std::future::poll_fn(|cx| std::task::Poll::Ready(call.as_mut().poll(cx)));
        match first.await {
            std::task::Poll::Ready(done) => self.finish(done),
            std::task::Poll::Pending => self.running.push(call),
        }
    }

    /// Remembers who will keep what a command has come to.
    fn note_keeper(&mut self, ready: &Ready) {
        let (desc, key) = (ready.method.desc, &ready.key);
        if desc.model != Model::Actor || (desc.idempotent && !desc.durable) {
            return;
        }
        let known =
            |(known, of): &(&MethodDesc, OwnedKey)| (known.service, of) == (desc.service, key);
        if self.keepers.last().is_some_and(known) {
            return;
        }
        let keeper = match self.keepers.iter().position(known) {
            Some(at) => self.keepers.remove(at),
            None => (desc, key.detached()),
        };
        if self.keepers.len() >= self.edge.config.notified_actors_max.max(1) {
            self.keepers.remove(0);
        }
        self.keepers.push(keeper);
    }

    /// Cancels what is under way, and lets who keeps what commands have come to forget it: the client is gone.
    pub(super) async fn end(&mut self) {
        self.running.clear();
        let Client { player, session, .. } = &*self.client;
        let keepers = self.keepers.iter().map(|(method, key)| (*method, key.borrow()));
        raw::session_over(&self.edge.cx, (player, session), keepers).await;
    }

    /// Hands a cast over; nobody hears of one that is refused.
    pub(super) fn cast(&mut self, method: &Method, body: &Body) {
        let cast = self.prepare(method, body).and_then(|ready| {
            let Ready { method, key, body } = &ready;
            let cx = self.cx(0, Command::default());
            raw::cast(&cx, method.desc, key.borrow(), body.into())
        });
        match cast {
            Ok(()) => self.edge.shared.stats.calls.add(1),
            Err(status) => {
                tracing::debug!(%status, "cast of a client dropped");
                self.edge.shared.stats.dropped.add(1);
            }
        }
    }

    /// Whether the client may send one more packet that is no call: it counts as one, for each makes work.
    pub(super) fn may_speak(&mut self) -> bool {
        self.allowance.pass(self.edge.cx.env().now())
    }

    /// The next call that has its answer. Cancel safe.
    pub(super) async fn next(&mut self) -> Done {
        match self.running.next().await {
            Some(done) => done,
            None => std::future::pending().await,
        }
    }

    /// Queues the answer.
    pub(super) fn finish(&self, done: Done) {
        let Done { id, method, is_json, result } = done;
        let body = result.and_then(|body| match is_json {
            true => json::from_protobuf(&method.response, &body).map(Body::Json),
            false => Ok(Body::Binary(body)),
        });
        match body {
            Ok(body) => {
                let (form, max) = (self.client.form, self.edge.config.queued_max);
                self.client.out.put(|out| form.put_reply(out, id, body, max));
            }
            Err(status) => self.fail(id, &status),
        }
    }

    fn fail(&self, id: u64, status: &Status) {
        self.edge.shared.stats.errors.add(1);
        let message = self.edge.public_text(status);
        let (code, effect) = (status.code(), status.effect() as u8);
        let error = form::error(id, code, status.reason(), &message, effect);
        let (form, max) = (self.client.form, self.edge.config.queued_max);
        self.client.out.put(|out| {
            let put = form.put(out, &error, max);
            if put.is_err() {
                // Only its text can be too long.
                let short = form::error(id, code, status.reason(), "", effect);
                let _even_that = form.put(out, &short, max);
            }
        });
    }

    /// Checks everything that the gate can, cheapest first.
    fn prepare(&mut self, method: &Method, body: &Body) -> Result<Ready, Status> {
        if self.edge.shared.draining.is_cancelled() {
            let why = "this gate is going away; connect again";
            return Err(Status::not_run(Code::Unavailable, reason::GOING_AWAY, why));
        }
        let (id, now) = (method.id(), self.edge.cx.env().now());
        if !self.allowance.pass(now) {
            return Err(limited("this connection (gate.calls_per_s)"));
        }
        let own = self.rates.iter_mut().find(|(limited, _)| *limited == id);
        if own.is_some_and(|(_, rate)| !rate.pass(now)) {
            self.allowance.is_over(now);
            return Err(limited("this method (gate.rates)"));
        }
        let method = self.find(method, id)?;
        let body = match body {
            Body::Binary(body) => body.clone(),
            Body::Json(json) => {
                let is_strict = self.edge.config.json_strict;
                json::to_protobuf(&method.request, json, is_strict)?.into()
            }
        };
        let (key, body) = match method.desc.key {
            None => (OwnedKey::None, Keyed::as_it_came(body)),
            Some(field) if method.desc.key_from_player => {
                key::of_player(field, &self.client.player, body)?
            }
            Some(field) => (key::in_body(field, &body)?, Keyed::as_it_came(body)),
        };
        Ok(Ready { method, key, body })
    }

    fn find(&self, method: &Method, id: u32) -> Result<Arc<Learnt>, Status> {
        let known = self.edge.shared.methods.known();
        let named = |learnt: &&Arc<Learnt>| match method {
            Method::Id(_) => true,
            // Another name may have the same hash.
            Method::Path(path) => learnt.short_path() == path,
        };
        // What is not for clients is not there for them: the answer lists nothing.
        let is_for_clients = |learnt: &&Arc<Learnt>| learnt.desc.client;
        match known.methods.get(&id).filter(named).filter(is_for_clients) {
            Some(learnt) => Ok(Arc::clone(learnt)),
            None if !known.complete => {
                let why = "the gate has not read all methods yet; try again";
                Err(Status::not_run(Code::Unavailable, reason::NOT_READY, why))
            }
            None => {
                let why = match method {
                    Method::Id(id) => format!("there is no method {id:#010x}"),
                    Method::Path(path) => format!("there is no method {}", outside(path)),
                };
                Err(Status::not_run(Code::Unimplemented, reason::NO_SUCH_METHOD, why))
            }
        }
    }

    /// Whether what the client says of its commands can be so, and this one may run.
    fn may_run(&mut self, id: u64, command: Command<'_>, ready: Ready) -> Result<Ready, Status> {
        let Command { answered, resent, .. } = command;
        if answered > id {
            let why =
                format!("command {id} says that the replies of all below {answered} are here");
            return Err(Status::not_run(Code::InvalidArgument, reason::BAD_REQUEST, why));
        }
        let was_sent = self.sent.is_some_and(|(first, last)| (first..=last).contains(&id));
        if !resent {
            let (first, last) = self.sent.unwrap_or((id, id));
            self.sent = Some((first.min(id), last.max(id)));
        } else if !was_sent && !ready.method.desc.idempotent {
            let why = format!("command {id} was sent in another session; it may have run there");
            let status = Status::new(Code::Aborted, why).with_reason(reason::LOST);
            return Err(status.with_effect(Effect::MayHaveRun));
        }
        Ok(ready)
    }

    /// Whether there is room for one more that waits for its reply.
    fn may_wait(&self, ready: Ready) -> Result<Ready, Status> {
        if ready.method.desc.oneway {
            let why = format!("{} has no reply: send a CAST", ready.method.short_path());
            return Err(Status::not_run(Code::InvalidArgument, reason::BAD_REQUEST, why));
        }
        let window = self.edge.config.window;
        if self.running.len() >= window {
            let why = format!("{window} calls wait for their reply already (gate.window)");
            return Err(Status::not_run(Code::ResourceExhausted, reason::OVERLOADED, why));
        }
        Ok(ready)
    }

    /// On behalf of the player, as command `number` of the session.
    fn cx(&self, number: u64, command: Command<'_>) -> Cx {
        let Command { answered, resent, parent, timeout_ms } = command;
        let Generation { epoch, number: generation } = self.client.generation().unwrap_or_default();
        let cx = self.edge.cx.with_session(Session {
            player: self.client.player.clone(),
            session: self.client.session.clone(),
            generation,
            epoch,
            number,
            gate: self.edge.cx.app_id().to_string(),
            resent,
            answered,
            path: Vec::new(),
            inner: false,
        });
        let cx = match timeout_ms {
            0 => cx,
            ms => cx.within(Duration::from_millis(ms.into())),
        };
        match parent {
            Some(parent) => cx.with_traceparent(parent),
            None => cx,
        }
    }
}

async fn make(cx: Cx, id: u64, ready: Ready, is_json: bool) -> Done {
    let Ready { method, key, body } = ready;
    let result = raw::call(&cx, method.desc, key.borrow(), (&body).into()).await;
    Done { id, method, is_json, result }
}

fn limited(what: &str) -> Status {
    let why = format!("too many calls of {what}; slow down");
    Status::not_run(Code::ResourceExhausted, reason::LIMITED, why)
}
