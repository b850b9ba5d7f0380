//! [`Span`]: one step of a trace.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use guildhall_core::Code;

/// One step of a trace, which has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// Of the whole trace.
    pub trace_id: [u8; 16],
    /// Of this step.
    pub span_id: [u8; 8],
    /// Of the step that this is a part of; none for the first.
    pub parent_id: Option<[u8; 8]>,
    /// What kind of step.
    pub kind: SpanKind,
    /// The method's path, or what was done.
    pub name: Cow<'static, str>,
    /// The app in which it happened.
    pub app: Arc<str>,
    /// When it began by the app's wall clock, since the Unix epoch.
    pub started: Duration,
    /// How long it took.
    pub took: Duration,
    /// How it ended.
    pub code: Code,
    /// What else is known: the actor, the player.
    pub fields: Vec<(&'static str, String)>,
}

/// Kinds of steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanKind {
    /// A call, from its caller: retries included.
    Client,
    /// A call, from its arrival to its answer: the time in queues included.
    Server,
    /// The turn of an actor, or of a SERIAL or INTERLEAVED service: the time in queues excluded.
    Turn,
    /// A round trip to the store.
    Store,
    /// A push to players.
    Push,
}

impl SpanKind {
    /// `client`, `server`, `turn`, `store`, `push`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
            Self::Turn => "turn",
            Self::Store => "store",
            Self::Push => "push",
        }
    }
}
