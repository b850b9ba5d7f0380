//! [`Cx`]: the context of a handler, from which all calls are made, so that no deadline is lost.

pub(crate) mod service;
pub(crate) mod core;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use guildhall_core::discovery::NodeRecord;
use guildhall_core::env::Instant;
use guildhall_core::metrics::Metrics;
use guildhall_core::{AppId, Env, Incarnation};
use guildhall_wire::{Head, Sender, Session, Trace};

use crate::call::chain::Callee;
use crate::call::command::Cause;
use crate::call::mesh::MeshChanges;
use crate::call::reply::Cancel;
use crate::call::{Core, Snapshot, command};
use crate::observe::trace;
use crate::observe::trace::context::{Context, Named};
use crate::observe::trace::{OpenSpan, SpanKind, hex, parse_traceparent};

/// The context of a call: its deadline, caller, session, metadata and trace. Handlers get one, and clients are made from one. Cheap to
/// clone.
///
/// Calls made from a `Cx` end by its deadline, so a deadline that is set at the edge bounds the whole call tree.
///
/// # Examples
/// ```
/// use std::time::Duration;
///
/// use guildhall::{Cx, Status};
/// use proto::hello::{Greeter, GreeterClient, HelloReq, HelloRsp};
///
/// /// Forwards to the greeters of other apps, for at most half a second.
/// struct Proxy;
///
/// impl Greeter for Proxy {
///     async fn say(&self, cx: &Cx, req: HelloReq) -> Result<HelloRsp, Status> {
///         let player = cx.player().unwrap_or("nobody").to_owned();
///         let cx = cx.within(Duration::from_millis(500)).with_metadata("via", "proxy");
///         GreeterClient::new(&cx).random().say(HelloReq { name: format!("{player}, {}", req.name) }).await
///     }
/// }
/// ```
#[derive(Clone)]
pub struct Cx {
    pub(crate) core: Arc<Core>,
    pub(crate) deadline: Option<Instant>,
    pub(crate) caller: Option<AppId>,
    /// What travels with the call beyond its time: trace, chain, session, metadata. Absent on a plain call.
    pub(crate) head: Option<Arc<Head>>,
    /// The session's command number goes with the call that is the command, not with the calls that it makes; the name of a
    /// message with the call that sends it.
    pub(crate) is_command: bool,
    /// Of the turns of commands and reminders. Few calls have it, and all move this: it is small.
    pub(crate) cause: Option<Arc<Cause>>,
    /// It came with a call: whether that is traced was decided where the call came from.
    pub(crate) in_call: bool,
    /// Whose turn this is.
    pub(crate) turn: Option<Arc<dyn Callee>>,
    pub(crate) cancel: Option<Cancel>,
    /// The version of the resources when the call began; 0 outside of calls.
    pub(crate) resources: u64,
    /// Of the resources, when it has been asked for.
    pub(crate) snapshot: OnceLock<Arc<Snapshot>>,
}

impl Cx {
    /// A context outside of any call.
    pub(crate) fn outside(core: &Arc<Core>) -> Self {
        Self {
            core: Arc::clone(core),
            deadline: None,
            caller: None,
            head: None,
            is_command: false,
            cause: None,
            in_call: false,
            turn: None,
            cancel: None,
            resources: 0,
            snapshot: OnceLock::new(),
        }
    }

    /// The deadline of the call; `None` outside of calls, where each call gets its own default.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// A copy with a deadline of at most `limit` from now; a later one changes nothing.
    #[must_use]
    pub fn within(&self, limit: Duration) -> Self {
        let limit = self.core.env.now() + limit;
        let deadline = Some(self.deadline.map_or(limit, |deadline| deadline.min(limit)));
        Self { deadline, ..self.clone() }
    }

    /// The calling app, as authenticated by its connection; `None` for a call from the same app.
    pub fn caller(&self) -> Option<&AppId> {
        self.caller.as_ref()
    }

    /// Whether the caller has stopped waiting. A turn that has begun runs to its end; calls that it makes from then on fail.
    pub fn cancelled(&self) -> bool {
        self.cancel.as_ref().is_some_and(Cancel::is_cancelled)
    }

    /// The client session on whose behalf the call is made. Only gates set it.
    pub fn session(&self) -> Option<&Session> {
        self.head.as_ref()?.session.as_ref()
    }

    /// The player of [`Cx::session`].
    pub fn player(&self) -> Option<&str> {
        self.session().map(|session| session.player.as_str())
    }

    /// A copy on behalf of a session, for gates.
    #[must_use]
    pub fn with_session(&self, session: Session) -> Self {
        let head = self.head.as_deref().cloned().unwrap_or_default();
        let head = Head { session: Some(session), sender: None, ..head };
        Self { head: Some(Arc::new(head)), is_command: true, ..self.clone() }
    }

    /// Whether an actor may keep a record of the reply, or of the message that the call is.
    #[inline]
    pub(crate) fn may_be_recorded(&self) -> bool {
        self.head.as_ref().is_some_and(|head| head.session.is_some() || head.sender.is_some())
    }

    /// The outbox that the call comes from.
    #[inline]
    pub(crate) fn sender(&self) -> Option<&Sender> {
        self.head.as_ref()?.sender.as_ref()
    }

    /// The value that a caller up the call tree has added with [`Cx::with_metadata`].
    pub fn metadata(&self, key: &str) -> Option<&str> {
        Some(self.head.as_ref()?.metadata.get(key)?.as_str())
    }

