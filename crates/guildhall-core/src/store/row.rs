//! Rows, the tokens that fence them, and the guarded writes that change them.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use super::table::{Table, Value};
use crate::{AppId, Incarnation, Key, outside};

/// Names a row: a table, a key, and a second key where one owner has many rows (an outbox).
#[derive(Clone, Debug)]
pub struct RowId {
    /// The table.
    pub table: &'static Table,
    /// The owner's key.
    pub key: Key,
    /// Which of the owner's rows, where there is more than one.
    pub sub: Option<Key>,
}

impl fmt::Display for RowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.table.name, outside(self.key.as_str()))?;
        self.sub.as_ref().map_or(Ok(()), |sub| write!(f, "/{}", outside(sub.as_str())))
    }
}

/// What a grant is for: a slot of an actor type (`role/17`), or a leader.
pub type LeaseId = Arc<str>;

/// An app in one of its lives.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Holder {
    /// Which app.
    pub app: AppId,
    /// Which life.
    pub incarnation: Incarnation,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.app, self.incarnation)
    }
}

/// What one activation writes under: the store accepts a write only from the token that claimed the row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// The lease under which the row is owned; epochs compare within one lease.
    pub lease: LeaseId,
    /// The grant: era << 48 | n, larger than all earlier grants of this lease.
    pub epoch: u64,
    /// Who was granted.
    pub holder: Holder,
    /// Which life of the entity in the holder's memory.
    pub activation: u64,
}

/// A row as it stands in the store.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Who may write it; `None` for rows of stateless writers.
    pub token: Option<Token>,
    /// Counts the claims and writes.
    pub version: u64,
    /// False for a tombstone: a deleted or never created row that an owner has touched.
    pub exists: bool,
    /// Values by column number, in ascending order; absent ones have their default.
    pub fields: Vec<(u32, Value)>,
    /// Completion records of durable commands, encoded by the runtime; kept by deletes.
    pub records: Bytes,
}

/// Writes that happen together or not at all.
#[derive(Clone, Debug)]
pub struct Batch {
    /// At least one.
    pub ops: Vec<Op>,
}

/// One guarded write.
#[derive(Clone, Debug)]
pub struct Op {
    /// Which row.
    pub row: RowId,
    /// What must hold for it to be written.
    pub guard: Guard,
    /// What to write.
    pub write: Write,
    /// New completion records; `None` leaves them.
    pub records: Option<Bytes>,
    /// How long the tombstone of a [`Write::Delete`] is kept at least, in ms by the store's clock: as long as somebody may ask for
    /// its records.
    pub keep_ms: u64,
}

/// What must hold before a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Guard {
    /// An owner: token and version both equal.
    Owner(Token, u64),
    /// A stateless writer: the version equals and no owner has the row.
    Version(u64),
    /// A creator: there is no row, or an unowned tombstone.
    Absent,
}

/// What a write does to the fields.
#[derive(Clone, Debug, PartialEq)]
pub enum Write {
    /// Makes the row exist with these fields; `Exists` when it does.
    Create(Vec<(u32, Value)>),
    /// Sets these fields and leaves the others; `Missing` when the row does not exist.
    Update(Vec<(u32, Value)>),
    /// Leaves a tombstone; `Missing` when the row does not exist.
    Delete,
    /// Removes a tombstone, and raises the [`Floor`] of its lease to its token, and the versions of its table above its own. `Exists`
    /// when the row exists; `Invalid` while it is to be kept. One that is gone is done.
    Forget,
}

/// What the removed tombstones of a lease leave behind, for ever: there are as many as leases.
///
/// A row that is not there is claimed by no epoch below, and at this epoch by this holder alone: else an owner of long ago, who was
/// away while the row was deleted and forgotten, would make it anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Floor {
    /// The largest epoch of a removed row.
    pub epoch: u64,
    /// Who had that grant.
    pub holder: Holder,
}

/// A row that is none any more, and that nobody needs.
#[derive(Clone, Debug)]
pub struct Tombstone {
    /// Which.
    pub row: RowId,
    /// Who has claimed it; `None` for rows of stateless writers.
    pub token: Option<Token>,
    /// Its version.
    pub version: u64,
    /// Since when it may go, in ms since the Unix epoch by the store's clock; 0 for one that a claim has made.
    pub over_ms: u64,
}

/// A batch that is in the store: the new version of each row, in the order of the ops.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// One per op.
    pub versions: Vec<u64>,
}
