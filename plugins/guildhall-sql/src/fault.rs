//! [`Fault`]: why an attempt at a request failed, and so whether another attempt may be made.

use guildhall_core::store::{StoreError, StoreErrorKind};

/// Why an attempt failed. Nothing was written, except perhaps by [`Fault::Unknown`].
#[derive(Debug)]
pub enum Fault {
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
    pub fn damaged(subject: impl ToString, why: impl std::fmt::Display) -> Self {
        let message = format!("what the server holds is damaged: {why}; restore it from a backup");
        Self::Answer(StoreError::new(StoreErrorKind::Invalid, "read", subject, message))
    }

    /// What is wrong, and what to do, for errors of other seams than the store.
    pub fn words(self) -> String {
        match self {
            Self::Answer(error) => error.message,
            Self::Conflict(why) => format!("other transactions were in the way each time: {why}"),
            Self::Outdated => "tables are being prepared".to_owned(),
            Self::Values(why) | Self::Busy(why) | Self::Lost(why) => why,
            Self::Unknown(why) => format!("{why}; whether it was done is unknown"),
        }
    }

    /// The answer to the caller of the store when no further attempt is made.
    pub fn error(self, operation: &'static str, subject: &str) -> StoreError {
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
