//! The outbox: a transfer between two accounts that survives crashes, and is refunded when the receiver refuses it.
//!
//! ```text
//! cargo run -p guildhall --example outbox
//! ```
//!
//! Output:
//!
//!     ann has 70, bob has 30
//!     ann has 70, bob has 30: 1 transfer came back

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::time::Duration;

use guildhall::store::memory::MemoryStore;
use guildhall::{Actor, ActorCx, App, Code, Config, Cx, Status};
use proto::bank::{
    Account, AccountEntity, Bank, BankClient, BankServer, CreditReq, FreezeReq, InterestReq,
    OpenReq, OwnerReq, RefundReq, SaveReq, ShowRsp, TransferReq,
};

/// An account. Its entity says `wakes: true` in the proto.
struct Teller {
    account: AccountEntity,
}

impl Actor for Teller {
    const NAME: &'static str = "account";
    type Key = String;
    type State = AccountEntity;

    async fn activate(
        _cx: &ActorCx,
        _owner: String,
        account: AccountEntity,
    ) -> Result<Self, Status> {
        Ok(Self { account })
    }

    fn state(&mut self) -> &mut AccountEntity {
        &mut self.account
    }
}

impl Bank for Teller {
    async fn open(&mut self, _cx: &ActorCx, req: OpenReq) -> Result<(), Status> {
        self.account.set_balance(req.balance);
        Ok(())
    }

    // ANCHOR: transfer
    async fn transfer(&mut self, cx: &ActorCx, req: TransferReq) -> Result<(), Status> {
        let TransferReq { owner, to, amount } = req;
        // The message is stored in the same write as the balance, and is sent after the commit.
        cx.outbox(BankClient::CREDIT, CreditReq { owner: to, amount })?
            .otherwise(BankClient::REFUND, RefundReq { owner, amount })?;
        *self.account.balance_mut() -= amount;
        Ok(())
    }
    // ANCHOR_END: transfer

    async fn credit(&mut self, _cx: &ActorCx, req: CreditReq) -> Result<(), Status> {
        if self.account.frozen {
            return Err(Status::new(Code::FailedPrecondition, "the account is frozen"));
        }
        *self.account.balance_mut() += req.amount;
        Ok(())
    }

    async fn refund(&mut self, _cx: &ActorCx, req: RefundReq) -> Result<(), Status> {
        *self.account.balance_mut() += req.amount;
        self.account.refunds_mut().push(req.amount);
        Ok(())
    }

    async fn freeze(&mut self, _cx: &ActorCx, req: FreezeReq) -> Result<(), Status> {
        self.account.set_frozen(req.frozen);
        Ok(())
    }

    async fn save(&mut self, _cx: &ActorCx, _req: SaveReq) -> Result<(), Status> {
        Err(Status::new(Code::Unimplemented, "see the example `reminder`"))
    }

    async fn stop(&mut self, _cx: &ActorCx, _req: OwnerReq) -> Result<(), Status> {
        Ok(())
    }

    async fn interest(&mut self, _cx: &ActorCx, _req: InterestReq) -> Result<(), Status> {
        Ok(())
    }

    async fn show(&mut self, _cx: &ActorCx, _req: OwnerReq) -> Result<ShowRsp, Status> {
        Ok(ShowRsp { account: Some((*self.account).clone()) })
    }
}

async fn account(cx: &Cx, owner: &str) -> Result<Account, Status> {
    let rsp = BankClient::new(cx).show(OwnerReq { owner: owner.into() }).await?;
    Ok(rsp.account.unwrap_or_default())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let config = Config::builder().set("app.id", "dev.local.bank.1").build()?;
    let app = App::with(config).store(std::sync::Arc::new(MemoryStore::new()));
    let app = app.actor::<Teller>(BankServer).start().await?;
    let cx = app.cx();
    let bank = BankClient::new(&cx);
    bank.open(OpenReq { owner: "ann".into(), balance: 100 }).await?;
    bank.open(OpenReq { owner: "bob".into(), balance: 0 }).await?;
    let transfer = TransferReq { owner: "ann".into(), to: "bob".into(), amount: 30 };

    bank.transfer(transfer.clone()).await?;
    while account(&cx, "bob").await?.balance == 0 {
        cx.env().sleep(Duration::from_millis(10)).await;
    }
    let (ann, bob) = (account(&cx, "ann").await?, account(&cx, "bob").await?);
    println!("ann has {}, bob has {}", ann.balance, bob.balance);

    bank.freeze(FreezeReq { owner: "bob".into(), frozen: true }).await?;
    bank.transfer(transfer).await?;
    while account(&cx, "ann").await?.refunds.is_empty() {
        cx.env().sleep(Duration::from_millis(10)).await;
    }
    let (ann, bob) = (account(&cx, "ann").await?, account(&cx, "bob").await?);
    let back = ann.refunds.len();
    println!("ann has {}, bob has {}: {back} transfer came back", ann.balance, bob.balance);
    app.shutdown().await;
    Ok(())
}
