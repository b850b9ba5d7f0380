//! Sessions: an etcd lease for each, and a key that says which one is the holder's.

mod end;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use guildhall_core::leases::Opened;
use guildhall_core::store::Holder;
use parking_lot::Mutex;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{EtcdLeases, Failure, TRIES};
use crate::fault::Fault;
use crate::proto::{
    KeyValue, LeaseGrantRequest, LeaseKeepAliveRequest, LeaseRevokeRequest, RangeRequest,
};
use crate::txn::{get, got, is_at, only, put, seconds, txn};
use end::watch_session;

/// Holders whose session is remembered: one, outside of tests.
const HOLDERS_MAX: usize = 4096;

/// The etcd leases of holders, as far as they are known. A wrong one is noticed when it is used.
#[derive(Debug, Default)]
pub(super) struct Sessions(Mutex<BTreeMap<Holder, Known>>);

#[derive(Debug)]
struct Known {
    lease: i64,
    /// It is over.
    ended: CancellationToken,
    /// Ends the task that looks for that.
    _forgotten: DropGuard,
}

impl Sessions {
    /// Notes the lease of a holder. The first token is to be cancelled when it is over; the second is when it is forgotten.
    fn set(&self, holder: &Holder, lease: i64) -> (CancellationToken, CancellationToken) {
        let (ended, forgotten) = (CancellationToken::new(), CancellationToken::new());
        let _forgotten = forgotten.clone().drop_guard();
        let mut all = self.0.lock();
        if all.len() >= HOLDERS_MAX {
            all.pop_first();
        }
        all.insert(holder.clone(), Known { lease, ended: ended.clone(), _forgotten });
        (ended, forgotten)
    }

    pub(super) fn forget(&self, holder: &Holder) {
        self.0.lock().remove(holder);
    }

    fn get(&self, holder: &Holder) -> Option<i64> {
        self.0.lock().get(holder).map(|known| known.lease)
    }

    /// What is cancelled when this session is over; `None`: it is not the one that is known.
    pub(super) fn end_of(&self, holder: &Holder, session: u64) -> Option<CancellationToken> {
        let known = self.0.lock();
        let known = known.get(holder).filter(|known| number(known.lease) == Some(session));
        known.map(|known| known.ended.clone())
    }
}

impl EtcdLeases {
    pub(super) async fn open_session(
        &self,
        holder: &Holder,
        instead_of: Option<u64>,
        ttl: Duration,
    ) -> Result<Opened, Failure> {
        let key = self.keys.session(holder);
        for _ in 0..TRIES {
            let there = self.read(&key).await?;
            let at = there.as_ref().map_or(0, |kept| kept.mod_revision);
            match there.and_then(|kept| number(kept.lease)) {
                Some(living) if Some(living) != instead_of => return Ok(Opened::Living(living)),
                // With it goes everything that it holds, in one step. A new session begins when that is done.
                Some(replaced) => {
                    self.revoke(replaced).await?;
                    continue;
                }
                None => {}
            }
            let lease = self.grant(ttl).await?;
            // A key without a lease is of no session; it may be there when somebody has written it by hand.
            let opening = txn([is_at(&key, at)], [put(&key, "", lease)], [get(&key)]);
            let opened = self.client.call(opening).await;
            if opened.as_ref().is_ok_and(|opened| opened.succeeded) {
                let number = number(lease).ok_or(Fault::Garbled("a lease without a number"))?;
                let (ended, forgotten) = self.sessions.set(holder, lease);
                let watching = watch_session(Arc::clone(&self.client), key, lease, ended);
                self.client.env.spawn("etcd.session", async move {
                    forgotten.run_until_cancelled(watching).await;
                });
                return Ok(Opened::New(number));
            }
            // It would end by itself.
            let _revoked = self.client.call(LeaseRevokeRequest { id: lease }).await;
            match opened {
                // Another request of this holder was faster, or the new lease is over already.
                Ok(_) | Err(Fault::NoLease) => {}
                Err(fault) => return Err(fault.into()),
            }
        }
        Err(Failure::Busy)
    }

    /// A new lease that lives for `ttl` at least.
    async fn grant(&self, ttl: Duration) -> Result<i64, Failure> {
        let seconds = seconds(ttl);
        let granted = self.client.call(LeaseGrantRequest { ttl: seconds, id: 0 }).await?;
        if granted.id <= 0 || granted.ttl < seconds {
            let (id, given) = (granted.id, granted.ttl);
            let why = format!("it grants lease {id} for {given} s instead of {seconds} s");
            return Err(Fault::Refused(why).into());
        }
        Ok(granted.id)
    }

    pub(super) async fn renew_session(&self, holder: &Holder, session: u64) -> Result<(), Failure> {
        let expired = || {
            self.sessions.forget(holder);
            Failure::no_session(holder)
        };
        let id = i64::try_from(session).ok().filter(|id| *id > 0).ok_or_else(expired)?;
        match self.client.call(LeaseKeepAliveRequest { id }).await {
            Ok(kept) if kept.id != id => Err(Fault::Garbled("another lease").into()),
            Ok(kept) if kept.ttl > 0 => Ok(()),
            Ok(_) | Err(Fault::NoLease) => Err(expired()),
            Err(fault) => Err(fault.into()),
        }
    }

    pub(super) async fn close_session(&self, holder: &Holder, session: u64) -> Result<(), Failure> {
        let key = self.keys.session(holder);
        let there = self.read(&key).await?;
        if there.and_then(|kept| number(kept.lease)) != Some(session) {
            return Ok(());
        }
        self.sessions.forget(holder);
        self.revoke(session).await
    }

    async fn revoke(&self, session: u64) -> Result<(), Failure> {
        let id = i64::try_from(session).map_err(|_| Fault::NoLease)?;
        match self.client.call(LeaseRevokeRequest { id }).await {
            Ok(_) | Err(Fault::NoLease) => Ok(()),
            Err(fault) => Err(fault.into()),
        }
    }

    /// The etcd lease of a holder's session.
    pub(super) async fn session_of(&self, holder: &Holder) -> Result<i64, Failure> {
        if let Some(known) = self.sessions.get(holder) {
            return Ok(known);
        }
        let there = self.read(&self.keys.session(holder)).await?;
        let lease = there.map(|kept| kept.lease).filter(|lease| *lease > 0);
        let lease = lease.ok_or_else(|| Failure::no_session(holder))?;
        self.sessions.set(holder, lease);
        Ok(lease)
    }

    pub(super) async fn read(&self, key: &Bytes) -> Result<Option<KeyValue>, Failure> {
        let range = RangeRequest { key: key.clone(), ..RangeRequest::default() };
        Ok(self.client.call(range).await?.kvs.into_iter().next())
    }

    /// The number that is recorded under a name.
    pub(super) async fn record_once(&self, name: &str, number: u64) -> Result<u64, Failure> {
        let key = self.keys.recorded(name);
        let recording = txn([is_at(&key, 0)], [put(&key, number.to_string(), 0)], [get(&key)]);
        let recorded = self.client.call(recording).await?;
        if recorded.succeeded {
            return Ok(number);
        }
        let there = got(only(recorded)?)?.ok_or(Fault::Garbled("no number"))?;
        let text = std::str::from_utf8(&there.value).ok();
        text.and_then(|text| text.parse().ok()).ok_or_else(|| Failure::damaged(&key))
    }
}

/// The number of the session of a lease; `None`: there is no lease.
fn number(lease: i64) -> Option<u64> {
    u64::try_from(lease).ok().filter(|number| *number > 0)
}
