//! The outbox: what an actor sends takes effect once, whatever dies on the way.

use std::time::Duration;

use guildhall::status::reason;
use guildhall::store::RowId;
use guildhall::{Actor, ActorCx, App, Code, Schedule, Status};
use guildhall_testkit::Cluster;
use proto::bank::{
    Account, AccountEntity, Bank, BankClient, BankServer, CreditReq, FreezeReq, InterestReq,
    OpenReq, OwnerReq, RefundReq, SaveReq, ShowRsp, TransferReq,
};
use proto::ledger::{AddReq, AddRsp, Ledger, LedgerClient, LedgerServer, LedgerStateEntity};
use proto::ledger::{ReadReq, ReadRsp};

pub(crate) const ONE: &str = "dev.w1.bank.1";
pub(crate) const TWO: &str = "dev.w1.bank.2";
const CALLER: &str = "dev.w1.caller.1";

/// Longer than a crashed app's lease, the look of the others for it, and the waker's.
const SETTLED: Duration = Duration::from_secs(30);

/// When those who rest cannot be activated, on the wall clock of a cluster, which begins ten seconds before.
const REST: std::ops::Range<Duration> =
    Duration::from_secs(1_800_000_010)..Duration::from_secs(1_800_000_030);

/// An account.
pub(crate) struct TestBank {
    account: AccountEntity,
}

impl Actor for TestBank {
    const NAME: &'static str = "bank";
    type Key = String;
    type State = AccountEntity;

    async fn activate(cx: &ActorCx, key: String, account: AccountEntity) -> Result<Self, Status> {
        if key == "never again" && cx.env().wall() > REST.start {
            return Err(Status::new(Code::Unavailable, "never again"));
        }
        if key.starts_with("resting") && REST.contains(&cx.env().wall()) {
            return Err(Status::new(Code::Unavailable, "not yet"));
        }
        Ok(Self { account })
    }

    fn state(&mut self) -> &mut AccountEntity {
        &mut self.account
    }
}

impl Bank for TestBank {
    async fn open(&mut self, _cx: &ActorCx, req: OpenReq) -> Result<(), Status> {
        if !self.account.exists() {
            self.account.set_balance(req.balance);
        }
        Ok(())
    }

    async fn transfer(&mut self, cx: &ActorCx, req: TransferReq) -> Result<(), Status> {
        let TransferReq { owner, to, amount } = req;
        let credit = CreditReq { owner: to.clone(), amount };
        let message = cx.outbox(BankClient::CREDIT, credit)?;
        if to != "nobody cares" {
            message.otherwise(BankClient::REFUND, RefundReq { owner, amount })?;
        }
        *self.account.balance_mut() -= amount;
        Ok(())
    }

    async fn credit(&mut self, _cx: &ActorCx, req: CreditReq) -> Result<(), Status> {
        if self.account.frozen {
            return Err(Status::new(Code::FailedPrecondition, "frozen"));
        }
        *self.account.balance_mut() += req.amount;
        self.account.credits_mut().push(req.amount);
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

    async fn save(&mut self, cx: &ActorCx, req: SaveReq) -> Result<(), Status> {
        let schedule = match &req {
            SaveReq { every_ms: every @ 1.., .. } => Schedule::every(Duration::from_millis(*every)),
            SaveReq { cron, zone, .. } if !cron.is_empty() => Schedule::cron(cron, zone),
            _ => Schedule::at(cx.env().wall() + Duration::from_millis(req.after_ms)),
        };
        let interest = InterestReq { amount: 1, ..InterestReq::default() };
        cx.remind("interest", schedule, BankClient::INTEREST, interest)
    }

    async fn stop(&mut self, cx: &ActorCx, _req: OwnerReq) -> Result<(), Status> {
        cx.forget_reminder("interest");
        Ok(())
    }

    async fn interest(&mut self, cx: &ActorCx, req: InterestReq) -> Result<(), Status> {
        *self.account.balance_mut() += req.amount;
        self.account.interests_mut().extend(cx.firing());
        Ok(())
    }

    async fn show(&mut self, _cx: &ActorCx, _req: OwnerReq) -> Result<ShowRsp, Status> {
        Ok(ShowRsp { account: Some((*self.account).clone()) })
    }
}

/// Wants to send, and has no place for it.
struct NoOutbox {
    state: LedgerStateEntity,
}

impl Actor for NoOutbox {
    const NAME: &'static str = "ledger";
    type Key = String;
    type State = LedgerStateEntity;

