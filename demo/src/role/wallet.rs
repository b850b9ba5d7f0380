//! A role's wallet, and transfers between two of them: no commit holds two roles, so the money travels as a message.
//!
//! 1. `Transfer` takes the amount from the balance and puts a `Credit` for the receiver into the outbox: one commit of the
//!    sender's row. A crash before it leaves nothing, a crash after it a message in the row, which whoever owns the role next sends.
//! 2. `Credit` adds the amount, and its number is remembered: one commit of the receiver's row. When it comes again, it is not
//!    run again.
//! 3. Where there is no such role, `Refund` gives the amount back, and the message is done with: one commit of the sender's row.

use guildhall::{ActorCx, Status};

use super::RoleActor;
use crate::proto::wallet::{
    CreditReq, Purse, ReadReq, ReadRsp, RefundReq, TransferReq, TransferRsp, Wallet, WalletClient,
    WalletError,
};

/// What a new role has.
pub const GRANT: i64 = 1000;

impl Wallet for RoleActor {
    async fn transfer(&mut self, cx: &ActorCx, req: TransferReq) -> Result<TransferRsp, Status> {
        let TransferReq { role_id, to, amount } = req;
        if amount < 1 || to == role_id {
            return Err(WalletError::Nothing.into());
        }
        if self.state.purse.as_ref().is_none_or(|purse| purse.balance < amount) {
            return Err(WalletError::Poor.into());
        }
        cx.outbox(WalletClient::CREDIT, CreditReq { role_id: to, amount })?
            .otherwise(WalletClient::REFUND, RefundReq { role_id, amount })?;
        let purse = self.state.purse_mut();
        purse.balance -= amount;
        purse.sent += amount;
        purse.number += 1;
        Ok(TransferRsp { number: purse.number, balance: purse.balance })
    }

    async fn read(&mut self, _cx: &ActorCx, _req: ReadReq) -> Result<ReadRsp, Status> {
        let purse = self.state.purse.as_ref();
        Ok(purse.map_or_else(ReadRsp::default, |purse| ReadRsp {
            balance: purse.balance,
            number: purse.number,
        }))
    }

    async fn credit(&mut self, _cx: &ActorCx, req: CreditReq) -> Result<(), Status> {
        // All the money there is fits many times.
        let purse = self.state.purse_mut();
        purse.balance += req.amount;
        purse.got += req.amount;
        Ok(())
    }

    async fn refund(&mut self, _cx: &ActorCx, req: RefundReq) -> Result<(), Status> {
        let purse = self.state.purse_mut();
        purse.balance += req.amount;
        purse.sent -= req.amount;
        Ok(())
    }
}

impl RoleActor {
    pub(super) fn fill_wallet(&mut self) {
        self.state.set_purse(Purse { balance: GRANT, granted: GRANT, ..Purse::default() });
    }
}
