//! [`Keys`]: what a key-value store must be able to do.

use std::fmt;

use bytes::Bytes;
use guildhall_core::BoxFuture;

/// What a key has.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// `None`: the key is gone.
    pub value: Option<Bytes>,
    /// The number of the write: later writes of any key have larger ones.
    pub revision: u64,
}

/// The keys of a store.
///
/// Keys begin with `l.`, `s.` or `n.`, and have the characters `a-z A-Z 0-9 . - _ / =`, `/` as often as they like. Those of `l.`, which
/// are never removed, and of `s.` are shown to a [`Picture`].
pub trait Keys: fmt::Debug + Send + Sync + 'static {
    /// Writes `value`, or with `None` that the key is gone, if the revision of the key is still `expected`; 0: it is not there. Returns
    /// the revision of the write.
    fn set<'a>(
        &'a self,
        key: &'a str,
        value: Option<Bytes>,
        expected: u64,
    ) -> BoxFuture<'a, Result<u64, Fault>>;

    /// Reads a key: everything that was acknowledged before is seen.
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Entry>, Fault>>;

    /// Waits until the picture shows everything that was acknowledged before this was called. Returns at least the number of writes
    /// that the keys of `l.` ever had.
    fn catch_up(&self) -> BoxFuture<'_, Result<u64, Fault>>;

    /// Waits until the picture shows the write `revision` of `key`, or a later one.
    fn shows<'a>(&'a self, key: &'a str, revision: u64) -> BoxFuture<'a, Result<(), Fault>>;
}

/// What is kept up to date with the keys of a store.
pub trait Picture: Send + Sync + 'static {
    /// These are all keys now.
    fn begin(&self, all: Vec<Entry>);
    /// A key has changed.
    fn change(&self, entry: Entry);
    /// Nothing is known from here on, until it begins again.
    fn lost(&self);
}

/// Why a request failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Another write of the key was first; nothing has happened.
    Conflict,
    /// It does not fit the store; nothing has happened.
    Full(String),
    /// The store cannot be reached, or its answer was lost: it may have happened.
    Failed(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conflict => f.write_str("others wrote the same key each time"),
            Self::Full(why) | Self::Failed(why) => f.write_str(why),
        }
    }
}
