//! A role's wallet, and transfers between two of them: a saga, as no commit holds two roles.
//!
//! 1. `Transfer` takes the amount from the balance and notes the transfer as pending, in one commit of the sender's row.
//! 2. A courier asks for what is pending by a durable call, whose answer shows only what the store has, and brings each receiver
//!    its oldest transfer: `Credit`.
//! 3. The receiver adds the amount and notes the number, in one commit of its row. Numbers of one sender grow, and the next one
//!    for a receiver goes out only when the one before it is settled: a number that is not larger than the last has been taken.
//! 4. `Settle` removes the transfer from the sender's row. When that is lost, the courier goes again and changes nothing.
//!
//! Couriers go after each transfer, at every activation and by a timer as long as something is pending. That two of them may
//! carry the same transfer does not matter, nor does a courier of an owner of the past.
//!
//! | the crash comes | it leaves | repaired |
//! |---|---|---|
//! | before the commit of 1 | nothing | |
//! | after it | money on its way | by the next activation's courier |
//! | after the commit of 3 | a transfer that is pending, and has arrived | so, too: the number is known |
//!
//! A receiver refuses only what it will refuse for ever, so what comes back was not taken and never will be.

use std::time::Duration;

use futures_util::future::join_all;
use guildhall::{Cx, Status, Timer};

use super::RoleActor;
use crate::proto::role::{RoleState, RoleStateEntity};
use crate::proto::wallet::{
    CreditReq, DeliverReq, PendingReq, PendingRsp, Purse, ReadReq, ReadRsp, SettleReq, Transfer,
    TransferReq, TransferRsp, Wallet, WalletClient, WalletError,
};

/// What a new role has.
pub const GRANT: i64 = 1000;

/// Transfers of one role that have not arrived.
const PENDING_MAX: usize = 16;
/// Roles that one wallet takes money of. Their numbers are kept for ever: who is not among the first is never.
const SENDERS_MAX: usize = 4096;

/// How long one courier may take.
const WAY: Duration = Duration::from_secs(5);
/// When the next one goes.
const AGAIN: Duration = Duration::from_secs(1);

/// Sees to it that another courier goes.
#[derive(Debug, Default)]
pub(super) struct Courier(Option<Timer>);

impl Wallet for RoleActor {
    async fn transfer(&mut self, cx: &Cx, req: TransferReq) -> Result<TransferRsp, Status> {
        let purse = self.purse();
        if req.amount < 1 || req.to == self.state.role_id {
            return Err(WalletError::Nothing.into());
        }
        if purse.balance < req.amount {
            return Err(WalletError::Poor.into());
        }
        if purse.pending.len() >= PENDING_MAX {
            return Err(WalletError::Busy.into());
        }
        // Roles are never deleted: who has been made can be paid for ever.
        if cx.table::<RoleStateEntity>().get(req.to.as_str()).await?.is_none() {
            return Err(WalletError::Nobody.into());
        }
        let purse = self.purse_mut();
        purse.balance -= req.amount;
        purse.number += 1;
        let (number, balance) = (purse.number, purse.balance);
        purse.pending.push(Transfer { number, to: req.to, amount: req.amount });
        self.deliver_all(cx);
        Ok(TransferRsp { number, balance })
    }

    async fn read(&mut self, _cx: &Cx, _req: ReadReq) -> Result<ReadRsp, Status> {
        let Purse { balance, number, pending, .. } = self.purse();
        let pending = u32::try_from(pending.len()).unwrap_or(u32::MAX);
        Ok(ReadRsp { balance: *balance, number: *number, pending })
    }

    async fn pending(&mut self, _cx: &Cx, _req: PendingReq) -> Result<PendingRsp, Status> {
        Ok(PendingRsp { transfers: self.purse().pending.clone() })
    }

    async fn credit(&mut self, _cx: &Cx, req: CreditReq) -> Result<(), Status> {
        let taken = self.state.credited.get(&req.from).copied();
        if taken.is_some_and(|taken| req.number <= taken) {
            return Ok(());
        }
        if taken.is_none() && self.state.credited.len() >= SENDERS_MAX {
            return Err(WalletError::Refused.into());
        }
        self.state.credited_mut().insert(req.from, req.number);
        // All the money there is fits many times.
        self.purse_mut().balance += req.amount;
        Ok(())
    }

