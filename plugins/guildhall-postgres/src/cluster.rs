//! The tables of leases and discovery: made once, at the first request of either.

use std::sync::atomic::{AtomicBool, Ordering};

use guildhall_sql::{Fault, Space};

use crate::dialect::{PostgreSql, lock_of};
use crate::row::one;
use crate::session::{Kept, Session};
use crate::sql::{CLUSTER_TABLES, Params, quoted};

/// The timeline of the server: another one after each promotion of a replica.
pub(crate) const TIMELINE: &str = "left(pg_walfile_name(pg_current_wal_lsn()), 8)";

/// What a cluster keeps here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Of {
    Leases,
    Nodes,
}

impl Of {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Leases => "leases",
            Self::Nodes => "nodes",
        }
    }

    /// Grants and renewals must be there after a crash. Records come again with their next renewal.
    pub(crate) fn kept(self) -> Kept {
        match self {
            Self::Leases => Kept::OnDisk,
            Self::Nodes => Kept::InMemory,
        }
    }
}

/// An SQL schema with these tables.
pub(crate) struct Cluster {
    pub(crate) space: Space<PostgreSql>,
    is_there: AtomicBool,
}

impl Cluster {
    pub(crate) fn new(space: &str) -> Self {
        Self { space: Space::new(space), is_there: AtomicBool::new(false) }
    }

    /// A table's name in SQL.
    pub(crate) fn table(&self, name: &str) -> String {
        self.space.table(name)
    }

    /// The lock of those who change leases, or records of apps: one at a time, as notifications are anyway.
    pub(crate) fn lock(&self, of: Of) -> String {
        format!("guildhall {} {}", of.name(), self.space.0)
    }

    /// The lock of a keeper.
    pub(crate) fn place(&self, place: u32) -> String {
        format!("guildhall keeper {place} {}", self.space.0)
    }

    /// The channel with the changes of leases, or of records.
    pub(crate) fn channel(&self, of: Of) -> String {
        channel(&self.space.0, of.name())
    }

    /// The channel of a topic.
    pub(crate) fn topic(&self, topic: &str) -> String {
        channel(&self.space.0, &format!("topic {topic}"))
    }

    /// Makes the tables where they are missing.
    pub(crate) async fn lay_out(&self, session: &Session) -> Result<(), Fault> {
        if self.is_there.load(Ordering::Acquire) {
            return Ok(());
        }
        let mut params = Params::default();
        let sql = format!(
            "SELECT to_regclass({}) IS NOT NULL",
            params.text(self.table(CLUSTER_TABLES[5]))
        );
        if !one::<bool>(&session.rows(&sql, &params).await?, 0, CLUSTER_TABLES[5])? {
            session.begin().await?;
            session.batch(&self.ddl()).await?;
            session.commit().await?;
        }
        self.is_there.store(true, Ordering::Release);
        Ok(())
    }

    fn ddl(&self) -> String {
        let [state, sessions, leases, numbers, node_state, nodes] =
            CLUSTER_TABLES.map(|t| self.table(t));
        format!(
            "SELECT pg_advisory_xact_lock({lock}); CREATE SCHEMA IF NOT EXISTS {schema}; \
             CREATE TABLE IF NOT EXISTS {state} (given numeric(20) NOT NULL, changes bigint NOT NULL, \
             timeline text NOT NULL, ttl_ms_max bigint NOT NULL); \
             INSERT INTO {state} SELECT 0, 0, {TIMELINE}, 0 WHERE NOT EXISTS (SELECT FROM {state}); \
             CREATE TABLE IF NOT EXISTS {sessions} (app text NOT NULL, incarnation numeric(20) NOT NULL, \
             number numeric(20) NOT NULL UNIQUE, ttl_ms bigint NOT NULL, beat bigint NOT NULL, \
             PRIMARY KEY (app, incarnation)) WITH (fillfactor = 50); \
             CREATE TABLE IF NOT EXISTS {leases} (id text COLLATE \"C\" PRIMARY KEY, app text NOT NULL, \
             incarnation numeric(20) NOT NULL, epoch numeric(20) NOT NULL, from_epoch numeric(20), \
             from_offer numeric(20)); \
             CREATE INDEX IF NOT EXISTS guildhall_leases_holder ON {leases} (app, incarnation); \
             CREATE TABLE IF NOT EXISTS {numbers} (name text PRIMARY KEY, number numeric(20) NOT NULL); \
             CREATE TABLE IF NOT EXISTS {node_state} (changes bigint NOT NULL); \
             INSERT INTO {node_state} SELECT 0 WHERE NOT EXISTS (SELECT FROM {node_state}); \
             CREATE TABLE IF NOT EXISTS {nodes} (app text PRIMARY KEY, incarnation numeric(20) NOT NULL, \
             record bytea NOT NULL, ttl_ms bigint NOT NULL, beat bigint NOT NULL) WITH (fillfactor = 50)",
            lock = lock_of(&self.space),
            schema = quoted(&self.space.0),
        )
    }
}

/// A channel that only users of this SQL schema have: the names of channels have 63 bytes, those of topics 255.
pub(crate) fn channel(space: &str, of: &str) -> String {
    let hash = xxhash_rust::xxh3::xxh3_128(format!("{space}\0{of}").as_bytes());
    format!("guildhall_{hash:032x}")
}
