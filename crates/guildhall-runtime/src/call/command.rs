//! Ids of commands and of the calls inside them, for deduplication; and the other causes of a turn.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use guildhall_core::status::reason;
use guildhall_core::{Code, MethodDesc, Status};
use guildhall_wire::{Head, Session};

/// What has begun a turn, where that counts.
#[derive(Debug)]
pub(crate) enum Cause {
    /// A command, and the number of calls that the turn has made: one that runs again makes the same calls, under the same ids.
    Command(AtomicU64),
    /// A reminder, by the number of the firing.
    Reminder(u64),
}

impl Cause {
    /// Whether a call with this head is a command, or inside one.
    #[inline]
    pub(crate) fn of(head: Option<&Head>) -> Option<Arc<Self>> {
        let session = head?.session.as_ref()?;
        command_path(session).map(|_| Arc::new(Self::Command(AtomicU64::new(0))))
    }
}

/// The id of a call within its session: a command's number, or the path of a call inside one (rule 29). Paths of different lengths
/// are different ids, so none can be mistaken for another.
pub(crate) fn command_path(session: &Session) -> Option<&[u64]> {
    match session {
        Session { number: 1.., .. } => Some(std::slice::from_ref(&session.number)),
        Session { path, .. } => Some(&path[..]).filter(|path| !path.is_empty()),
    }
}

/// Makes the session of a turn that of a call from it. Within a command it has the next place there; casts, which are not repeated,
/// have none.
pub(crate) fn make_nested(session: &mut Session, cause: Option<&Cause>) {
    match cause {
        Some(Cause::Command(calls)) => {
            if session.number > 0 {
                session.path = vec![session.number];
            }
            session.path.push(calls.fetch_add(1, Ordering::Relaxed));
        }
        Some(Cause::Reminder(_)) | None => {
            session.path.clear();
            session.answered = 0;
        }
    }
    (session.number, session.resent, session.inner) = (0, false, true);
}

/// Whether a command was sent before, and may not run twice.
pub(crate) fn may_have_run(session: &Session, method: &MethodDesc) -> bool {
    session.resent && session.number > 0 && !method.durable && !method.idempotent
}

/// What such a command fails with where there is no record of it.
pub(crate) fn unknown(method: &MethodDesc) -> Status {
    let why = format!("{} was sent before, and nobody knows whether it has run", method.path);
    Status::new(Code::Aborted, why).with_reason(reason::LOST)
}
