//! A call: route, send, wait; and once more on a fresh route when it certainly did not run.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use guildhall_core::env::Instant;
use guildhall_core::rpc::RawBody;
use guildhall_core::status::reason;
use guildhall_core::{AppId, Code, Effect, KeyText, MethodDesc, Model, Status};
use guildhall_wire::Head;
use prost::Message;

use super::carried::{Carried, Raw, Typed};
use super::chain::{Awaiting, actor_id, serial_id};
use super::cx::Cx;
use super::cx::core::Core;
use super::cx::service::{Times, Wanted};
use super::mesh::Route;
use super::moved::moved_to;
use super::own;
use super::slot::Came;
use super::spans;
use super::target::Target;
use crate::observe::trace::OpenSpan;

/// Calls `method` and waits for its reply, within the deadline of `cx` and of the method.
pub(crate) async fn call<Req, Rsp>(
    cx: &Cx,
    method: &'static MethodDesc,
    target: Target,
    key: fn(&Req) -> KeyText<'_>,
    req: Req,
) -> Result<Rsp, Status>
where
    Req: Message + Clone + 'static,
    Rsp: Message + Default + 'static,
{
    carry(cx, method, &target, Typed::new(req, key)).await
}

/// As [`call`], with an encoded request; the reply stays encoded.
pub(crate) async fn call_encoded(
    cx: &Cx,
    method: &'static MethodDesc,
    target: &Target,
    key: KeyText<'_>,
    body: &RawBody<'_>,
) -> Result<Bytes, Status> {
    carry(cx, method, target, Raw::new(key, *body)).await
}

async fn carry<C: Carried>(
    cx: &Cx,
    method: &'static MethodDesc,
    target: &Target,
    mut carried: C,
) -> Result<C::Reply, Status> {
    let core = &*cx.core;
    let span = spans::of_call(cx, method);
    let counted = Counted { core, method, span, code: Code::Cancelled };
    if cx.cancelled() {
        let why = format!("nobody waits for the turn that calls {}", method.path);
        return Err(Status::not_run(Code::Cancelled, reason::CANCELLED, why));
    }
    let mut now = core.env.now();
    let deadline = deadline(cx, method, now);
    let head = cx.outgoing(true, counted.span.as_ref());
    core.retries.earn();
    let mut retries = 0;
    let mut moves = Moves::default();
    loop {
        let to = moves.next.take();
        let times = Times { now, deadline };
        let wanted = Wanted { cx, method, times, head: head.as_ref() };
        let known = match (&to, target, &cx.turn) {
            (None, Target::Default, None) => own::call_known(&wanted, &mut carried),
            _ => own::AtOnce::Not,
        };
        let came = match known {
            own::AtOnce::Replied(reply) => {
                own::lets_others_run().await;
                reply
            }
            own::AtOnce::Waits(slot) => own::wait(&wanted, slot, None, &mut carried).await,
            own::AtOnce::Not => once(&wanted, target, to.as_ref(), &mut carried).await,
        };
        let status = match came {
            Ok(came) => return C::reply(method, counted.end(Ok(came))?),
            Err(status) => status,
        };
        // What a handler has taken is sent again by nobody.
        if carried.message().is_none() {
            return counted.end(Err(status));
        }
        // Boxed, as what is rare: every call is as large as the largest that it may wait for.
        if Box::pin(moves.follow(core, target, &status, deadline)).await {
            now = core.env.now();
            continue;
        }
        // P2P names an app: another one will not do.
        let may = !matches!(target, Target::At(_)) && may_retry(&status, method);
        let pause = Duration::from_millis(core.calls.retry_pause_ms);
        let late = retries == core.calls.retries_max || core.env.now() + pause >= deadline;
        if !may || late || !core.retries.spend() {
            return counted.end(Err(status));
        }
        retries += 1;
        Box::pin(core.env.sleep(pause)).await;
        now = core.env.now();
        if now >= deadline {
            // It slept for longer than it wanted. Why the call did not run says more than that it is late now.
            return counted.end(Err(status));
        }
    }
}

/// How often a call follows its actor before it waits for a newer view (rule 23).
const FOLLOWED_MAX: u32 = 2;

/// Where a call goes whose actor has moved.
#[derive(Default)]
struct Moves {
    next: Option<AppId>,
    followed: u32,
    /// How often it has waited for a newer view.
    waits: u32,
}

impl Moves {
    /// Whether to send a call again that was refused with `status`: there, or where a newer view says.
    async fn follow(
        &mut self,
        core: &Core,
        target: &Target,
        status: &Status,
        deadline: Instant,
    ) -> bool {
        // One that has run may pass on what a call of its own was told: that is another actor's place.
        let refused = status.effect() == Effect::NotRun && status.reason() == reason::MOVED;
        if !refused || matches!(target, Target::At(_)) {
            return false;
        }
        let Some(to) = moved_to(status) else { return false };
        if self.followed < FOLLOWED_MAX {
            self.followed += 1;
            self.next = Some(to);
            return true;
        }
        // Two apps that name each other would be asked without end: the first wait is a part of any move, those after it are retries.
        if self.waits > 0 && !core.retries.spend() {
            return false;
        }
        let mut changes = core.mesh.changes();
        let wait = core.calls.moved_pause_ms.saturating_mul(1 << self.waits.min(4));
        self.waits += 1;
        let wait = Duration::from_millis(wait);
        let until = deadline.min(core.env.now() + wait);
        let _or_the_time_is_over = core.env.until(until, changes.changed()).await;
        self.followed = 0;
        core.env.now() < deadline
    }
}

