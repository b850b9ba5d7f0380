//! [`StoreError`]: the failure of a store operation, and what its caller can do.

/// Why a store did not do it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreErrorKind {
    /// The token, the version or the lease does not match: somebody else owns the row.
    Refused {
        /// Epoch of the row, for an owner that wants to claim again with a larger one.
        row_epoch: u64,
    },
    /// A row with this key exists.
    Exists,
    /// No row with this key exists.
    Missing,
    /// The store cannot be reached or refused to work; nothing was written.
    Unavailable,
    /// The write may be there or not: read back before answering.
    Unknown,
    /// The schema or the request does not fit the store.
    Invalid,
}

/// A failed operation of a store: what it was, on which row, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{operation} {subject}: {message}")]
pub struct StoreError {
    /// What the caller can do.
    pub kind: StoreErrorKind,
    /// `claim`, `commit`, `open`...
    pub operation: &'static str,
    /// The row, table or file.
    pub subject: String,
    /// The problem, and what to do.
    pub message: String,
}

impl StoreError {
    /// Builds an error of `operation` on `subject`.
    #[allow(clippy::needless_pass_by_value, reason = "callers pass what they have, owned or not")]
    pub fn new(
        kind: StoreErrorKind,
        operation: &'static str,
        subject: impl ToString,
        message: impl Into<String>,
    ) -> Self {
        Self { kind, operation, subject: subject.to_string(), message: message.into() }
    }
}
