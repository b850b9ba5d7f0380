//! The tables that the hub has been told of, to name them in requests, and to tell it again.

use guildhall_core::store::{Migrate, Table};
use parking_lot::RwLock;

use crate::convert;
use crate::proto::{
    self, CommitRsp, PrepareReq, QueryRsp, RowsRsp, StoreFailure, TombstonesRsp,
    store_failure::Kind,
};

#[derive(Debug, Default)]
pub(super) struct Prepared(RwLock<Known>);

#[derive(Debug, Default)]
struct Known {
    tables: Vec<(&'static Table, proto::Table, u64)>,
    migrate: Migrate,
}

impl Prepared {
    pub(super) fn add(&self, tables: Vec<(&'static Table, proto::Table)>, migrate: Migrate) {
        let mut known = self.0.write();
        known.migrate = migrate;
        for (table, of) in tables {
            if !known.tables.iter().any(|(other, ..)| *other == table) {
                let fingerprint = convert::fingerprint(&of);
                known.tables.push((table, of, fingerprint));
            }
        }
    }

    /// Of a table that was never prepared too: the hub says so then.
    pub(super) fn fingerprint(&self, table: &Table) -> u64 {
        let known = self.0.read();
        let is_it = |other: &Table| std::ptr::eq(other, table) || other == table;
        let known = known.tables.iter().find(|(other, ..)| is_it(other));
        known.map_or_else(
            || convert::fingerprint(&convert::table(table)),
            |(.., fingerprint)| *fingerprint,
        )
    }

    /// To prepare all of them again.
    pub(super) fn request(&self) -> PrepareReq {
        let known = self.0.read();
        let tables = known.tables.iter().map(|(_, of, _)| of.clone()).collect();
        PrepareReq { tables, check: known.migrate == Migrate::Check }
    }
}

/// An answer that can be "I do not know the table".
pub(super) trait Answer {
    fn failure(&self) -> Option<&StoreFailure>;

    fn is_unprepared(&self) -> bool {
        self.failure().is_some_and(|failure| failure.kind() == Kind::NotPrepared)
    }
}

impl Answer for RowsRsp {
    fn failure(&self) -> Option<&StoreFailure> {
        self.failure.as_ref()
    }
}

impl Answer for TombstonesRsp {
    fn failure(&self) -> Option<&StoreFailure> {
        self.failure.as_ref()
    }
}

impl Answer for QueryRsp {
    fn failure(&self) -> Option<&StoreFailure> {
        self.failure.as_ref()
    }
}

/// One unknown table refuses them all, so nothing of it has happened.
impl Answer for CommitRsp {
    fn failure(&self) -> Option<&StoreFailure> {
        self.batches.first()?.failure.as_ref()
    }
}
