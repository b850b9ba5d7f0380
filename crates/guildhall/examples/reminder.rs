//! A reminder: a persistent timer that survives crashes and activates its actor.
//!
//! ```text
//! cargo run -p guildhall --example reminder
//! ```
//!
//! Output:
//!
//!     the app is gone
//!     it is there again: interest was due, and nobody had called

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::sync::Arc;
use std::time::Duration;

use guildhall::store::memory::MemoryStore;
use guildhall::{Actor, ActorCx, App, Code, Config, RunningApp, Schedule, Status};
use proto::bank::{
    AccountEntity, Bank, BankClient, BankServer, CreditReq, FreezeReq, InterestReq, OpenReq,
    OwnerReq, RefundReq, SaveReq, ShowRsp, TransferReq,
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

    async fn transfer(&mut self, _cx: &ActorCx, _req: TransferReq) -> Result<(), Status> {
        Err(Status::new(Code::Unimplemented, "see the example `outbox`"))
    }

    async fn credit(&mut self, _cx: &ActorCx, req: CreditReq) -> Result<(), Status> {
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

    // ANCHOR: remind
    async fn save(&mut self, cx: &ActorCx, req: SaveReq) -> Result<(), Status> {
        let schedule = match req.cron.is_empty() {
            true => Schedule::every(Duration::from_millis(req.every_ms)),
            // Also as a cron pattern with a time zone: "0 5 * * *", "Europe/Berlin".
            false => Schedule::cron(req.cron, req.zone),
        };
        let interest = InterestReq { amount: 1, ..InterestReq::default() };
        cx.remind("interest", schedule, BankClient::INTEREST, interest)
    }

    async fn interest(&mut self, cx: &ActorCx, req: InterestReq) -> Result<(), Status> {
        *self.account.balance_mut() += req.amount;
        // The number of the firing; missed firings are counted.
        self.account.interests_mut().extend(cx.firing());
        Ok(())
    }

    async fn stop(&mut self, cx: &ActorCx, _req: OwnerReq) -> Result<(), Status> {
        cx.forget_reminder("interest");
        Ok(())
    }
    // ANCHOR_END: remind

    async fn show(&mut self, _cx: &ActorCx, _req: OwnerReq) -> Result<ShowRsp, Status> {
        Ok(ShowRsp { account: Some((*self.account).clone()) })
    }
}

async fn start(store: &Arc<MemoryStore>) -> Result<RunningApp, Box<dyn std::error::Error>> {
    let config = Config::builder().set("app.id", "dev.local.bank.1").build()?;
    let app = App::with(config).store(Arc::clone(store) as _);
    Ok(app.actor::<Teller>(BankServer).start().await?)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let store = Arc::new(MemoryStore::new());
    let app = start(&store).await?;
    let cx = app.cx();
    let bank = BankClient::new(&cx);
    bank.open(OpenReq { owner: "ann".into(), balance: 0 }).await?;
    let owner = "ann".to_owned();
    bank.save(SaveReq { owner, every_ms: 500, ..SaveReq::default() }).await?;
    app.shutdown().await;
    println!("the app is gone");

    let app = start(&store).await?;
    let cx = app.cx();
    while cx.actors::<Teller>().count() == 0 {
        cx.env().sleep(Duration::from_millis(10)).await;
    }
    println!("it is there again: interest was due, and nobody had called");
    app.shutdown().await;
    Ok(())
}
