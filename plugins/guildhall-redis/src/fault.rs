//! [`Fault`]: why a request failed, and so what its caller may do.

use guildhall_core::store::{StoreError, StoreErrorKind};

/// Why a request failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// There was no connection: nothing was sent.
    Away(String),
    /// The server did not do it: nothing was written.
    Refused(String),
    /// The answer was lost, or is late: it may have been done.
    Unknown(String),
    /// What the server holds or answers is not what this program has written there.
    Damaged(String),
}

/// What to do with a connection whose server has answered with an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Remedy {
    /// Nothing was written; another connection may lead to a server that does it.
    Dial,
    /// Nothing was written; the same a moment later may succeed.
    Wait,
    /// Nothing was written, and the same again will not do either.
    GiveUp,
    /// The connection is of no use any more, and the request may have been done.
    Lost,
    /// The connection works, and the request may have been done in part.
    Broken,
}

impl Fault {
    /// What was wrong, in words.
    pub(crate) fn why(&self) -> &str {
        let (Self::Away(why) | Self::Refused(why) | Self::Unknown(why) | Self::Damaged(why)) = self;
        why
    }

    /// The error of a store.
    pub(crate) fn in_store(self, operation: &'static str, subject: impl ToString) -> StoreError {
        let error = |kind, message: String| StoreError::new(kind, operation, subject, message);
        match self {
            Self::Away(why) | Self::Refused(why) => error(StoreErrorKind::Unavailable, why),
            Self::Unknown(why) => error(
                StoreErrorKind::Unknown,
                format!("{why}; whether the write is on the server is unknown: read it back"),
            ),
            Self::Damaged(why) => error(StoreErrorKind::Invalid, damaged(&why)),
        }
    }
}

pub(crate) fn damaged(why: &str) -> String {
    format!("what the server holds is damaged: {why}; restore it from a backup")
}

/// What an error of the client library means.
pub(crate) fn remedy(error: &redis::RedisError) -> Remedy {
    match error.code() {
        // The server has become a replica, or is not ready.
        Some("READONLY" | "LOADING" | "MASTERDOWN") => Remedy::Dial,
        Some("BUSY" | "TRYAGAIN") => Remedy::Wait,
        // Memory, disk, replicas, rights: each is found out before the first write of a script.
        Some("OOM" | "MISCONF" | "NOREPLICAS" | "NOPERM" | "NOAUTH" | "WRONGPASS" | "NOSCRIPT") => {
            Remedy::GiveUp
        }
        Some(_) => Remedy::Broken,
        None => Remedy::Lost,
    }
}

/// An error of the client library in words; no command and no secret is in it.
pub(crate) fn words(error: &redis::RedisError) -> String {
    let text = match (error.code(), error.detail()) {
        (Some(code), Some(detail)) => format!("the server says {code} {detail}"),
        (Some(code), None) => format!("the server says {code}"),
        _ => error.to_string(),
    };
    text.chars().take(300).map(|c| if c.is_control() { ' ' } else { c }).collect()
}
