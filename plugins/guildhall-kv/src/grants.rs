//! Grants, releases and transfers: each one write of the key of its id, by compare-and-set on what was decided from.

use std::collections::BTreeMap;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use guildhall_core::leases::memory::EPOCH_END;
use guildhall_core::leases::{
    Acquired, Holding, LeaseError, LeaseErrorKind, Origin, Transferred, Wanted,
};
use guildhall_core::store::{Holder, LeaseId};

use crate::board::Known;
use crate::key::Key;
use crate::keys::{Fault, Picture as _};
use crate::leases::{ATTEMPTS_MAX, KvLeases, failed, no_session};
use crate::value::Lease;

/// Ids that are written at a time.
const AT_ONCE: usize = 64;

impl KvLeases {
    pub(crate) async fn acquire_all(
        &self,
        holder: &Holder,
        wanted: &[Wanted],
    ) -> Result<Vec<Acquired>, LeaseError> {
        if let Some(wish) = wanted.iter().find(|wish| wish.at_least >= EPOCH_END) {
            return Err(out_of_epochs(&wish.id, wish.at_least));
        }
        self.catch_up("acquire").await?;
        let session = || self.board.session(holder).map(|session| session.value.number);
        let number = session().ok_or_else(|| no_session("acquire", holder))?;
        // Requests for one id are one after the other.
        let mut by_id: BTreeMap<&LeaseId, Vec<usize>> = BTreeMap::new();
        for (at, wish) in wanted.iter().enumerate() {
            by_id.entry(&wish.id).or_default().push(at);
        }
        let granted = stream::iter(by_id.into_values().map(|places| async move {
            let (mut answers, mut known) = (Vec::new(), None);
            for at in places {
                let (answer, after) = self.acquire_one(holder, number, &wanted[at], known).await?;
                answers.push((at, answer));
                known = Some(after);
            }
            if let (Some((last, _)), Some(known)) = (answers.last(), known) {
                self.shows("acquire", &wanted[*last].id, known.revision).await?;
            }
            Ok::<_, LeaseError>(answers)
        }));
        let granted: Vec<_> = granted.buffer_unordered(AT_ONCE).try_collect().await?;
        let mut answers: Vec<_> = granted.into_iter().flatten().collect();
        answers.sort_by_key(|(at, _)| *at);
        // What was granted to a session that has ended meanwhile is free.
        match session() {
            Some(present) if present == number => Ok(answers.into_iter().map(|(_, a)| a).collect()),
            _ => Err(no_session("acquire", holder)),
        }
    }

    /// The answer, and what is known of the id after it. `known` is newer than the board.
    async fn acquire_one(
        &self,
        holder: &Holder,
        session: u64,
        wish: &Wanted,
        mut known: Option<Known>,
    ) -> Result<(Acquired, Known), LeaseError> {
        let mut last = 0;
        for _ in 0..ATTEMPTS_MAX {
            let known = known.take().unwrap_or_else(|| self.board.lease(&wish.id));
            if known.epoch == 0 && last == 0 {
                // It may have had grants before its key was removed: there were no more of them than writes, unless an era was
                // raised, which `at_least` tells.
                last = self.catch_up("acquire").await?;
                continue;
            }
            let from = match &known.held {
                Some((held, _)) if held.holder != *holder => {
                    let (holder, epoch) = (held.holder.clone(), held.epoch);
                    return Ok((Acquired::Taken { holder, epoch }, known));
                }
                // The holder keeps where its grant comes from: it may not know of the transfer.
                Some((held, _)) => held.from,
                None => None,
            };
            let epoch = known.epoch.max(last).max(wish.at_least).saturating_add(1);
            if epoch >= EPOCH_END {
                return Err(out_of_epochs(&wish.id, epoch));
            }
            let lease = Lease { epoch, by: Some((holder.clone(), session)), from };
            if let Some(revision) = self.write("acquire", &wish.id, &lease, known.revision).await? {
                let held = Holding { holder: holder.clone(), epoch, from };
                let known = Known { epoch, held: Some((held, session)), revision };
                return Ok((Acquired::Held { epoch, from }, known));
            }
        }
        Err(failed("acquire", &Fault::Conflict))
    }