/// Counts a call when it ends; one that is dropped before is cancelled.
struct Counted<'a> {
    core: &'a Core,
    method: &'static MethodDesc,
    span: Option<OpenSpan>,
    code: Code,
}

impl Counted<'_> {
    #[inline]
    fn end<T>(mut self, result: Result<T, Status>) -> Result<T, Status> {
        self.code = code_of(&result);
        result
    }
}

impl Drop for Counted<'_> {
    #[inline]
    fn drop(&mut self) {
        self.core.counters.calls.add(self.method, self.code);
        if let Some(span) = &mut self.span {
            span.set(self.code);
        }
    }
}

fn code_of<T>(result: &Result<T, Status>) -> Code {
    result.as_ref().err().map_or(Code::Ok, Status::code)
}

/// Queues a request that wants no reply. One of an actor's methods without a key goes to every app that serves it.
pub(crate) fn cast<Req>(
    cx: &Cx,
    method: &'static MethodDesc,
    target: &Target,
    key: fn(&Req) -> KeyText<'_>,
    req: Req,
) -> Result<(), Status>
where
    Req: Message + Clone + 'static,
{
    cast_carried(cx, method, target, Typed::<Req, ()>::new(req, key))
}

/// As [`cast`], with an encoded request.
pub(crate) fn cast_encoded(
    cx: &Cx,
    method: &'static MethodDesc,
    target: &Target,
    key: KeyText<'_>,
    body: &RawBody<'_>,
) -> Result<(), Status> {
    cast_carried(cx, method, target, Raw::new(key, *body))
}

fn cast_carried<C: Carried>(
    cx: &Cx,
    method: &'static MethodDesc,
    target: &Target,
    mut carried: C,
) -> Result<(), Status> {
    let span = spans::of_call(cx, method);
    let counted = Counted { core: &cx.core, method, span, code: Code::Ok };
    let head = cx.outgoing(false, counted.span.as_ref());
    let everywhere = method.model == Model::Actor && matches!(carried.key(), KeyText::None);
    counted.end(match (everywhere, carried.message()) {
        (true, Some(message)) => send_all(cx, method, head.as_ref(), message),
        _ => send(cx, method, target, head.as_ref(), &mut carried),
    })
}

/// Sends a request that wants no reply to every ready instance.
pub(crate) fn cast_all<Req: Message>(
    cx: &Cx,
    method: &'static MethodDesc,
    req: &Req,
) -> Result<(), Status> {
    let span = spans::of_call(cx, method);
    let counted = Counted { core: &cx.core, method, span, code: Code::Ok };
    let head = cx.outgoing(false, counted.span.as_ref());
    counted.end(send_all(cx, method, head.as_ref(), req))
}

/// Counts and traces a cast that takes another way: `send` gets the head that it carries.
pub(crate) async fn cast_by<F: Future<Output = Result<(), Status>>>(
    cx: &Cx,
    method: &'static MethodDesc,
    send: impl FnOnce(Option<Arc<Head>>) -> F,
) -> Result<(), Status> {
    let span = spans::of_call(cx, method);
    let counted = Counted { core: &cx.core, method, span, code: Code::Cancelled };
    let head = cx.outgoing(false, counted.span.as_ref());
    let sent = send(head).await;
    counted.end(sent)
}

fn send<C: Carried>(
    cx: &Cx,
    method: &'static MethodDesc,
    target: &Target,
    head: Option<&Arc<Head>>,
    carried: &mut C,
) -> Result<(), Status> {
    let times = times(cx, method);
    let route = route(&cx.core, method, target, carried.key(), head)?;
    send_by(&route, cx, method, times, head, carried)
}

/// Queues a request that wants no reply for the app that has the actor of this key, as another app has said.
pub(crate) fn cast_to(
    cx: &Cx,
    to: &AppId,
    method: &'static MethodDesc,
    key: KeyText<'_>,
    head: &Arc<Head>,
    body: &RawBody<'_>,
) -> Result<(), Status> {
    let now = cx.core.env.now();
    let times = Times { now, deadline: default_deadline(cx, now) };
    let route = cx.core.mesh.route_to(to, method, key)?;
    send_by(&route, cx, method, times, Some(head), &mut Raw::new(key, *body))
}

fn send_by<C: Carried>(
    route: &Route,
    cx: &Cx,
    method: &'static MethodDesc,
    times: Times,
    head: Option<&Arc<Head>>,
    carried: &mut C,
) -> Result<(), Status> {
    match (&route.link, carried.message()) {
        (Some(link), Some(message)) => {
            link.cast(method, times.left(), head.map(|head| &**head), message)
        }
        _ => own::cast(&Wanted { cx, method, times, head }, carried, route.slot),
    }
}

