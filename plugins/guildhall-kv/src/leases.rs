//! The [`Leases`] seam on keys: a key per session, which is written again as its renewal, and a key per id.
//!
//! **When a session ends.** A grant names the session that it was made for, and counts while the key of that session has its number.
//! A session ends by one write of its key: by its holder, or by another client that has seen the same revision for the TTL and a
//! margin, by its own monotonic clock, and writes by compare-and-set on that revision. The holder counts its deadline from before it
//! sent the renewal that wrote the revision, so it has stopped by its own clock before anybody can end the session; and a renewal
//! that is on its way either is first, and the write of the other fails, or is refused. A client that reads all keys anew, after a
//! restart of the server or its own, gives each session its whole TTL from then on.
//!
//! **Epochs** are in the values and count by themselves. Revisions would go back when the store is made again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use guildhall_core::BoxFuture;
use guildhall_core::leases::{
    Acquired, LeaseCapabilities, LeaseChange, LeaseError, LeaseErrorKind, Leases, Opened,
    Transferred, Wanted,
};
use guildhall_core::store::{Holder, LeaseId};
use parking_lot::Mutex;
use tokio::sync::mpsc;

use crate::board::Board;
use crate::expiry;
use crate::key::Key;
use crate::keys::{Fault, Keys};
use crate::value::{self, NumberValue, SessionValue};

/// Attempts at a write that others write too.
pub(crate) const ATTEMPTS_MAX: usize = 16;

/// Leases on the keys of a store.
#[derive(Debug)]
pub struct KvLeases {
    pub(crate) keys: Arc<dyn Keys>,
    pub(crate) board: Arc<Board>,
    /// The sessions of this client: one, outside of tests.
    pub(crate) own: Mutex<BTreeMap<Holder, Own>>,
}

/// A session that this client has opened or renewed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Own {
    pub(crate) value: SessionValue,
    pub(crate) revision: u64,
}

impl KvLeases {
    /// The leases of `keys`, which show `board` what they have. They are dropped with this, and may be seen as gone then.
    pub fn new(keys: Arc<dyn Keys>, board: Arc<Board>) -> Self {
        expiry::start(&keys, &board);
        Self { keys, board, own: Mutex::default() }
    }

    async fn record_once(&self, name: &str, number: u64) -> Result<u64, LeaseError> {
        let invalid = |why| LeaseError::new(LeaseErrorKind::Invalid, "record", why);
        let failed = |fault| failed("record", &fault);
        let key = Key::number(name).map_err(invalid)?;
        for _ in 0..ATTEMPTS_MAX {
            let entry = self.keys.get(&key).await.map_err(failed)?;
            let recorded = value::decode::<NumberValue>(entry.as_ref());
            let damaged = |why| {
                invalid(format!("the number `{name}` is damaged: {why}; remove the key {key}"))
            };
            if let Some(recorded) = recorded.map_err(damaged)? {
                return Ok(recorded.number);
            }
            let revision = entry.map_or(0, |entry| entry.revision);
            let written =
                self.keys.set(&key, Some(value::encode(&NumberValue { number })), revision);
            match written.await {
                Ok(_) => return Ok(number),
                Err(Fault::Conflict) => {}
                Err(fault) => return Err(failed(fault)),
            }
        }
        Err(failed(Fault::Conflict))
    }
}

impl Leases for KvLeases {
    fn capabilities(&self) -> LeaseCapabilities {
        LeaseCapabilities { durable_epochs: true }
    }

    fn open<'a>(
        &'a self,
        holder: &'a Holder,
        instead_of: Option<u64>,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<Opened, LeaseError>> {
        Box::pin(self.open_session(holder, instead_of, ttl))
    }

    fn keep_alive<'a>(
        &'a self,
        holder: &'a Holder,
        session: u64,
    ) -> BoxFuture<'a, Result<(), LeaseError>> {
        Box::pin(self.renew(holder, session))
    }

    fn close<'a>(
        &'a self,
        holder: &'a Holder,
        session: u64,
    ) -> BoxFuture<'a, Result<(), LeaseError>> {
        Box::pin(self.close_session(holder, session))
    }

    fn acquire<'a>(
        &'a self,
        holder: &'a Holder,
        wanted: &'a [Wanted],
    ) -> BoxFuture<'a, Result<Vec<Acquired>, LeaseError>> {
        Box::pin(self.acquire_all(holder, wanted))
    }

    fn release<'a>(
        &'a self,
        holder: &'a Holder,
        grants: &'a [(LeaseId, u64)],
    ) -> BoxFuture<'a, Result<(), LeaseError>> {
        Box::pin(self.release_all(holder, grants))
    }

    fn transfer<'a>(
        &'a self,
        holder: &'a Holder,
        id: &'a LeaseId,
        epoch: u64,
        to: &'a Holder,
        offer: u64,
    ) -> BoxFuture<'a, Result<Transferred, LeaseError>> {
        Box::pin(self.transfer_one(holder, id, epoch, to, offer))
    }

    fn record<'a>(&'a self, name: &'a str, number: u64) -> BoxFuture<'a, Result<u64, LeaseError>> {
        Box::pin(self.record_once(name, number))
    }

    fn watch<'a>(
        &'a self,
        prefix: &'a str,
    ) -> BoxFuture<'a, Result<mpsc::Receiver<LeaseChange>, LeaseError>> {
        Box::pin(async move {
            self.keys.catch_up().await.map_err(|fault| failed("watch", &fault))?;
            Ok(self.board.watch(prefix))
        })
    }
}

pub(crate) fn failed(operation: &'static str, fault: &Fault) -> LeaseError {
    let kind = match fault {
        Fault::Full(_) => LeaseErrorKind::Invalid,
        _ => LeaseErrorKind::Unavailable,
    };
    LeaseError::new(kind, operation, fault.to_string())
}

pub(crate) fn no_session(operation: &'static str, holder: &Holder) -> LeaseError {
    let why = format!("{holder} has no session, or it has expired; open one and acquire again");
    LeaseError::new(LeaseErrorKind::Expired, operation, why)
}
