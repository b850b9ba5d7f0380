//! [`Failure`]: why a request failed, and whether another try can succeed.

use std::time::Duration;

use lapin::ErrorKind;
use lapin::protocol::{AMQPErrorKind, AMQPSoftError};

/// The pause between two tries of a request, within its deadline.
pub(crate) const AGAIN: Duration = Duration::from_millis(100);

/// A request that did nothing, unless its caller knows better.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) kind: FailureKind,
    pub(crate) why: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailureKind {
    /// The server refuses it, and will refuse it again.
    Refused,
    /// The connection was lost, or the queue has no leader: another try may succeed.
    Passing,
    /// No answer within the deadline.
    Late,
}

impl Failure {
    pub(crate) fn refused(why: impl Into<String>) -> Self {
        Self { kind: FailureKind::Refused, why: why.into() }
    }

    pub(crate) fn passing(why: impl Into<String>) -> Self {
        Self { kind: FailureKind::Passing, why: why.into() }
    }

    pub(crate) fn late(why: impl Into<String>) -> Self {
        Self { kind: FailureKind::Late, why: why.into() }
    }
}

impl From<lapin::Error> for Failure {
    fn from(error: lapin::Error) -> Self {
        let refused = soft(&error).is_some_and(|soft| {
            matches!(
                soft,
                AMQPSoftError::ACCESSREFUSED
                    | AMQPSoftError::PRECONDITIONFAILED
                    | AMQPSoftError::RESOURCELOCKED
            )
        });
        let kind = if refused { FailureKind::Refused } else { FailureKind::Passing };
        Self { kind, why: error.to_string() }
    }
}

pub(crate) fn is_not_found(error: &lapin::Error) -> bool {
    soft(error).is_some_and(|soft| matches!(soft, AMQPSoftError::NOTFOUND))
}

/// The error that has closed a channel, and not the connection.
fn soft(error: &lapin::Error) -> Option<&AMQPSoftError> {
    match error.kind() {
        ErrorKind::ProtocolError(error) => match error.kind() {
            AMQPErrorKind::Soft(soft) => Some(soft),
            AMQPErrorKind::Hard(_) => None,
        },
        _ => None,
    }
}