    pub(crate) async fn release_all(
        &self,
        holder: &Holder,
        grants: &[(LeaseId, u64)],
    ) -> Result<(), LeaseError> {
        self.catch_up("release").await?;
        let released = stream::iter(grants.to_vec())
            .map(|(id, epoch)| async move { self.release_one(holder, &id, epoch).await });
        released.buffer_unordered(AT_ONCE).try_collect().await
    }

    async fn release_one(
        &self,
        holder: &Holder,
        id: &LeaseId,
        epoch: u64,
    ) -> Result<(), LeaseError> {
        for _ in 0..ATTEMPTS_MAX {
            let known = self.board.lease(id);
            let is_its = |held: &Holding| held.holder == *holder && held.epoch == epoch;
            if !known.held.as_ref().is_some_and(|(held, _)| is_its(held)) {
                return Ok(());
            }
            let free = Lease { epoch, by: None, from: None };
            if let Some(revision) = self.write("release", id, &free, known.revision).await? {
                return self.shows("release", id, revision).await;
            }
        }
        Err(failed("release", &Fault::Conflict))
    }

    pub(crate) async fn transfer_one(
        &self,
        holder: &Holder,
        id: &LeaseId,
        epoch: u64,
        to: &Holder,
        offer: u64,
    ) -> Result<Transferred, LeaseError> {
        self.catch_up("transfer").await?;
        for _ in 0..ATTEMPTS_MAX {
            let known = self.board.lease(id);
            match &known.held {
                Some((held, _)) if held.holder == *holder && held.epoch == epoch => {}
                other => return Ok(Transferred::NotYours(other.clone().map(|(held, _)| held))),
            }
            let Some(target) = self.board.session(to) else { return Ok(Transferred::NobodyThere) };
            let given = epoch.saturating_add(1);
            if given >= EPOCH_END {
                return Err(out_of_epochs(id, given));
            }
            let by = Some((to.clone(), target.value.number));
            let lease = Lease { epoch: given, by, from: Some(Origin { epoch, offer }) };
            if let Some(revision) = self.write("transfer", id, &lease, known.revision).await? {
                self.shows("transfer", id, revision).await?;
                return Ok(Transferred::Done(given));
            }
        }
        Err(failed("transfer", &Fault::Conflict))
    }

    /// Writes the key of an id; `None`, with a board that shows more, if another write was first.
    async fn write(
        &self,
        operation: &'static str,
        id: &LeaseId,
        lease: &Lease,
        expected: u64,
    ) -> Result<Option<u64>, LeaseError> {
        let invalid = |why| LeaseError::new(LeaseErrorKind::Invalid, operation, why);
        let key = Key::lease(id).map_err(invalid)?;
        match self.keys.set(&key, Some(lease.encode()), expected).await {
            Ok(revision) => Ok(Some(revision)),
            Err(Fault::Conflict) => {
                self.catch_up(operation).await?;
                if self.board.lease(id).revision == expected {
                    // The board shows all writes, and none of this key: the store was purged, which nobody is told.
                    let entry = self.keys.get(&key).await;
                    match entry.map_err(|fault| failed(operation, &fault))? {
                        Some(entry) => self.board.change(entry),
                        None => self.board.vanished(id),
                    }
                }
                Ok(None)
            }
            Err(fault) => Err(failed(operation, &fault)),
        }
    }

    /// Waits until the board shows a write.
    async fn shows(
        &self,
        operation: &'static str,
        id: &LeaseId,
        revision: u64,
    ) -> Result<(), LeaseError> {
        let invalid = |why| LeaseError::new(LeaseErrorKind::Invalid, operation, why);
        let key = Key::lease(id).map_err(invalid)?;
        self.keys.shows(&key, revision).await.map_err(|fault| failed(operation, &fault))
    }

    async fn catch_up(&self, operation: &'static str) -> Result<u64, LeaseError> {
        self.keys.catch_up().await.map_err(|fault| failed(operation, &fault))
    }
}

fn out_of_epochs(id: &LeaseId, epoch: u64) -> LeaseError {
    let why = format!(
        "{epoch} was never granted: it is of the last era, which is not used; the row or key of {} that has it is damaged",
        guildhall_core::outside(id)
    );
    LeaseError::new(LeaseErrorKind::Invalid, "acquire", why)
}
