//! Roles move from one app to another under calls, with all that they know.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use demo::proto::role::{GetInfoReq, LoginReq, PowerUpReq, RoleClient};
use guildhall::{Cx, Effect, Status};
use guildhall_testkit::Cluster;
use guildhall_wire::Session;

use crate::town::{CALLER, register, start_app};

const ONE: &str = "demo.w1.role.1";
const TWO: &str = "demo.w1.role.2";
const ROLES: u64 = 20;

/// Nothing is saved but what is durable, and what moves.
const RARELY: (&str, &str) = ("actor.role.save_ms", "600000");

/// A command of the role's client.
fn command(cx: &Cx, role_id: &str, number: u64, resent: bool) -> Cx {
    let (player, session) = (role_id.to_owned(), "s1".to_owned());
    let (generation, answered) = (1, 1);
    cx.with_session(Session {
        player,
        session,
        generation,
        number,
        resent,
        answered,
        ..Session::default()
    })
}

/// Counts a login in memory; how many there have been.
async fn login(cx: &Cx, role_id: &str) -> Result<u32, Status> {
    let rsp = RoleClient::new(cx).login(LoginReq { role_id: role_id.into() }).await?;
    Ok(rsp.role.unwrap().logins)
}

/// Plays until it is over; how many logins and how much power that made.
async fn play(cx: Cx, role_id: String, over: Arc<AtomicBool>) -> (u32, i64) {
    let (mut logins, mut power) = (0, 0);
    let not_run = |status: &Status| assert_eq!(status.effect(), Effect::NotRun, "{status}");
    while !over.load(Ordering::Relaxed) {
        match login(&cx, &role_id).await {
            Ok(_) => logins += 1,
            Err(status) => not_run(&status),
        }
        let req = PowerUpReq { role_id: role_id.clone(), add: 1 };
        match RoleClient::new(&cx).power_up(req).await {
            Ok(_) => power += 1,
            Err(status) => not_run(&status),
        }
        cx.env().sleep(Duration::from_millis(cx.env().random_below(20))).await;
    }
    (logins, power)
}

#[tokio::test(start_paused = true)]
async fn roles_move_under_calls_with_what_is_unsaved_and_what_is_only_in_memory() {
    let mut cluster = Cluster::new(21);
    start_app(&mut cluster, ONE, &["role"], &[RARELY]).await;
    cluster.start(CALLER, |app| app).await.unwrap();
    cluster.linked().await;
    let cx = cluster.cx(CALLER);
    let (over, mut playing) = (Arc::default(), Vec::new());
    for number in 1..=ROLES {
        let role_id = format!("r{number}");
        register(&cx, &role_id).await;
        // Its reply is kept in memory alone, and so is what it has counted.
        assert_eq!(login(&command(&cx, &role_id, 1, false), &role_id).await.unwrap(), 1);
        let play = play(cx.clone(), role_id.clone(), Arc::clone(&over));
        playing.push((role_id, cx.env().spawn("player", play)));
    }
    cluster.advance(Duration::from_millis(500)).await;
    start_app(&mut cluster, TWO, &["role"], &[RARELY]).await;
    cluster.linked().await;
    cluster.advance(Duration::from_secs(2)).await;
    assert_eq!(roles_at(&cluster, ONE) + roles_at(&cluster, TWO), usize::try_from(ROLES).unwrap());
    assert!(roles_at(&cluster, TWO) > 0, "none has moved");
    cluster.shutdown(ONE).await;
    assert_eq!(roles_at(&cluster, TWO), usize::try_from(ROLES).unwrap());
    cluster.advance(Duration::from_millis(500)).await;
    over.store(true, Ordering::Relaxed);
    for (role_id, playing) in playing {
        let (logins, power) = playing.await.unwrap().unwrap();
        assert!(logins > 50, "{role_id} has hardly played: {logins} logins");
        let again = login(&command(&cx, &role_id, 1, true), &role_id).await.unwrap();
        assert_eq!(again, 1, "{role_id}: the first command has run again");
        let req = GetInfoReq { role_id: role_id.clone(), ..GetInfoReq::default() };
        let role = RoleClient::new(&cx).get_info(req).await.unwrap().role.unwrap();
        assert_eq!((role.logins, role.power), (logins + 1, power), "{role_id}");
    }
}

/// How many roles an app has in memory.
fn roles_at(cluster: &Cluster, app: &str) -> usize {
    let mut count = 0;
    cluster.cx(app).actors::<demo::role::RoleActor>().each(|_| count += 1);
    count
}