    /// A copy with an additional entry that is sent with all calls made from it, and with the calls that these make.
    #[must_use]
    pub fn with_metadata(&self, key: impl Into<String>, value: impl Into<String>) -> Self {
        let mut head = self.head.as_deref().cloned().unwrap_or_default();
        head.metadata.insert(key.into(), value.into());
        Self { head: Some(Arc::new(head)), ..self.clone() }
    }

    /// Whether this app can reach this incarnation of an app, as far as it knows: it has a link to it, or discovery lists it and it is
    /// dialled when a call needs it (`link.idle_ms`). `true` for a crashed app without a link, until its lease session or its
    /// registration ends or a call fails. A restarted app has another incarnation.
    pub fn is_linked(&self, app: &AppId, life: Incarnation) -> bool {
        self.core.mesh.is_linked(app, life)
    }

    /// The incarnation of this app.
    pub fn life(&self) -> Incarnation {
        self.core.incarnation
    }

    /// What a component has added for its feature: `Component::parts`.
    pub fn part<T: Send + Sync + 'static>(&self) -> Option<&T> {
        self.core.parts.get()
    }

    /// The id of this app.
    pub fn app_id(&self) -> &AppId {
        &self.core.id
    }

    /// The app's access to clock, random numbers, sockets and tasks.
    pub fn env(&self) -> &Env {
        &self.core.env
    }

    /// The registrations of all apps that this app can reach ([`Cx::is_linked`]), including its own, ordered by id.
    pub fn nodes(&self) -> Vec<NodeRecord> {
        self.core.mesh.nodes()
    }

    /// Notifies of changes of [`Cx::nodes`].
    pub fn mesh_changes(&self) -> MeshChanges {
        self.core.mesh.changes()
    }

    /// The runtime handle of the next worker, in turn, for tasks that stay on one worker, such as connections.
    pub fn next_worker(&self) -> tokio::runtime::Handle {
        self.core.workers.next()
    }

    /// The app's metrics: registers a game's own, and renders all of them as text.
    pub fn metrics(&self) -> &Metrics {
        &self.core.metrics
    }

    /// The trace id of this call in hexadecimal; `None` if the call is not sampled.
    pub fn trace_id(&self) -> Option<String> {
        Some(hex(&self.trace()?.trace_id))
    }

    /// A copy that continues the trace of a W3C `traceparent`, for gates that trust their clients. An invalid `traceparent` changes
    /// nothing.
    #[must_use]
    pub fn with_traceparent(&self, parent: &str) -> Self {
        let Some(trace) = parse_traceparent(parent) else { return self.clone() };
        self.at(trace)
    }

    fn at(&self, trace: Trace) -> Self {
        let head = self.head.as_deref().cloned().unwrap_or_default();
        Self { head: Some(Arc::new(Head { trace: Some(trace), ..head })), ..self.clone() }
    }

    /// What lines of the log and spans of the store know of the call, if there is anything to know.
    #[inline]
    pub(crate) fn context(&self) -> Option<Context> {
        if self.head.is_none() && self.turn.is_none() {
            return None;
        }
        let callee = self.turn.clone().map(|turn| turn as Arc<dyn Named>);
        Some(Context::new(self.head.clone(), callee))
    }

    /// Where this stands in a trace, if it is sampled.
    #[inline]
    pub(crate) fn trace(&self) -> Option<&Trace> {
        trace::sampled(self.head.as_deref())
    }

    /// Begins a step of the trace that this is in, if it is sampled: this is the context of what happens within it from now on.
    #[inline]
    pub(crate) fn enter_span(&mut self, kind: SpanKind, name: &'static str) -> Option<OpenSpan> {
        let span = self.core.tracer.as_ref()?.open(Some(self.trace()?), kind, name);
        *self = self.at(span.position());
        Some(span)
    }

    /// The slots that are not at their target, as this app sees it, one line each and at most a few. Empty when this app serves
    /// exactly the slots whose target it is, and no slot is being moved to it. For tests, and to see why a move takes long.
    pub fn unsettled(&self) -> Vec<String> {
        self.core.ownership().unsettled()
    }

    /// The head that a call from here carries; `None` for a plain one. Casts wait for nothing, so they carry no chain.
    #[inline]
    pub(crate) fn outgoing(&self, waits: bool, span: Option<&OpenSpan>) -> Option<Arc<Head>> {
        let turn = self.turn.as_ref().filter(|_| waits);
        if self.head.is_none() && turn.is_none() && span.is_none() {
            return None;
        }
        Some(Arc::new(self.outgoing_head(turn, waits, span)))
    }

    fn outgoing_head(
        &self,
        turn: Option<&Arc<dyn Callee>>,
        waits: bool,
        span: Option<&OpenSpan>,
    ) -> Head {
        let mut head = self.head.as_deref().cloned().unwrap_or_default();
        if let Some(span) = span {
            head.trace = Some(span.position());
        }
        match turn {
            Some(turn) => head.chain.push(turn.id().to_owned()),
            None if waits => {}
            None => head.chain.clear(),
        }
        if !self.is_command {
            head.sender = None;
        }
        if let Some(session) = head.session.as_mut().filter(|_| !self.is_command) {
            command::make_nested(session, self.cause.as_deref().filter(|_| waits));
        }
        head
    }
}

impl std::fmt::Debug for Cx {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cx")
            .field("app", &self.core.id)
            .field("caller", &self.caller)
            .field("player", &self.player())
            .finish_non_exhaustive()
    }
}
