//! [`Failure`]: why an operation on leases failed.

use guildhall_core::leases::{LeaseError, LeaseErrorKind};
use guildhall_core::outside;
use guildhall_core::store::Holder;

use crate::fault::Fault;

/// Why an operation failed.
#[derive(Debug)]
pub(super) enum Failure {
    Fault(Fault),
    /// The holder has no session.
    Expired(String),
    Invalid(String),
    /// Others were faster each time.
    Busy,
}

impl Failure {
    pub(super) fn no_session(holder: &Holder) -> Self {
        Self::Expired(format!(
            "{holder} has no session, or it has expired; open one and acquire again"
        ))
    }

    /// A key has a value that this program has not written.
    pub(super) fn damaged(key: &[u8]) -> Self {
        let key = String::from_utf8_lossy(key);
        let key = outside(&key);
        Self::Invalid(format!("etcd's key `{key}` is damaged; delete it"))
    }

    pub(super) fn error(self, operation: &'static str) -> LeaseError {
        let (kind, why) = match self {
            Self::Fault(fault) => (LeaseErrorKind::Unavailable, fault.to_string()),
            Self::Expired(why) => (LeaseErrorKind::Expired, why),
            Self::Invalid(why) => (LeaseErrorKind::Invalid, why),
            Self::Busy => {
                let why = "other apps have changed it each time; try again".to_owned();
                (LeaseErrorKind::Unavailable, why)
            }
        };
        LeaseError::new(kind, operation, why)
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}
