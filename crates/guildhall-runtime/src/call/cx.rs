//! [`Cx`]: what a handler is called with and what every call is made from, so that no deadline gets lost.

pub(crate) mod service;
pub(crate) mod core;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use guildhall_core::discovery::NodeRecord;
use guildhall_core::env::Instant;
use guildhall_core::metrics::Metrics;
use guildhall_core::status::reason;
use guildhall_core::{AppId, Code, Env, Incarnation, Status};
use guildhall_link::Cancel;
use guildhall_wire::{Generation, Head, Sender, Session, Trace};

use crate::app::AppInner;
use crate::call::chain::Callee;
use crate::call::command::Cause;
use crate::call::mesh::MeshChanges;
use crate::call::{Core, Snapshot, command};
use crate::observe::trace;
use crate::observe::trace::context::Context;
use crate::observe::trace::{OpenSpan, SpanKind, hex, parse_traceparent};

/// The context of a call: deadline, caller, session and what else travels with it. Cheap to clone.
///
/// Calls made from it never outlive its deadline: one that is set at the edge bounds the whole tree.
#[derive(Clone)]
pub struct Cx {
    pub(crate) core: Arc<Core>,
    /// Until actors and ownership need it no more.
    pub(crate) app: Arc<AppInner>,
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
    pub(crate) fn on(core: &Arc<Core>) -> Self {
        Self::outside(core.bag.get().and_then(std::sync::Weak::upgrade).expect("it runs"))
    }

