//! What deleted rows leave behind: nothing, once nobody can ask for their records any more; and until then their records.

use std::time::Duration;

use guildhall::store::{Row, RowId};
use guildhall::{App, Code, Cx, Status};
use guildhall_testkit::{Cluster, Seam, SeamFaults};
use guildhall_wire::Session;
use proto::PlainMember;
use proto::room::{EarnReq, JoinReq, MemberClient, MemberRsp, MemberServer, MemberStateEntity};

use crate::world::CALLER;

const ONE: &str = "dev.w1.fly.1";
const TWO: &str = "dev.w1.fly.2";

const RECORDS_MS: u64 = 60_000;

const SETTINGS: &[(&str, &str)] = &[
    ("app.slots", "16"),
    ("actor.member.records_ms", "60000"),
    ("store.sweep_ms", "1000"),
    ("store.sweep_page", "7"),
];

async fn join(cx: &Cx, key: &str, name: &str) -> Result<MemberRsp, Status> {
    MemberClient::new(cx).join(JoinReq { player: key.into(), name: name.into() }).await
}

async fn earn(cx: &Cx, key: &str, points: i64) -> Result<i64, Status> {
    let earned = MemberClient::new(cx).earn(EarnReq { player: key.into(), points }).await?;
    Ok(earned.member.map_or(0, |member| member.points))
}

struct Flies {
    cluster: Cluster,
    cx: Cx,
}

async fn flies(seed: u64) -> Flies {
    let mut cluster = Cluster::new(seed);
    let flies = |app: App| app.actor::<PlainMember>(MemberServer);
    for id in [ONE, TWO] {
        cluster.start_with(id, SETTINGS, flies).await.unwrap();
    }
    cluster.start(CALLER, |app| app).await.unwrap();
    cluster.linked().await;
    cluster.advance(Duration::from_secs(5)).await;
    let cx = cluster.cx(CALLER);
    Flies { cluster, cx }
}

impl Flies {
    async fn row(&self, key: &str) -> Option<Row> {
        let table = <MemberStateEntity as guildhall::entity::Entity>::TABLE;
        let id = RowId { table, key: key.into(), sub: None };
        self.cluster.store().read(&[id]).await.unwrap().remove(0)
    }

    async fn rows(&self, keys: &[String]) -> usize {
        let mut count = 0;
        for key in keys {
            count += usize::from(self.row(key).await.is_some());
        }
        count
    }
}

/// As a command of ann's.
fn command(cx: &Cx, number: u64, resent: bool) -> Cx {
    let (player, session) = ("ann".into(), "s1".into());
    let session = Session { player, session, generation: 1, answered: 1, ..Session::default() };
    cx.with_session(Session { number, resent, ..session })
}

#[tokio::test(start_paused = true)]
async fn deleted_rows_and_guessed_keys_leave_nothing() {
    let mut flies = flies(1).await;
    let keys: Vec<String> = (0..100).map(|n| format!("fly {n}")).collect();
    for round in 0..3 {
        for (n, key) in keys.iter().enumerate() {
            let name = if n % 2 == 0 { "a fly" } else { "" };
            join(&flies.cx, key, name).await.unwrap();
            if n % 2 == 0 {
                assert_eq!(earn(&flies.cx, key, 5).await.unwrap(), 5, "{key} is new each time");
                earn(&flies.cx, key, PlainMember::LAST_POINTS).await.unwrap();
            }
        }
        assert_eq!(flies.rows(&keys).await, keys.len(), "round {round}: each has a tombstone");
        // The second round's owner has crashed: whoever has its slots removes them.
        if round == 1 {
            flies.cluster.kill(ONE);
        }
        flies.cluster.advance(Duration::from_secs(20)).await;
        assert_eq!(flies.rows(&keys).await, 0, "round {round}: nothing is left");
        if round == 1 {
            flies.cluster.restart(ONE).await.unwrap();
            flies.cluster.linked().await;
            flies.cluster.advance(Duration::from_secs(5)).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_tombstone_stays_as_long_as_its_command_may_come_again() {
    let flies = flies(2).await;
    join(&flies.cx, "ann", "ann").await.unwrap();
    assert_eq!(earn(&command(&flies.cx, 1, false), "ann", 5).await.unwrap(), 5);
    assert_eq!(
        earn(&command(&flies.cx, 2, false), "ann", PlainMember::LAST_POINTS).await.unwrap(),
        0
    );
    flies.cluster.advance(Duration::from_millis(RECORDS_MS - 5_000)).await;
    let row = flies.row("ann").await.expect("her command may come again");
    assert!(!row.exists && !row.records.is_empty(), "{row:?}");
    assert_eq!(
        earn(&command(&flies.cx, 2, true), "ann", PlainMember::LAST_POINTS).await.unwrap(),
        0,
        "it has run"
    );
    // What was asked for may still be asked for; a claim does not make it longer or shorter.
    flies.cluster.advance(Duration::from_millis(10_000)).await;
    assert_eq!(flies.row("ann").await, None, "its time is over");
    assert_eq!(earn(&flies.cx, "ann", 1).await.unwrap_err().code(), Code::NotFound);
    join(&flies.cx, "ann", "ann").await.unwrap();
    assert_eq!(earn(&flies.cx, "ann", 1).await.unwrap(), 1);
}

/// An owner that does not reach its leases keeps what it has in memory, and may be about to make a row.
#[tokio::test(start_paused = true)]
async fn an_actor_in_memory_keeps_its_tombstone() {
    let mut flies = flies(3).await;
    flies.cluster.shutdown(TWO).await;
    flies.cluster.advance(Duration::from_secs(5)).await;
    join(&flies.cx, "ann", PlainMember::NAMELESS).await.unwrap();
    flies.cluster.set_faults(ONE, Seam::Store, SeamFaults::away());
    let cx = flies.cx.clone();
    // Its row is a tombstone until the store is there.
    assert_eq!(flies.row("ann").await.map(|row| row.exists), Some(false));
    flies.cluster.advance(Duration::from_secs(20)).await;
    flies.cluster.end_faults();
    flies.cluster.advance(Duration::from_secs(20)).await;
    assert_eq!(flies.row("ann").await.map(|row| row.exists), Some(true));
    assert_eq!(earn(&cx, "ann", 1).await.unwrap(), 2, "it was never dropped");
    let dropped = flies.cluster.cx(ONE).metrics().text();
    assert!(dropped.contains("guildhall_actor_dropped_total 0\n"), "{dropped}");
}
