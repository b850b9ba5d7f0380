//! Leases of the game's own: one app at a time, asked for, given, lost.

use std::time::Duration;

use guildhall::status::reason;
use guildhall::{AppId, Bytes, Code, LeaseGuard, LeaseLoss, Status};
use guildhall_testkit::{Cluster, Seam, SeamFaults};

const ONE: &str = "dev.w1.raid.1";
const TWO: &str = "dev.w1.raid.2";

/// Longer than the lease of a crashed app.
const EXPIRED: Duration = Duration::from_secs(6);

async fn two_apps(seed: u64) -> Cluster {
    let mut cluster = Cluster::new(seed);
    for id in [ONE, TWO] {
        cluster.start(id, |app| app).await.unwrap();
    }
    cluster.linked().await;
    cluster
}

async fn acquire(cluster: &Cluster, app: &str) -> Result<LeaseGuard, Status> {
    cluster.cx(app).lease("raid-7").acquire().await
}

async fn holder(cluster: &Cluster) -> Option<AppId> {
    cluster.cx(TWO).lease("raid-7").holder().await.unwrap()
}

fn app(id: &str) -> AppId {
    id.parse().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_held_by_one_app_at_a_time() {
    let cluster = two_apps(1).await;
    assert_eq!(holder(&cluster).await, None);
    let first = acquire(&cluster, ONE).await.unwrap();
    assert_eq!(holder(&cluster).await, Some(app(ONE)));
    for refused in [TWO, ONE] {
        let status = acquire(&cluster, refused).await.unwrap_err();
        assert_eq!(
            (status.code(), status.reason()),
            (Code::FailedPrecondition, reason::NOT_THE_OWNER)
        );
    }
    let other = cluster.cx(TWO).lease("raid-77").acquire().await.unwrap();
    assert!(first.is_valid() && other.is_valid());
    let epoch = first.epoch();
    first.release().await.unwrap();
    assert_eq!(holder(&cluster).await, None);
    let second = acquire(&cluster, TWO).await.unwrap();
    assert!(second.epoch() > epoch);
    drop(second);
    cluster.advance(Duration::from_millis(1)).await;
    let third = acquire(&cluster, ONE).await.unwrap();
    assert!(third.is_valid());
}

#[tokio::test(start_paused = true)]
async fn who_takes_a_lease_over_has_what_the_holder_gave_along() {
    let cluster = two_apps(2).await;
    let lease = cluster
        .cx(ONE)
        .lease("raid-7")
        .on_move_out(async |to: AppId| Ok(Bytes::from(format!("the boss is at 40 %, {to}"))));
    let first = lease.acquire().await.unwrap();
    let mut second = cluster.cx(TWO).lease("raid-7").take_over().await.unwrap();
    assert_eq!(second.given(), format!("the boss is at 40 %, {TWO}"));
    assert!(second.is_valid() && second.epoch() > first.epoch());
    assert!(!first.is_valid());
    assert_eq!(first.lost().await, LeaseLoss::Gone);
    // Late, and of a grant that has ended.
    first.release().await.unwrap();
    assert_eq!(holder(&cluster).await, Some(app(TWO)));
}

#[tokio::test(start_paused = true)]
async fn a_kick_runs_the_holders_callback_and_frees_the_lease() {
    let cluster = two_apps(3).await;
    let lease = cluster.cx(ONE).lease("raid-7");
    let lease = lease.on_move_out(async |_| Ok(Bytes::from_static(b"saved")));
    for kicks in [TWO, ONE] {
        let held = lease.acquire().await.unwrap();
        assert_eq!(cluster.cx(kicks).lease("raid-7").kick().await.unwrap(), "saved");
        assert!(!held.is_valid());
        assert_eq!(holder(&cluster).await, None);
    }
    // Nobody is there to be kicked.
    assert_eq!(cluster.cx(TWO).lease("raid-7").kick().await.unwrap(), "");
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_does_not_let_go_keeps_the_lease() {
    let cluster = two_apps(4).await;
    let cx = cluster.cx(ONE);
    let env = cx.env().clone();
    let late = move |_| {
        let env = env.clone();
        async move {
            env.sleep(Duration::from_secs(3)).await;
            Ok(Bytes::new())
        }
    };
    let no = async |_| Err(Status::new(Code::Aborted, "in the middle of something"));
    let panics = async |_| panic!("in the middle of something");
    for lease in [
        cx.lease("raid-7").on_move_out(late),
        cx.lease("raid-7").on_move_out(no),
        cx.lease("raid-7").on_move_out(panics),
        cx.lease("raid-7"),
    ] {
        let held = lease.acquire().await.unwrap();
        let status = cluster.cx(TWO).lease("raid-7").kick().await.unwrap_err();
        assert_eq!(status.reason(), reason::NOT_THE_OWNER, "{status}");
        assert!(held.is_valid());
        held.release().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_holder_is_told_who_asks_and_lets_go_by_dropping() {
    let cluster = two_apps(5).await;
    let held = acquire(&cluster, ONE).await.unwrap();
    let lease = cluster.cx(TWO).lease("raid-7");
    let lets_go = async {
        let lost = held.lost().await;
        assert!(held.is_valid());
        drop(held);
        lost
    };
    let (lost, taken) = tokio::join!(lets_go, lease.take_over());
    assert_eq!(lost, LeaseLoss::AskedFor(app(TWO)));
    assert!(taken.unwrap().is_valid());
}

#[tokio::test(start_paused = true)]
async fn the_leases_of_a_crashed_app_are_free_after_their_ttl() {
    let mut cluster = two_apps(6).await;
    let held = acquire(&cluster, ONE).await.unwrap();
    cluster.kill(ONE);
    let status = cluster.cx(TWO).lease("raid-7").take_over().await.unwrap_err();
    assert_eq!(status.reason(), reason::NOT_THE_OWNER, "{status}");
    cluster.advance(EXPIRED).await;
    assert_eq!(holder(&cluster).await, None);
    assert!(acquire(&cluster, TWO).await.unwrap().epoch() > held.epoch());
}

#[tokio::test(start_paused = true)]
async fn an_app_that_drains_frees_its_leases() {
    let mut cluster = two_apps(7).await;
    let held = acquire(&cluster, ONE).await.unwrap();
    cluster.shutdown(ONE).await;
    assert!(!held.is_valid());
    assert_eq!(held.lost().await, LeaseLoss::Gone);
    assert_eq!(holder(&cluster).await, None);
}

#[tokio::test(start_paused = true)]
async fn leases_are_lost_when_the_session_runs_out_and_stay_lost() {
    // The backend keeps the session in the first case, and has ended it in the second.
    for away in [Duration::from_millis(4_800), EXPIRED * 2] {
        let cluster = two_apps(8).await;
        let held = acquire(&cluster, ONE).await.unwrap();
        cluster.set_faults(ONE, Seam::Leases, SeamFaults::away());
        let before = cluster.env(ONE).now();
        assert_eq!(held.lost().await, LeaseLoss::Gone);
        let lost_after = cluster.env(ONE).now() - before;
        assert!(lost_after <= Duration::from_secs(4), "{lost_after:?}: before the backend's TTL");
        assert!(!held.is_valid());
        cluster.advance(away.saturating_sub(lost_after)).await;
        let status = acquire(&cluster, ONE).await.unwrap_err();
        assert_eq!((status.code(), status.reason()), (Code::Unavailable, reason::NOT_READY));
        cluster.end_faults();
        cluster.advance(Duration::from_secs(2)).await;
        assert!(!held.is_valid());
        assert_eq!(holder(&cluster).await, None);
        assert!(acquire(&cluster, ONE).await.unwrap().epoch() > held.epoch());
    }
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_was_stopped_finds_its_lease_lost_and_takes_nothing_from_the_next() {
    let cluster = two_apps(9).await;
    let held = acquire(&cluster, ONE).await.unwrap();
    cluster.pause(ONE);
    cluster.advance(EXPIRED).await;
    let second = acquire(&cluster, TWO).await.unwrap();
    // Not a task of it has taken a step yet: the clock alone says so.
    assert!(!held.is_valid());
    cluster.resume(ONE);
    held.release().await.unwrap();
    cluster.advance(EXPIRED).await;
    assert!(second.is_valid());
    assert_eq!(holder(&cluster).await, Some(app(TWO)));
}

#[tokio::test(start_paused = true)]
async fn a_lease_whose_grant_was_not_answered_is_given_back() {
    let cluster = two_apps(10).await;
    // Opens the session.
    acquire(&cluster, ONE).await.unwrap().release().await.unwrap();
    let slow = Duration::from_secs(2);
    cluster.set_faults(ONE, Seam::Leases, SeamFaults::slow(slow..slow + Duration::from_millis(1)));
    let cx = cluster.cx(ONE).within(Duration::from_secs(1));
    let status = cx.lease("raid-7").acquire().await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "{status}");
    cluster.end_faults();
    cluster.advance(EXPIRED).await;
    assert_eq!(holder(&cluster).await, None);
}

#[tokio::test(start_paused = true)]
async fn the_leases_of_an_app_have_a_bound_and_ids_a_form() {
    let mut cluster = Cluster::new(11);
    let settings = [("ownership.user_leases_max", "2")];
    cluster.start_with(ONE, &settings, |app| app).await.unwrap();
    let cx = cluster.cx(ONE);
    let first = cx.lease("a").acquire().await.unwrap();
    let _second = cx.lease("b").acquire().await.unwrap();
    let status = cx.lease("c").acquire().await.unwrap_err();
    assert_eq!((status.code(), status.reason()), (Code::ResourceExhausted, reason::OVERLOADED));
    first.release().await.unwrap();
    cluster.advance(Duration::from_millis(1)).await;
    drop(cx.lease("c").acquire().await.unwrap());
    for wrong in ["", "a b", &"x".repeat(129)] {
        let status = cx.lease(wrong).acquire().await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{wrong}");
    }
}

#[tokio::test(start_paused = true)]
async fn epochs_of_a_later_era_are_above_all_of_earlier_ones() {
    let mut before = 0;
    // Each time another lease backend, which has forgotten all.
    for era in ["0", "1", "2", "65534"] {
        let mut cluster = Cluster::new(12);
        cluster.start_with(ONE, &[("ownership.era", era)], |app| app).await.unwrap();
        let lease = acquire(&cluster, ONE).await.unwrap();
        assert_eq!((lease.epoch() >> 48).to_string(), era);
        assert!(lease.epoch() > before, "{} in era {era}", lease.epoch());
        before = lease.epoch() + 1_000_000;
    }
    let mut cluster = Cluster::new(12);
    let wrong = cluster.start_with(ONE, &[("ownership.era", "65535")], |app| app).await;
    let error = wrong.map(drop).unwrap_err().to_string();
    assert!(error.contains("ownership.era") && error.contains("65534"), "{error}");
}
