//! [`Fault`]: why a request failed, and so whether it may be tried again.

use guildhall_core::store::{StoreError, StoreErrorKind};
use mongodb::error::{Error, ErrorKind, WriteFailure};

/// Why a request failed.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The answer for the caller.
    Answer(StoreError),
    /// Another write was in the way; the same again may succeed.
    Conflict,
    /// The server refuses it for good.
    Values(String),
    /// The server cannot do it now; nothing was written.
    Busy(String),
    /// The server was not reached, or its answer was not.
    Lost(String),
    /// A write was sent, and has no answer.
    Unknown(String),
}

/// A row was inserted meanwhile, or another write was in the way.
const CONFLICTS: [i32; 3] = [11_000, 11_001, 112];
/// Documents that are too large, or that the server does not take.
const VALUES: [i32; 5] = [2, 9, 17_280, 17_419, 10_334];
/// Not the primary, or not any more: nothing was done, and another server may do it.
const ELSEWHERE: [i32; 3] = [10_107, 13_435, 13_436];
/// Rights, space, a command or a name that the server does not take: nothing was done.
const REFUSED: [i32; 9] = [13, 18, 20, 26, 59, 67, 73, 115, 14_031];

impl Fault {
    /// What the server sent is not what this program has written there.
    pub(crate) fn damaged(subject: impl ToString, why: impl std::fmt::Display) -> Self {
        let message = format!("what the server holds is damaged: {why}; restore it from a backup");
        Self::Answer(StoreError::new(StoreErrorKind::Invalid, "read", subject, message))
    }

    /// An error of something that writes nothing.
    pub(crate) fn of_read(error: &Error) -> Self {
        match &*error.kind {
            ErrorKind::Command(error) => match Self::of_code(error.code, &error.message) {
                // Shutting down, or no primary any more: the next one may answer.
                Self::Unknown(why) => Self::Lost(why),
                other => other,
            },
            _ => Self::Lost(words(error)),
        }
    }

    /// An error of a write of one document. Only what the server is known not to have done was not done.
    pub(crate) fn of_write(error: &Error) -> Self {
        match &*error.kind {
            ErrorKind::Write(WriteFailure::WriteError(error)) => {
                Self::of_code(error.code, &error.message)
            }
            ErrorKind::Command(error) => Self::of_code(error.code, &error.message),
            ErrorKind::InsertMany(errors) => match errors.write_errors.as_deref() {
                Some([first, ..]) => Self::of_code(first.code, &first.message),
                _ => Self::Unknown(words(error)),
            },
            // No server was found: nothing was sent.
            ErrorKind::ServerSelection { .. }
            | ErrorKind::Authentication { .. }
            | ErrorKind::DnsResolve { .. }
            | ErrorKind::InvalidTlsConfig { .. } => Self::Lost(words(error)),
            ErrorKind::Bson(_) | ErrorKind::InvalidArgument { .. } => Self::Values(words(error)),
            // It may be there, or not on enough disks.
            _ => Self::Unknown(words(error)),
        }
    }

    fn of_code(code: i32, message: &str) -> Self {
        let message = format!("the server says {code}: {}", short(message));
        match code {
            code if CONFLICTS.contains(&code) => Self::Conflict,
            code if VALUES.contains(&code) => Self::Values(message),
            code if ELSEWHERE.contains(&code) => Self::Lost(message),
            code if REFUSED.contains(&code) => Self::Busy(message),
            _ => Self::Unknown(message),
        }
    }

    /// The fault of a step that writes nothing of the caller's.
    pub(crate) fn nothing_is_written(self) -> Self {
        match self {
            Self::Unknown(why) => Self::Lost(why),
            other => other,
        }
    }

    /// The answer to the caller when no further attempt is made.
    pub(crate) fn error(self, operation: &'static str, subject: &str) -> StoreError {
        let error = |kind, message| StoreError::new(kind, operation, subject, message);
        match self {
            Self::Answer(error) => error,
            Self::Conflict => error(
                StoreErrorKind::Unavailable,
                "other writes were in the way each time; try again later".to_owned(),
            ),
            Self::Values(why) => error(StoreErrorKind::Invalid, why),
            Self::Busy(why) | Self::Lost(why) => error(StoreErrorKind::Unavailable, why),
            Self::Unknown(why) => error(
                StoreErrorKind::Unknown,
                format!("{why}; whether the write is in the database is unknown: read it back"),
            ),
        }
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Answer(error)
    }
}

fn words(error: &Error) -> String {
    short(&error.to_string())
}

fn short(text: &str) -> String {
    text.chars().take(300).map(|c| if c.is_control() { ' ' } else { c }).collect()
}
