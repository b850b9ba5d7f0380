//! A session's own clock, and epochs that are kept ahead of the grants.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use guildhall_core::env::TokioNet;
use guildhall_core::leases::memory::{EpochMark, MemoryLeases};
use guildhall_core::leases::{
    Acquired, LeaseError, LeaseErrorKind, LeaseSession, LeaseTimes, Leases, Wanted,
};
use guildhall_core::store::Holder;
use guildhall_core::{BoxFuture, Env, Incarnation};

const TIMES: LeaseTimes =
    LeaseTimes { ttl: Duration::from_secs(10), margin: Duration::from_secs(2) };

fn holder() -> Holder {
    Holder { app: "test.w1.role.1".parse().unwrap(), incarnation: Incarnation(1) }
}

async fn session(env: &Env, leases: &MemoryLeases) -> LeaseSession {
    let leases = Arc::new(leases.clone());
    LeaseSession::open(env.clone(), leases, holder(), TIMES).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_session_is_valid_until_its_ttl_minus_the_margin_after_the_last_renewal() {
    let env = Env::simulated(1, Arc::new(TokioNet), Duration::from_secs(1));
    let leases = MemoryLeases::new(env.clone());
    let begun = env.boot_time();
    let session = session(&env, &leases).await;
    assert_eq!(session.valid_until(), Some(begun + Duration::from_secs(8)));
    env.sleep(Duration::from_secs(5)).await;
    session.keep_alive().await.unwrap();
    assert_eq!(session.valid_until(), Some(begun + Duration::from_secs(13)));
    env.sleep(Duration::from_secs(8)).await;
    assert!(!session.is_valid(), "at the deadline it is over");
    session.keep_alive().await.expect("the backend keeps it for the margin");
    assert!(session.is_valid());
}

#[tokio::test(start_paused = true)]
async fn a_session_that_has_expired_is_over_for_good() {
    let env = Env::real();
    let leases = MemoryLeases::new(env.clone());
    let session = session(&env, &leases).await;
    env.sleep(TIMES.ttl).await;
    let error = session.keep_alive().await.unwrap_err();
    assert_eq!(error.kind, LeaseErrorKind::Expired);
    leases.open(&holder(), TIMES.ttl).await.unwrap();
    session.keep_alive().await.expect("the backend has a session of this holder");
    assert_eq!(session.valid_until(), None, "but it is another one");
}

#[tokio::test(start_paused = true)]
async fn a_margin_as_long_as_the_ttl_is_refused() {
    let env = Env::real();
    let leases = Arc::new(MemoryLeases::new(env.clone()));
    let times = LeaseTimes { margin: TIMES.ttl, ..TIMES };
    let error = LeaseSession::open(env, leases, holder(), times).await.unwrap_err();
    assert_eq!(error.kind, LeaseErrorKind::Invalid);
}

/// What a disk keeps, or does not.
#[derive(Default)]
struct Disk {
    mark: AtomicU64,
    full: std::sync::atomic::AtomicBool,
}

impl EpochMark for Disk {
    fn raise(&self, mark: u64) -> BoxFuture<'_, Result<(), LeaseError>> {
        Box::pin(async move {
            if self.full.load(Ordering::SeqCst) {
                return Err(LeaseError::new(LeaseErrorKind::Unavailable, "acquire", "no space"));
            }
            self.mark.fetch_max(mark, Ordering::SeqCst);
            Ok(())
        })
    }

    fn record<'a>(&'a self, _name: &'a str, number: u64) -> BoxFuture<'a, Result<u64, LeaseError>> {
        Box::pin(async move { Ok(number) })
    }
}

async fn grant(leases: &MemoryLeases, at_least: u64) -> Result<u64, LeaseError> {
    let wanted = [Wanted { id: "role/1".into(), at_least }];
    match &leases.acquire(&holder(), &wanted).await?[..] {
        [Acquired::Held { epoch, .. }] => Ok(*epoch),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn no_epoch_above_the_kept_mark_is_granted() {
    let (env, disk) = (Env::real(), Arc::new(Disk::default()));
    let leases = MemoryLeases::durable(env.clone(), 0, Arc::clone(&disk) as _);
    leases.open(&holder(), TIMES.ttl).await.unwrap();
    for at_least in [0, 0, 1 << 48] {
        let epoch = grant(&leases, at_least).await.unwrap();
        assert!(epoch <= disk.mark.load(Ordering::SeqCst), "{epoch} is not kept");
    }
    let kept = disk.mark.load(Ordering::SeqCst);
    disk.full.store(true, Ordering::SeqCst);
    let error = grant(&leases, kept).await.unwrap_err();
    assert_eq!(error.kind, LeaseErrorKind::Unavailable);

    let restarted = MemoryLeases::durable(env, kept, disk as _);
    restarted.open(&holder(), TIMES.ttl).await.unwrap();
    assert_eq!(grant(&restarted, 0).await.unwrap_err().kind, LeaseErrorKind::Unavailable);
}

#[tokio::test(start_paused = true)]
async fn a_damaged_epoch_does_not_use_up_those_of_others() {
    let env = Env::real();
    let leases = MemoryLeases::new(env);
    leases.open(&holder(), TIMES.ttl).await.unwrap();
    for damaged in [u64::MAX, u64::MAX - 1, 0xffff << 48] {
        let error = grant(&leases, damaged).await.unwrap_err();
        assert_eq!(error.kind, LeaseErrorKind::Invalid, "{error}");
    }
    let last = grant(&leases, (0xffff << 48) - 1).await.unwrap();
    assert!(grant(&leases, 0).await.unwrap() > last);
}
