//! Wallets and ledgers: money is neither made nor lost, whatever crashes when.

use std::time::Duration;

use demo::audit::{self, Audit};
use demo::proto::ledger::{self, AppendReq, LedgerClient};
use demo::proto::wallet::{ReadReq, ReadRsp, TransferReq, TransferRsp, WalletClient, WalletError};
use demo::role::GRANT;
use guildhall::{Cx, Effect, Status};
use guildhall_testkit::Cluster;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use crate::town::{CALLER, register, start};

const ROLE: &str = "demo.w1.role.1";
const OTHER: &str = "demo.w1.role.2";

/// A game in which roles 1, 2 and so on are registered.
async fn game(seed: u64, roles: u32) -> (Cluster, Cx) {
    let mut cluster = Cluster::new(seed);
    start(&mut cluster, &[(ROLE, &["role"]), (OTHER, &["role"])]).await;
    let cx = cluster.cx(CALLER);
    for role in 1..=roles {
        register(&cx, &role.to_string()).await;
    }
    (cluster, cx)
}

async fn pay(cx: &Cx, from: &str, to: &str, amount: i64) -> Result<TransferRsp, Status> {
    let req = TransferReq { role_id: from.into(), to: to.into(), amount };
    WalletClient::new(cx).transfer(req).await
}

async fn wallet(cx: &Cx, role_id: &str) -> ReadRsp {
    WalletClient::new(cx).read(ReadReq { role_id: role_id.into() }).await.unwrap()
}

async fn found(cluster: &Cluster) -> Audit {
    audit::audit(&audit::rows(&cluster.cx(ROLE)).await.unwrap())
}

/// What the store says when nothing is on its way any more. Nobody calls a role until then.
async fn settled(cluster: &Cluster) -> Audit {
    for _ in 0..60 {
        cluster.advance(Duration::from_secs(2)).await;
        let found = found(cluster).await;
        if found.on_the_way == 0 {
            return found;
        }
    }
    panic!("transfers do not arrive");
}

#[tokio::test(start_paused = true)]
async fn a_transfer_arrives_and_all_the_money_is_there() {
    let (cluster, cx) = game(1, 2).await;
    let paid = pay(&cx, "1", "2", 300).await.unwrap();
    assert_eq!((paid.number, paid.balance), (1, GRANT - 300));
    let expected = Audit { roles: 2, granted: 2 * GRANT, balances: 2 * GRANT, on_the_way: 0 };
    assert_eq!(settled(&cluster).await, expected);
    assert_eq!(wallet(&cx, "2").await.balance, GRANT + 300);
    let sender = wallet(&cx, "1").await;
    assert_eq!((sender.balance, sender.number), (GRANT - 300, 1));
}

#[tokio::test(start_paused = true)]
async fn two_roles_that_pay_each_other_at_once_do_not_wait_for_each_other() {
    let (cluster, cx) = game(2, 2).await;
    let both = tokio::join!(pay(&cx, "1", "2", 100), pay(&cx, "2", "1", 30));
    assert!(both.0.is_ok() && both.1.is_ok(), "{both:?}");
    assert_eq!(settled(&cluster).await.error(), 0);
    let balances = (wallet(&cx, "1").await.balance, wallet(&cx, "2").await.balance);
    assert_eq!(balances, (GRANT - 70, GRANT + 70));
}

#[tokio::test(start_paused = true)]
async fn a_transfer_that_cannot_be_is_refused_and_costs_nothing() {
    let (_cluster, cx) = game(3, 2).await;
    for (to, amount, error) in [
        ("2", GRANT + 1, WalletError::Poor),
        ("2", 0, WalletError::Nothing),
        ("2", -5, WalletError::Nothing),
        ("1", 5, WalletError::Nothing),
    ] {
        let status = pay(&cx, "1", to, amount).await.unwrap_err();
        assert!(status.is(error) && status.effect() == Effect::Ran, "{status} is not {error:?}");
    }
    assert_eq!(wallet(&cx, "1").await, ReadRsp { balance: GRANT, number: 0 });
}

#[tokio::test(start_paused = true)]
async fn a_transfer_to_nobody_comes_back() {
    let (cluster, cx) = game(4, 1).await;
    assert_eq!(pay(&cx, "1", "9", 400).await.unwrap().balance, GRANT - 400);
    assert_eq!(settled(&cluster).await.balances, GRANT);
    assert_eq!(wallet(&cx, "1").await, ReadRsp { balance: GRANT, number: 1 });
}

#[tokio::test(start_paused = true)]
async fn a_transfer_waits_for_a_receiver_that_cannot_be_reached() {
    let (cluster, cx) = game(5, 8).await;
    // Whoever owns the roles now, some are on either side.
    cluster.partition(ROLE, OTHER);
    for to in 2..=8 {
        pay(&cx, "1", &to.to_string(), 10).await.unwrap();
    }
    cluster.advance(Duration::from_secs(3)).await;
    let on_the_way = found(&cluster).await.on_the_way;
    assert!((10..70).contains(&on_the_way), "{on_the_way}");
    cluster.heal_all();
    assert_eq!(settled(&cluster).await.error(), 0);
    assert_eq!(wallet(&cx, "8").await.balance, GRANT + 10);
}

#[tokio::test(start_paused = true)]
async fn no_money_is_made_or_lost_whatever_crashes_when() {
    let mut paid = 0;
    for seed in 0..8 {
        let (mut cluster, cx) = game(100 + seed, 6).await;
        let mut rng = StdRng::seed_from_u64(seed);
        for step in 0..60 {
            let (from, to) = (rng.random_range(1..=6), rng.random_range(1..=6));
            let amount = rng.random_range(1..200);
            let pay = pay(&cx, &format!("{from}"), &format!("{to}"), amount).await;
            paid += u32::from(pay.is_ok());
            let pause = rng.random_range(0..400);
            cluster.advance(Duration::from_millis(pause)).await;
            if step % 7 == 6 {
                let app = if rng.random() { ROLE } else { OTHER };
                cluster.restart(app).await.unwrap();
            }
        }
        cluster.linked().await;
        let found = settled(&cluster).await;
        assert_eq!((found.error(), found.granted), (0, 6 * GRANT), "seed {seed}: {found:?}");
    }
    assert!(paid > 200, "{paid}");
}

#[tokio::test(start_paused = true)]
async fn a_ledger_holds_each_operation_as_often_as_it_was_asked_for() {
    let (mut cluster, cx) = game(6, 1).await;
    for (place, op) in (1..).zip([5, 3, 5]) {
        let req = AppendReq { role_id: "1".into(), op };
        assert_eq!(LedgerClient::new(&cx).append(req).await.unwrap().place, place);
    }
    for app in [ROLE, OTHER] {
        cluster.restart(app).await.unwrap();
    }
    cluster.linked().await;
    let read = ledger::ReadReq { role_id: "1".into() };
    assert_eq!(LedgerClient::new(&cx).read(read).await.unwrap().ops, [5, 3, 5]);
}
