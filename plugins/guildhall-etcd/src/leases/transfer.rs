//! Ends of grants: releases, and transfers, which move the key of an id from the lease of one holder to that of another in one step.

use std::collections::BTreeMap;

use guildhall_core::leases::{Origin, Transferred};
use guildhall_core::store::{Holder, LeaseId};

use super::acquire::CHUNK;
use super::{EtcdLeases, Failure, TRIES};
use crate::fault::Fault;
use crate::txn::{answers, delete, get, got, is_at, nested, put, revision_of, txn};
use crate::value;

impl EtcdLeases {
    pub(super) async fn release_all(
        &self,
        holder: &Holder,
        grants: &[(LeaseId, u64)],
    ) -> Result<(), Failure> {
        for grants in grants.chunks(CHUNK) {
            let keys: Vec<_> = grants.iter().map(|(id, _)| self.keys.lease(id)).collect();
            let reading = txn([], keys.iter().map(get).collect::<Vec<_>>(), []);
            let there = answers(self.client.call(reading).await?, keys.len())?;
            let mut releases = BTreeMap::new();
            for ((key, (_, epoch)), there) in keys.iter().zip(grants).zip(there) {
                let Some(kept) = got(there)? else { continue };
                let held = value::decode(&kept.value, kept.mod_revision);
                let held = held.ok_or_else(|| Failure::damaged(key))?.holding;
                if held.holder == *holder && held.epoch == *epoch {
                    let is_current = is_at(key, kept.mod_revision);
                    releases.insert(key, txn([is_current], [delete(key)], []));
                }
            }
            if !releases.is_empty() {
                let releases: Vec<_> = releases.into_values().map(nested).collect();
                self.client.call(txn([], releases, [])).await?;
            }
        }
        Ok(())
    }

    pub(super) async fn transfer_one(
        &self,
        holder: &Holder,
        id: &LeaseId,
        epoch: u64,
        to: &Holder,
        offer: u64,
    ) -> Result<Transferred, Failure> {
        let keys = [self.keys.lease(id), self.keys.session(to), self.keys.epoch_base()];
        for _ in 0..TRIES {
            let reading = txn([], keys.each_ref().map(get), []);
            let there = answers(self.client.call(reading).await?, keys.len())?;
            let there = there.into_iter().map(got).collect::<Result<Vec<_>, _>>()?;
            let [held, session, base] = <[_; 3]>::try_from(there)
                .map_err(|_| Fault::Garbled("another number of parts than was asked for"))?;
            let base = self.learn_base(base.as_ref())?;
            let Some(held) = held else { return Ok(Transferred::NotYours(None)) };
            let held = value::decode(&held.value, held.mod_revision)
                .ok_or_else(|| Failure::damaged(&keys[0]))?;
            if held.holding.holder != *holder || held.holding.epoch != epoch {
                return Ok(Transferred::NotYours(Some(held.holding)));
            }
            let Some(session) = session.filter(|session| session.lease > 0) else {
                return Ok(Transferred::NobodyThere);
            };
            let revisions = [held.revision, session.mod_revision, base.revision];
            let unchanged: Vec<_> =
                keys.iter().zip(revisions).map(|(key, revision)| is_at(key, revision)).collect();
            let given = value::encode(to, base.base, Some(Origin { epoch, offer }));
            let giving = txn(unchanged, [put(&keys[0], given, session.lease)], []);
            match self.client.call(giving).await {
                Ok(done) if done.succeeded => {
                    let revision = revision_of(done.header.as_ref())?;
                    self.epochs.lock().note(revision);
                    let epoch = value::epoch(base.base, revision);
                    let epoch = epoch.ok_or(Fault::Garbled("a revision that is no epoch"))?;
                    return Ok(Transferred::Done(epoch));
                }
                // Something has changed, perhaps that the target's session is over.
                Ok(_) | Err(Fault::NoLease) => {}
                Err(fault) => return Err(fault.into()),
            }
        }
        Err(Failure::Busy)
    }
}
