//! Grants of ids to the holder of a session.

use std::collections::BTreeSet;

use guildhall_core::leases::{Acquired, Origin, Wanted};
use guildhall_core::store::Holder;

use super::epochs::Base;
use super::{EtcdLeases, Failure, TRIES};
use crate::fault::Fault;
use crate::proto::{KeyValue, RequestOp, ResponseOp, TxnRequest};
use crate::txn::{
    answers, get, got, has_lease, inner, is_at, nested, only, put, revision_of, touch, txn,
};
use crate::value::{self, Held};

/// Ids in one transaction: with what is inside of them they fit into the 128 operations that a server permits by default.
pub(super) const CHUNK: usize = 60;

/// What is known about an id that is asked for.
#[derive(Clone, Copy)]
enum Asked {
    Unknown,
    /// It is the asker's own, since this revision.
    Own(i64, Option<Origin>),
}

/// An answer, or what to ask with the next time.
type Answer = Result<Acquired, Asked>;

/// One attempt of a holder.
struct Attempt<'a> {
    holder: &'a Holder,
    lease: i64,
    base: u64,
}

impl EtcdLeases {
    pub(super) async fn acquire_all(
        &self,
        holder: &Holder,
        wanted: &[Wanted],
    ) -> Result<Vec<Acquired>, Failure> {
        let mut answers = Vec::with_capacity(wanted.len());
        let mut rest = wanted;
        while !rest.is_empty() {
            // etcd writes each key once in a transaction.
            let mut ids = BTreeSet::new();
            let distinct = rest.iter().take(CHUNK).take_while(|wish| ids.insert(&wish.id)).count();
            let (now, later) = rest.split_at(distinct);
            answers.extend(self.acquire_some(holder, now).await?);
            rest = later;
        }
        Ok(answers)
    }

    async fn acquire_some(
        &self,
        holder: &Holder,
        wanted: &[Wanted],
    ) -> Result<Vec<Acquired>, Failure> {
        let mut answers: Vec<Answer> = vec![Err(Asked::Unknown); wanted.len()];
        for _ in 0..TRIES {
            let lease = self.session_of(holder).await?;
            match self.attempt(holder, lease, wanted, &mut answers).await {
                Ok(()) => {}
                // The session was over before this attempt.
                Err(Failure::Fault(Fault::NoLease)) => self.sessions.forget(holder),
                Err(failure) => return Err(failure),
            }
            if answers.iter().all(Result::is_ok) {
                return Ok(answers.into_iter().filter_map(Result::ok).collect());
            }
        }
        Err(Failure::Busy)
    }

    /// Asks for those that have no answer yet.
    async fn attempt(
        &self,
        holder: &Holder,
        lease: i64,
        wanted: &[Wanted],
        known: &mut [Answer],
    ) -> Result<(), Failure> {
        let base = self.epoch_base().await?;
        let asked =
            || wanted.iter().zip(&*known).filter_map(|(w, k)| Some((w, *k.as_ref().err()?)));
        let least = asked().map(|(wish, _)| wish.at_least).max().unwrap_or_default();
        let raised = self.epochs.lock().raised(base.base, least);
        let attempt = Attempt { holder, lease, base: raised.unwrap_or(base.base) };
        let (session, base_key) = (self.keys.session(holder), self.keys.epoch_base());
        let mut ops: Vec<_> =
            asked().map(|(wish, asked)| attempt.op(&self.keys.lease(&wish.id), asked)).collect();
        let count = ops.len();
        ops.extend(raised.map(|base| put(&base_key, base.to_string(), 0)));
        let parts = ops.len();
        let conditions = [is_at(&base_key, base.revision), has_lease(&session, lease)];
        let done = self.client.call(txn(conditions, ops, [get(&base_key), get(&session)])).await?;
        let revision = revision_of(done.header.as_ref())?;
        self.epochs.lock().note(revision);
        if !done.succeeded {
            let mut there = answers(done, 2)?.into_iter().map(got);
            let base = there.next().ok_or(Fault::Garbled("no part"))??;
            let present = there.next().ok_or(Fault::Garbled("no part"))??;
            self.learn_base(base.as_ref())?;
            if present.is_none_or(|session| session.lease != lease) {
                self.sessions.forget(holder);
            }
            return Ok(());
        }
        if let Some(base) = raised {
            self.epochs.lock().set(Base { base, revision });
        }
        let done = answers(done, parts)?.into_iter().take(count);
        let open = wanted.iter().zip(known).filter(|(_, known)| known.is_err());
        for ((wish, known), done) in open.zip(done) {
            if let Err(asked) = *known {
                *known = attempt.answer(wish, asked, done, revision)?;
            }
        }
        Ok(())
    }