    async fn activate(
        _cx: &ActorCx,
        _key: String,
        state: LedgerStateEntity,
    ) -> Result<Self, Status> {
        Ok(Self { state })
    }

    fn state(&mut self) -> &mut LedgerStateEntity {
        &mut self.state
    }
}

impl Ledger for NoOutbox {
    async fn add(&mut self, cx: &ActorCx, req: AddReq) -> Result<AddRsp, Status> {
        let owner = "bob".to_owned();
        match req.op {
            0 => cx.outbox(BankClient::CREDIT, CreditReq { owner, amount: 1 })?,
            _ => cx.outbox(BankClient::SHOW, OwnerReq { owner })?,
        };
        Ok(AddRsp::default())
    }

    async fn read(&mut self, _cx: &ActorCx, _req: ReadReq) -> Result<ReadRsp, Status> {
        Ok(ReadRsp::default())
    }
}

pub(crate) fn banks(app: App) -> App {
    app.actor::<TestBank>(BankServer).actor::<NoOutbox>(LedgerServer)
}

/// One app with accounts, and one that calls them.
pub(crate) async fn cluster(settings: &[(&str, &str)]) -> Cluster {
    let mut cluster = Cluster::new(11);
    cluster.start_with(ONE, settings, banks).await.unwrap();
    cluster.start(CALLER, |app| app).await.unwrap();
    cluster.linked().await;
    cluster
}

pub(crate) async fn open(cluster: &Cluster, owner: &str, balance: i64) {
    let cx = cluster.cx(CALLER);
    let req = OpenReq { owner: owner.into(), balance };
    BankClient::new(&cx).open(req).await.unwrap();
}

async fn transfer(cluster: &Cluster, owner: &str, to: &str, amount: i64) -> Result<(), Status> {
    let cx = cluster.cx(CALLER);
    let req = TransferReq { owner: owner.into(), to: to.into(), amount };
    BankClient::new(&cx).transfer(req).await
}

async fn freeze(cluster: &Cluster, owner: &str, frozen: bool) {
    let cx = cluster.cx(CALLER);
    BankClient::new(&cx).freeze(FreezeReq { owner: owner.into(), frozen }).await.unwrap();
}

pub(crate) async fn show(cluster: &Cluster, owner: &str) -> Account {
    let cx = cluster.cx(CALLER);
    let rsp = BankClient::new(&cx).show(OwnerReq { owner: owner.into() }).await.unwrap();
    rsp.account.unwrap()
}

/// Accounts `of` that the app has in memory, of those that were opened.
fn owned_by(cluster: &Cluster, app: &str, of: &[String]) -> Vec<String> {
    let mut keys = Vec::new();
    cluster.cx(app).actors::<TestBank>().each(|key| keys.push(key.to_string()));
    of.iter().filter(|owner| keys.contains(owner)).cloned().collect()
}

/// Accounts on both apps: one of each.
async fn on_two(cluster: &mut Cluster) -> (String, String) {
    cluster.start(TWO, banks).await.unwrap();
    cluster.linked().await;
    cluster.advance(SETTLED).await;
    let owners: Vec<_> = (0..12).map(|n| format!("owner{n}")).collect();
    for owner in &owners {
        open(cluster, owner, 100).await;
    }
    let first = |app| owned_by(cluster, app, &owners).first().unwrap().clone();
    let (sender, receiver) = (first(ONE), first(TWO));
    // There is a link for what the tests cut.
    let req = OpenReq { owner: receiver.clone(), balance: 100 };
    BankClient::new(&cluster.cx(ONE)).open(req).await.unwrap();
    (sender, receiver)
}

#[tokio::test(start_paused = true)]
async fn messages_of_an_outbox_arrive_once_and_in_their_order() {
    let cluster = cluster(&[]).await;
    open(&cluster, "ann", 100).await;
    open(&cluster, "bob", 0).await;
    for amount in 1..=5 {
        transfer(&cluster, "ann", "bob", amount).await.unwrap();
    }
    cluster.advance(SETTLED).await;
    assert_eq!(show(&cluster, "bob").await.credits, [1, 2, 3, 4, 5]);
    assert_eq!(show(&cluster, "ann").await.balance, 85);
}

#[tokio::test(start_paused = true)]
async fn a_message_whose_sender_dies_before_it_is_sent_goes_out_without_any_call() {
    let mut cluster = cluster(&[("actor.bank.idle_ms", "1000")]).await;
    open(&cluster, "ann", 100).await;
    open(&cluster, "resting bob", 0).await;
    cluster.advance(Duration::from_secs(12)).await;
    // Nothing of it can arrive before the crash.
    transfer(&cluster, "ann", "resting bob", 30).await.unwrap();
    transfer(&cluster, "ann", "resting bob", 20).await.unwrap();
    cluster.kill(ONE);
    cluster.restart(ONE).await.unwrap();
    cluster.linked().await;
    cluster.advance(2 * SETTLED).await;
    assert_eq!(show(&cluster, "resting bob").await.credits, [30, 20]);
    assert_eq!(show(&cluster, "ann").await.balance, 50);
}

#[tokio::test(start_paused = true)]
async fn a_message_is_run_once_where_its_receiver_dies_before_it_answers() {
    let mut cluster = cluster(&[]).await;
    let (sender, receiver) = on_two(&mut cluster).await;
    // The message arrives, and its answer does not.
    cluster.partition_one_way(TWO, ONE);
    transfer(&cluster, &sender, &receiver, 7).await.unwrap();
    cluster.advance(Duration::from_secs(1)).await;
    assert_eq!(show(&cluster, &receiver).await.credits, [7]);
    cluster.kill(TWO);
    cluster.heal_all();
    cluster.restart(TWO).await.unwrap();
    cluster.linked().await;
    cluster.advance(SETTLED).await;
    assert_eq!(show(&cluster, &receiver).await.credits, [7], "sent again, and not run again");
    transfer(&cluster, &sender, &receiver, 8).await.unwrap();
    cluster.advance(SETTLED).await;
    assert_eq!(show(&cluster, &receiver).await.credits, [7, 8], "and the way is free");
}

#[tokio::test(start_paused = true)]
async fn messages_go_on_while_their_actors_move() {
    let mut cluster = cluster(&[]).await;
    let owners: Vec<_> = (0..8).map(|n| format!("owner{n}")).collect();
    for owner in &owners {
        open(&cluster, owner, 100).await;
    }
    for round in 0..4 {
        if round == 1 {
            cluster.start(TWO, banks).await.unwrap();
        }
        for (owner, to) in owners.iter().zip(owners.iter().cycle().skip(1)) {
            transfer(&cluster, owner, to, 1 + round).await.unwrap();
        }
    }
    cluster.advance(SETTLED).await;
    for owner in &owners {
        assert_eq!(show(&cluster, owner).await.credits, [1, 2, 3, 4], "{owner}");
        assert_eq!(show(&cluster, owner).await.balance, 100);
    }
    assert!(!owned_by(&cluster, TWO, &owners).is_empty(), "some have moved");
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_runs_otherwise_once() {
    let mut cluster = cluster(&[]).await;
    open(&cluster, "ann", 100).await;
    open(&cluster, "bob", 0).await;
    freeze(&cluster, "bob", true).await;
    transfer(&cluster, "ann", "bob", 10).await.unwrap();
    transfer(&cluster, "ann", "nobody there", 5).await.unwrap();
    transfer(&cluster, "ann", "nobody cares", 3).await.unwrap();
    cluster.advance(SETTLED).await;
    let ann = show(&cluster, "ann").await;
    assert_eq!((ann.balance, ann.refunds.len()), (97, 2));
    freeze(&cluster, "bob", false).await;
    cluster.restart(ONE).await.unwrap();
    cluster.linked().await;
    cluster.advance(SETTLED).await;
    let ann = show(&cluster, "ann").await;
    assert_eq!((ann.balance, ann.refunds.len()), (97, 2), "it is done with");
    assert_eq!(show(&cluster, "bob").await.credits, Vec::<i64>::new());
}

#[tokio::test(start_paused = true)]
async fn an_outbox_is_bounded() {
    let cluster = cluster(&[("actor.bank.outbox_max", "2")]).await;
    open(&cluster, "ann", 100).await;
    open(&cluster, "bob", 0).await;
    let one = || transfer(&cluster, "ann", "bob", 1);
    let (first, second, third) = tokio::join!(one(), one(), one());
    first.and(second).unwrap();
    assert_eq!(third.unwrap_err().reason(), reason::OVERLOADED);
    cluster.advance(SETTLED).await;
    assert_eq!(show(&cluster, "ann").await.balance, 98);
    transfer(&cluster, "ann", "bob", 1).await.unwrap();
}

/// Bytes of what the row of an account remembers.
async fn remembers(cluster: &Cluster, owner: &str) -> usize {
    let table = <AccountEntity as guildhall::entity::Entity>::TABLE;
    let row = RowId { table, key: owner.into(), sub: None };
    let rows = cluster.store().read(&[row]).await.unwrap();
    rows.into_iter().flatten().map(|row| row.records.len()).sum()
}

#[tokio::test(start_paused = true)]
async fn messages_of_more_than_a_thousand_senders_arrive_and_none_is_remembered() {
    // There is room for some 800 senders at a time.
    let cluster = cluster(&[("actor.bank.records_bytes_max", "65536")]).await;
    open(&cluster, "shop", 0).await;
    let orders: Vec<String> = (0..1200).map(|n| format!("order{n}")).collect();
    for order in &orders {
        open(&cluster, order, 1).await;
        transfer(&cluster, order, "shop", 1).await.unwrap();
    }
    cluster.advance(3 * SETTLED).await;
    assert_eq!(show(&cluster, "shop").await.credits.len(), orders.len());
    assert_eq!(remembers(&cluster, "shop").await, 0, "no message is under way");
}

#[tokio::test(start_paused = true)]
async fn a_receiver_remembers_messages_under_way_in_bounded_bytes() {
    let cluster = cluster(&[("actor.bank.records_bytes_max", "1")]).await;
    for owner in ["ann", "bob", "cid"] {
        open(&cluster, owner, 100).await;
    }
    transfer(&cluster, "ann", "cid", 1).await.unwrap();
    cluster.advance(Duration::from_secs(1)).await;
    assert!(remembers(&cluster, "cid").await > 0, "it is in the row of its sender still");
    transfer(&cluster, "bob", "cid", 2).await.unwrap();
    cluster.advance(Duration::from_secs(1)).await;
    assert_eq!(show(&cluster, "cid").await.credits, [1], "there is no room for a second sender");
    cluster.advance(SETTLED).await;
    assert_eq!(show(&cluster, "cid").await.credits, [1, 2], "the first one was done with");
    cluster.advance(SETTLED).await;
    assert_eq!(remembers(&cluster, "cid").await, 0);
}

#[tokio::test(start_paused = true)]
async fn an_outbox_wants_its_option_and_durable_methods() {
    let cluster = cluster(&[]).await;
    let cx = cluster.cx(CALLER);
    let add = |op| LedgerClient::new(&cx).add(AddReq { id: "a".into(), op });
    let refused = add(0).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert!(refused.message().contains("wakes: true"), "{refused}");
    let refused = add(1).await.unwrap_err();
    assert!(refused.message().contains("durable: true"), "{refused}");
}

/// How often an app has asked the store a question.
fn queries(cluster: &Cluster, app: &str) -> u64 {
    let text = cluster.cx(app).metrics().text();
    let count = "guildhall_store_seconds_count{operation=\"query\"} ";
    text.lines().find_map(|line| line.strip_prefix(count)).unwrap().parse().unwrap()
}

#[tokio::test(start_paused = true)]
async fn rows_that_are_due_for_ever_cost_a_bounded_number_of_pages_and_hold_up_nobody() {
    let pages = [("actor.bank.wake_page", "4"), ("actor.bank.wake_pages_max", "2")];
    let mut cluster = cluster(&[&pages[..], &[("actor.bank.idle_ms", "1000")]].concat()).await;
    let stuck: Vec<String> = (0..40).map(|n| format!("stuck{n}")).collect();
    open(&cluster, "never again", 0).await;
    cluster.advance(Duration::from_secs(15)).await;
    for owner in &stuck {
        open(&cluster, owner, 100).await;
        transfer(&cluster, owner, "never again", 1).await.unwrap();
    }
    open(&cluster, "ann", 0).await;
    cluster.advance(Duration::from_secs(90)).await;
    assert_eq!(owned_by(&cluster, ONE, &stuck).len(), stuck.len(), "they try");
    let before = queries(&cluster, ONE);
    // In a minute from now, when she sleeps.
    let cx = cluster.cx(CALLER);
    let save = SaveReq { owner: "ann".into(), after_ms: 60_000, ..SaveReq::default() };
    BankClient::new(&cx).save(save).await.unwrap();
    cluster.advance(Duration::from_secs(63)).await;
    let asked = queries(&cluster, ONE) - before;
    assert!(asked <= 63 * 4, "{asked} pages in 63 looks, with two of each kind at most");
    assert_eq!(show(&cluster, "ann").await.interests, [1], "what is due now does not wait");
    // All are gone through, a few at a time: the next owner has them all in memory.
    cluster.kill(ONE);
    cluster.restart(ONE).await.unwrap();
    cluster.linked().await;
    cluster.advance(SETTLED).await;
    let woken = owned_by(&cluster, ONE, &stuck).len();
    assert_eq!(woken, stuck.len(), "{}", cluster.cx(ONE).metrics().text());
}

#[tokio::test(start_paused = true)]
async fn a_wall_clock_that_jumps_by_weeks_makes_no_receiver_forget() {
    let mut cluster = cluster(&[]).await;
    let (sender, receiver) = on_two(&mut cluster).await;
    // The message arrives, and its answer does not.
    cluster.partition_one_way(TWO, ONE);
    transfer(&cluster, &sender, &receiver, 7).await.unwrap();
    cluster.advance(Duration::from_secs(1)).await;
    assert_eq!(show(&cluster, &receiver).await.credits, [7]);
    let weeks = Duration::from_secs(21 * 24 * 3600);
    cluster.env(TWO).set_wall_step(i64::try_from(weeks.as_nanos()).unwrap());
    // What is saved now is without what is old enough.
    freeze(&cluster, &receiver, false).await;
    for _ in 0..3 {
        transfer(&cluster, &receiver, "nobody cares", 1).await.unwrap();
        cluster.advance(Duration::from_secs(10)).await;
    }
    cluster.heal_all();
    cluster.advance(2 * SETTLED).await;
    assert_eq!(show(&cluster, &receiver).await.credits, [7], "sent again, and not run again");
}