    async fn settle(&mut self, cx: &Cx, req: SettleReq) -> Result<(), Status> {
        let place = self.purse().pending.iter().position(|way| way.number == req.number);
        // Another courier was faster.
        let Some(place) = place else { return Ok(()) };
        let purse = self.purse_mut();
        let settled = purse.pending.remove(place);
        if req.refused {
            purse.balance += settled.amount;
        }
        if purse.pending.iter().any(|way| way.to == settled.to) {
            self.deliver_all(cx);
        }
        Ok(())
    }

    async fn deliver(&mut self, cx: &Cx, _req: DeliverReq) -> Result<(), Status> {
        self.courier.0 = None;
        self.deliver_all(cx);
        Ok(())
    }
}

impl RoleActor {
    pub(super) fn fill_wallet(&mut self) {
        self.state.set_purse(Purse { balance: GRANT, granted: GRANT, ..Purse::default() });
    }

    /// Sends a courier if there is something to carry.
    pub(super) fn deliver_all(&mut self, cx: &Cx) {
        if self.purse().pending.is_empty() {
            return;
        }
        let role_id = self.state.role_id.clone();
        if self.courier.0.is_none() {
            let deliver = DeliverReq { role_id: role_id.clone() };
            match cx.after(AGAIN, WalletClient::DELIVER, deliver) {
                Ok(timer) => self.courier.0 = Some(timer),
                Err(status) => tracing::warn!(%status, role_id, "no other courier will go"),
            }
        }
        // Its calls are no part of this turn: two roles that pay each other do not wait for each other.
        let gone = cx.spawn_call(|cx| carry(cx.within(WAY), role_id), drop);
        if let Err(status) = gone {
            tracing::debug!(%status, "the courier goes later");
        }
    }

    fn purse(&self) -> &Purse {
        static NONE: Purse = Purse { balance: 0, granted: 0, number: 0, pending: Vec::new() };
        self.state.purse.as_ref().unwrap_or(&NONE)
    }

    fn purse_mut(&mut self) -> &mut Purse {
        self.state.purse_mut()
    }
}

/// Brings each receiver the oldest transfer that is its own.
async fn carry(cx: Cx, role_id: String) {
    let asked = WalletClient::new(&cx).pending(PendingReq { role_id: role_id.clone() }).await;
    let mut transfers = match asked {
        Ok(pending) => pending.transfers,
        Err(status) => return tracing::debug!(%status, role_id, "nothing can be carried now"),
    };
    // Stable: of each receiver the oldest is the first.
    transfers.sort_by(|one, other| one.to.cmp(&other.to));
    transfers.dedup_by(|next, first| next.to == first.to);
    join_all(transfers.into_iter().map(|way| bring(&cx, &role_id, way))).await;
}

async fn bring(cx: &Cx, from: &str, way: Transfer) {
    let Transfer { number, to, amount } = way;
    let credit = CreditReq { role_id: to, from: from.to_owned(), number, amount };
    let refused = match WalletClient::new(cx).credit(credit).await {
        Ok(()) => false,
        Err(status) if status.is(WalletError::Refused) => true,
        Err(status) => return tracing::debug!(%status, from, number, "a transfer waits"),
    };
    let settle = SettleReq { role_id: from.to_owned(), number, refused };
    if let Err(status) = WalletClient::new(cx).settle(settle).await {
        tracing::debug!(%status, from, number, "it will be carried again");
    }
}

/// What `role` has sent and none of `receivers` has got: money that is in no balance.
pub fn on_the_way<'a>(role: &RoleState, receiver: impl Fn(&str) -> Option<&'a RoleState>) -> i64 {
    let pending = role.purse.iter().flat_map(|purse| &purse.pending);
    let is_there = |way: &&Transfer| {
        let credited = receiver(&way.to).and_then(|to| to.credited.get(&role.role_id));
        credited.is_some_and(|taken| way.number <= *taken)
    };
    pending.filter(|way| !is_there(way)).map(|way| way.amount).sum()
}