    pub(super) async fn epoch_base(&self) -> Result<Base, Failure> {
        let known = self.epochs.lock().base();
        match known {
            Some(base) => Ok(base),
            None => {
                let kept = self.read(&self.keys.epoch_base()).await?;
                self.learn_base(kept.as_ref())
            }
        }
    }

    pub(super) fn learn_base(&self, kept: Option<&KeyValue>) -> Result<Base, Failure> {
        let base = Base::of(kept).ok_or_else(|| Failure::damaged(&self.keys.epoch_base()))?;
        self.epochs.lock().set(base);
        Ok(base)
    }
}

impl Attempt<'_> {
    /// A free id is taken, and an own one is granted again; of another's is asked whose it is.
    fn op(&self, key: &bytes::Bytes, asked: Asked) -> RequestOp {
        let new = |from| put(key, value::encode(self.holder, self.base, from), self.lease);
        nested(match asked {
            Asked::Unknown => {
                let own = self.again(key);
                txn([is_at(key, 0)], [new(None)], [nested(own)])
            }
            Asked::Own(revision, from) => txn([is_at(key, revision)], [new(from)], [get(key)]),
        })
    }

    /// The value says which transfer an own grant comes from: it stays, and the revision is new.
    fn again(&self, key: &bytes::Bytes) -> TxnRequest {
        txn([has_lease(key, self.lease)], [get(key), touch(key, self.lease)], [get(key)])
    }

    fn answer(
        &self,
        wish: &Wanted,
        asked: Asked,
        done: ResponseOp,
        revision: i64,
    ) -> Result<Answer, Failure> {
        let done = inner(done)?;
        let granted = |base, from| match value::epoch(base, revision) {
            Some(epoch) => Ok(Acquired::Held { epoch, from }),
            None => Err(Failure::from(Fault::Garbled("a revision that is no number of grants"))),
        };
        let damaged = || Failure::damaged(wish.id.as_bytes());
        match (asked, done.succeeded) {
            (Asked::Unknown, true) => Ok(Ok(granted(self.base, None)?)),
            (Asked::Own(_, from), true) => Ok(Ok(granted(self.base, from)?)),
            (Asked::Own(..), false) => {
                let Some(kept) = got(only(done)?)? else { return Ok(Err(Asked::Unknown)) };
                Ok(self.whose(held(&kept).ok_or_else(damaged)?))
            }
            (Asked::Unknown, false) => {
                let again = inner(only(done)?)?;
                let own = again.succeeded;
                let parts = answers(again, if own { 2 } else { 1 })?;
                let kept = parts.into_iter().next().map(got).transpose()?.flatten();
                let there = held(&kept.ok_or(Fault::Garbled("no key where one was"))?);
                let there = there.ok_or_else(damaged)?;
                if !own || there.holding.holder != *self.holder {
                    return Ok(self.whose(there));
                }
                let from = there.holding.from;
                match granted(there.base, from)? {
                    // Its base is one from before a larger epoch was seen.
                    Acquired::Held { epoch, .. } if epoch <= wish.at_least => {
                        Ok(Err(Asked::Own(revision, from)))
                    }
                    held => Ok(Ok(held)),
                }
            }
        }
    }

    fn whose(&self, held: Held) -> Answer {
        let holding = held.holding;
        match holding.holder == *self.holder {
            true => Err(Asked::Own(held.revision, holding.from)),
            false => Ok(Acquired::Taken { holder: holding.holder, epoch: holding.epoch }),
        }
    }
}

fn held(kept: &KeyValue) -> Option<Held> {
    value::decode(&kept.value, kept.mod_revision)
}