    /// A context outside of any call.
    pub(crate) fn outside(app: Arc<AppInner>) -> Self {
        Self {
            core: Arc::clone(&app.core),
            app,
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

    /// When the call must have ended; `None` outside calls, where each call gets its own default.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// The same context with an earlier deadline; a later one changes nothing.
    #[must_use]
    pub fn within(&self, limit: Duration) -> Self {
        let limit = self.core.env.now() + limit;
        let deadline = Some(self.deadline.map_or(limit, |deadline| deadline.min(limit)));
        Self { deadline, ..self.clone() }
    }

    /// The app that made the call, as its connection has proven; `None` for a call from within the app.
    pub fn caller(&self) -> Option<&AppId> {
        self.caller.as_ref()
    }

    /// Whether nobody waits for the answer any more. A turn that has begun runs to its end all the same; calls that it makes
    /// from then on fail.
    pub fn cancelled(&self) -> bool {
        self.cancel.as_ref().is_some_and(Cancel::is_cancelled)
    }

    /// The session on whose behalf the call is made: set by gates alone.
    pub fn session(&self) -> Option<&Session> {
        self.head.as_ref()?.session.as_ref()
    }

    /// The player on whose behalf the call is made, as the session says.
    pub fn player(&self) -> Option<&str> {
        self.session().map(|session| session.player.as_str())
    }

    /// The same context on behalf of a session: for gates.
    #[must_use]
    pub fn with_session(&self, session: Session) -> Self {
        let head = self.head.as_deref().cloned().unwrap_or_default();
        let head = Head { session: Some(session), sender: None, ..head };
        Self { head: Some(Arc::new(head)), is_command: true, ..self.clone() }
    }

    /// The outbox that the call comes from.
    #[inline]
    pub(crate) fn sender(&self) -> Option<&Sender> {
        self.head.as_ref()?.sender.as_ref()
    }

    /// Of a turn that a reminder has begun: the number of the firing, which grows by one with each time that the schedule names,
    /// those included that were missed.
    pub fn firing(&self) -> Option<u64> {
        match self.cause.as_deref() {
            Some(Cause::Reminder(firing)) => Some(*firing),
            _ => None,
        }
    }

    /// What a caller up the tree has added with [`Cx::with_metadata`].
    pub fn metadata(&self, key: &str) -> Option<&str> {
        Some(self.head.as_ref()?.metadata.get(key)?.as_str())
    }

    /// The same context with an addition that travels with all calls made from it.
    #[must_use]
    pub fn with_metadata(&self, key: impl Into<String>, value: impl Into<String>) -> Self {
        let mut head = self.head.as_deref().cloned().unwrap_or_default();
        head.metadata.insert(key.into(), value.into());
        Self { head: Some(Arc::new(head)), ..self.clone() }
    }

    /// Inside a turn: deactivates this actor when the calls that wait for it are done. Elsewhere it does nothing.
    pub fn deactivate(&self) {
        if let Some(turn) = &self.turn {
            turn.deactivate();
        }
    }

    /// Inside a turn of an actor: above all that this key has got before, whichever app owned it then, and whatever its clock said
    /// (rule 34: the epoch of the slot's grant, and a number that its holder counts).
    ///
    /// # Errors
    /// `Unavailable`: the slot is not owned here any more. `FailedPrecondition`: this is no turn of an actor.
    pub fn next_generation(&self) -> Result<Generation, Status> {
        let Some(turn) = &self.turn else {
            let why = "only the turns of an actor count generations";
            return Err(Status::not_run(Code::FailedPrecondition, reason::NOT_READY, why));
        };
        turn.next_generation()
    }

    /// Whether there is a link to this life of an app now. One that has died has none within moments, and one that was started again
    /// is another life.
    pub fn is_linked(&self, app: &AppId, life: Incarnation) -> bool {
        self.core.mesh.is_linked(app, life)
    }

    /// This life of the app that this runs in.
    pub fn life(&self) -> Incarnation {
        self.core.incarnation
    }

    /// What a component has added for its feature: `Component::parts`.
    pub fn part<T: Send + Sync + 'static>(&self) -> Option<&T> {
        self.core.parts.get()
    }

    /// The app this runs in.
    pub fn app_id(&self) -> &AppId {
        &self.core.id
    }

    /// The app's clock, random numbers and tasks.
    pub fn env(&self) -> &Env {
        &self.core.env
    }

    /// The apps that this one has a link to, itself included, by id.
    pub fn nodes(&self) -> Vec<NodeRecord> {
        self.core.mesh.nodes()
    }

    /// Follows the changes of [`Cx::nodes`].
    pub fn mesh_changes(&self) -> MeshChanges {
        self.core.mesh.changes()
    }

    /// The next of the app's workers in turn: for tasks that stay where they begin, such as connections.
    pub fn next_worker(&self) -> tokio::runtime::Handle {
        self.core.workers.next()
    }

    /// What the app counts: to add metrics of its own, and for the text of all.
    pub fn metrics(&self) -> &Metrics {
        &self.core.metrics
    }

    /// Id of the trace that this call is in, in hexadecimal, if it is sampled.
    pub fn trace_id(&self) -> Option<String> {
        Some(hex(&self.trace()?.trace_id))
    }

    /// The same context as a part of the trace that W3C's `traceparent` names: for gates that trust who says so. What is no
    /// `traceparent` changes nothing.
    #[must_use]
    pub fn with_traceparent(&self, parent: &str) -> Self {
        let Some(trace) = parse_traceparent(parent) else { return self.clone() };
        self.at(trace)
    }

    fn at(&self, trace: Trace) -> Self {
        let head = self.head.as_deref().cloned().unwrap_or_default();
        Self { head: Some(Arc::new(Head { trace: Some(trace), ..head })), ..self.clone() }
    }

    /// What lines of the log and trips to the store know of the call, if there is anything to know.
    #[inline]
    pub(crate) fn context(&self) -> Option<Context> {
        Context::of(self)
    }

    /// Where this stands in a trace, if it is sampled.
    #[inline]
    pub(crate) fn trace(&self) -> Option<&Trace> {
        trace::sampled(self.head.as_deref())
    }

    /// Begins a step of the trace that this is in, if it is sampled; and the context of what happens within it.
    #[inline]
    pub(crate) fn span(self, kind: SpanKind, name: &'static str) -> (Self, Option<OpenSpan>) {
        match (&self.core.tracer, self.trace()) {
            (Some(tracer), Some(trace)) => {
                let span = tracer.open(Some(trace), kind, name);
                (self.at(span.position()), Some(span))
            }
            _ => (self, None),
        }
    }

    /// What is not where the cluster's view says, as this app sees it, one line per slot and no more than a few; empty when every
    /// slot that belongs here is served here, no other one is, and nobody is asked for any. For tests, and to see why a move takes
    /// its time.
    pub fn unsettled(&self) -> Vec<String> {
        self.app.ownership.unsettled()
    }

    /// The head of a call to `peer`, where that is this app: it names the resources that the callee is to see as well.
    #[inline]
    pub(crate) fn with_resources(&self, head: Option<&Head>, peer: &str) -> Option<Box<Head>> {
        // Boxed, as every call would have room for one otherwise, and be moved with it.
        let named = |head: Option<&Head>| {
            Box::new(Head { resources: self.resources, ..head.cloned().unwrap_or_default() })
        };
        (self.resources != 0 && peer == self.core.id.as_str()).then(|| named(head))
    }

    /// The head that a call from here carries; `None` for a plain one. Casts wait for nothing, so they carry no chain.
    pub(crate) fn outgoing(&self, waits: bool, span: Option<&OpenSpan>) -> Option<Head> {
        let turn = self.turn.as_ref().filter(|_| waits);
        if self.head.is_none() && turn.is_none() && span.is_none() {
            return None;
        }
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
            command::enter(session, self.cause.as_deref().filter(|_| waits));
        }
        Some(head)
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
