//! [`Fault`]: why a request failed, and so whether it may have happened.

use guildhall_core::outside;
use tonic::{Code, Status};

/// Why a request failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// There was no connection: nothing was sent.
    Unreachable(String),
    /// The answer is lost, or the server could not say what happened.
    Unknown(String),
    /// The server has refused it, and done nothing.
    Refused(String),
    /// The lease of the request is not there.
    NoLease,
    /// The revision of the request is not kept any more.
    Compacted,
    /// The server's answer makes no sense.
    Garbled(&'static str),
}

impl Fault {
    /// What the server, or the connection, says of a request that was sent.
    pub(crate) fn of(status: &Status) -> Self {
        let why = words(status);
        match status.code() {
            Code::NotFound if why.contains("lease not found") => Self::NoLease,
            Code::OutOfRange if why.contains("compacted") => Self::Compacted,
            Code::InvalidArgument
            | Code::NotFound
            | Code::AlreadyExists
            | Code::PermissionDenied
            | Code::ResourceExhausted
            | Code::FailedPrecondition
            | Code::OutOfRange
            | Code::Unimplemented
            | Code::Unauthenticated => Self::Refused(why),
            Code::Ok
            | Code::Cancelled
            | Code::Unknown
            | Code::DeadlineExceeded
            | Code::Aborted
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss => Self::Unknown(why),
        }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unreachable(why) => write!(f, "{why}"),
            Self::Unknown(why) => write!(f, "{why}; whether it has happened is unknown: ask again"),
            Self::Refused(why) => write!(f, "etcd refuses: {why}"),
            Self::NoLease => write!(f, "the etcd lease has ended"),
            Self::Compacted => write!(f, "etcd does not keep that revision any more; read again"),
            Self::Garbled(what) => {
                write!(f, "the server's answer has {what}; is this etcd 3.4 or later?")
            }
        }
    }
}

/// What a status says, cut short, and what it stems from.
pub(crate) fn words(status: &Status) -> String {
    let mut words = outside(status.message()).to_string();
    let mut source = std::error::Error::source(status);
    while let Some(cause) = source {
        words = format!("{words}: {}", outside(&cause.to_string()));
        source = cause.source();
    }
    words
}
