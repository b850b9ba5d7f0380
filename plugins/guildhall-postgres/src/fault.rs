//! [`Fault`]: why an attempt at a request failed, and so whether another attempt may be made.

use guildhall_core::store::{StoreError, StoreErrorKind};
use tokio_postgres::error::SqlState;

/// Why an attempt failed. Nothing was written, except perhaps by [`Fault::Unknown`].
#[derive(Debug)]
pub(crate) enum Fault {
    /// The answer for the caller; the connection works.
    Answer(StoreError),
    /// Another transaction was in the way; the same again may succeed.
    Conflict(String),
    /// Another process has prepared tables since the columns were read.
    Outdated,
    /// The server does not take these values.
    Values(String),
    /// The server cannot do it now; the connection works.
    Busy(String),
    /// The connection is of no use any more.
    Lost(String),
    /// The connection was lost, or the server failed, while it committed.
    Unknown(String),
}

impl Fault {
    /// What the server sent is not what this program has written there.
    pub(crate) fn damaged(subject: impl ToString, why: impl std::fmt::Display) -> Self {
        let message = format!("what the server holds is damaged: {why}; restore it from a backup");
        Self::Answer(StoreError::new(StoreErrorKind::Invalid, "read", subject, message))
    }

    /// An error of a COMMIT. Only an error that says that the transaction was rolled back is one after which nothing is written.
    pub(crate) fn of_commit(error: &tokio_postgres::Error) -> Self {
        let rolled_back = error.code().is_some_and(|code| matches!(&code.code()[..2], "40" | "23"));
        match rolled_back {
            true => Self::Conflict(words(error)),
            false => Self::Unknown(words(error)),
        }
    }

    /// The answer to the caller when no further attempt is made.
    pub(crate) fn error(self, operation: &'static str, subject: &str) -> StoreError {
        let error = |kind, message| StoreError::new(kind, operation, subject, message);
        let unavailable = |message| error(StoreErrorKind::Unavailable, message);
        match self {
            Self::Answer(error) => error,
            Self::Conflict(why) => unavailable(format!(
                "other transactions were in the way each time: {why}; try again later"
            )),
            Self::Outdated => unavailable("tables are being prepared; try again later".to_owned()),
            Self::Values(why) => error(StoreErrorKind::Invalid, why),
            Self::Busy(why) | Self::Lost(why) => unavailable(why),
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

impl From<tokio_postgres::Error> for Fault {
    fn from(error: tokio_postgres::Error) -> Self {
        let why = words(&error);
        let Some(code) = error.code() else { return Self::Lost(why) };
        if *code == SqlState::LOCK_NOT_AVAILABLE || *code == SqlState::QUERY_CANCELED {
            return Self::Busy(format!("{why}; the server is slow or another transaction is long"));
        }
        match &code.code()[..2] {
            // Serialization, deadlock, a row that was inserted meanwhile.
            "40" | "23" => Self::Conflict(why),
            // Values that do not fit, and limits of the server such as the size of an index entry.
            "22" | "54" => Self::Values(why),
            // Space, memory, locks, rights, objects that are not there.
            "53" | "42" | "55" | "3D" | "3F" => Self::Busy(why),
            // A server that shuts down or is read-only after a failover, wrong credentials, and all else.
            _ => Self::Lost(why),
        }
    }
}

/// The error and what it stems from.
pub(crate) fn words(error: &tokio_postgres::Error) -> String {
    if let Some(db) = error.as_db_error() {
        let detail = db.detail().map(|detail| format!(" ({detail})")).unwrap_or_default();
        return format!("the server says {}: {}{detail}", db.code().code(), db.message());
    }
    let mut words = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        words = format!("{words}: {cause}");
        source = cause.source();
    }
    words
}