/// Queues a request for every ready instance, this app included.
fn send_all<Req: Message>(
    cx: &Cx,
    method: &'static MethodDesc,
    head: Option<&Arc<Head>>,
    req: &Req,
) -> Result<(), Status> {
    let times = times(cx, method);
    let mut sent = Ok(());
    for way in cx.core.mesh.all(method.service) {
        // One app that does not keep up costs the others nothing.
        sent = sent.and(match way.link() {
            Some(link) => link.cast(method, times.left(), head.map(|head| &**head), req),
            None => {
                let body = req.encode_to_vec();
                let mut raw = Raw::new(KeyText::None, RawBody::new(&body));
                own::cast(&Wanted { cx, method, times, head }, &mut raw, None)
            }
        });
    }
    sent
}

async fn once<C: Carried>(
    wanted: &Wanted<'_>,
    target: &Target,
    moved_to: Option<&AppId>,
    carried: &mut C,
) -> Result<Came<C::Rsp>, Status> {
    let Wanted { cx, method, times, head } = *wanted;
    let left = times.left();
    if left.is_zero() {
        let why = format!("the deadline was over before {} was sent", method.path);
        return Err(Status::not_run(Code::DeadlineExceeded, reason::EXPIRED, why));
    }
    let key = carried.key();
    let route = match moved_to {
        None => route(&cx.core, method, target, key, head)?,
        Some(app) => cx.core.mesh.route_to(app, method, key)?,
    };
    // What this turn waits for, so that a call which waits for this turn can be refused.
    let _awaiting = match &cx.turn {
        Some(turn) => awaited(cx, method, key, target, &route).map(|it| Awaiting::new(turn, it)),
        None => None,
    };
    match (&route.link, carried.message()) {
        (Some(link), Some(message)) => {
            let head = head.map(|head| &**head);
            link.call(method, times.deadline, left, head, message).await.map(Came::Encoded)
        }
        _ => own::call(wanted, carried, route.slot).await,
    }
}

/// Where a call goes. What calls to an actor of this app have found is looked up until the mesh changes.
fn route(
    core: &Core,
    method: &MethodDesc,
    target: &Target,
    key: KeyText<'_>,
    head: Option<&Arc<Head>>,
) -> Result<Route, Status> {
    let own = method.model == Model::Actor && matches!(target, Target::Default);
    let Some(served) = core.services.get(method.id).filter(|_| own) else {
        return core.mesh.route(method, target, key, head);
    };
    // Before the look at the mesh: what is found there is not older.
    let revision = core.mesh.revision();
    let slot = key.with_text(|key| served.comes_here(revision, key.ok()?));
    if let Some(slot) = slot {
        return Ok(Route { link: None, slot: Some(slot), is_fixed: true });
    }
    let route = core.mesh.route(method, target, key, head)?;
    if let Route { link: None, slot: Some(slot), is_fixed: true } = &route {
        served.came_here(revision, *slot);
    }
    Ok(route)
}

/// The id of the callee whose turn a call waits for, if it is one that runs one turn at a time.
fn awaited(
    cx: &Cx,
    method: &MethodDesc,
    key: KeyText<'_>,
    target: &Target,
    route: &Route,
) -> Option<String> {
    // P2P names no actor.
    let actor = match target {
        Target::At(_) => None,
        _ => cx.core.mesh.actor_of(method.service),
    };
    match (actor, method.model) {
        (Some(name), _) => Some(actor_id(&name, key)),
        (None, Model::Serial) => {
            let link = route.link.as_ref();
            let app = link.map_or(cx.core.id.as_str(), |link| link.peer());
            Some(serial_id(method.service, app))
        }
        _ => None,
    }
}

/// The times of a call or cast that is made now.
fn times(cx: &Cx, method: &MethodDesc) -> Times {
    let now = cx.core.env.now();
    Times { now, deadline: deadline(cx, method, now) }
}

/// The earliest of what the caller, the method and the app allow.
pub(crate) fn deadline(cx: &Cx, method: &MethodDesc, now: Instant) -> Instant {
    match method.timeout_ms {
        0 => default_deadline(cx, now),
        ms => earliest(cx, u64::from(ms), now),
    }
}

/// The earliest of what the caller and the app allow.
pub(crate) fn default_deadline(cx: &Cx, now: Instant) -> Instant {
    earliest(cx, cx.core.calls.timeout_ms, now)
}

fn earliest(cx: &Cx, ms: u64, now: Instant) -> Instant {
    let own = now + Duration::from_millis(ms);
    cx.deadline.map_or(own, |deadline| deadline.min(own))
}

/// Only what certainly did not run, and for a reason that a fresh route may cure; or what may run twice.
fn may_retry(status: &Status, method: &MethodDesc) -> bool {
    use reason::{GOING_AWAY, LOST, MOVED, NO_ROUTE, NOT_READY};
    let curable = matches!(status.reason(), NO_ROUTE | LOST | GOING_AWAY | MOVED | NOT_READY);
    match status.effect() {
        Effect::NotRun => curable,
        Effect::MayHaveRun => method.idempotent && curable,
        Effect::Ran => false,
    }
}
