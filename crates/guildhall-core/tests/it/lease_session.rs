//! A session's own clock, its end, and leases that are kept in a file.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use guildhall_core::env::TokioNet;
use guildhall_core::leases::memory::{KeptLeases, LeaseChanges, LeaseFile, MemoryLeases};
use guildhall_core::leases::{
    Acquired, LeaseError, LeaseErrorKind, LeaseSession, LeaseTimes, Leases, Opened, Wanted,
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
    session.over().await;
    leases.open(&holder(), None, TIMES.ttl).await.unwrap();
    let error = session.keep_alive().await.expect_err("it is another one");
    assert_eq!(error.kind, LeaseErrorKind::Expired);
    assert_eq!(session.valid_until(), None);
}

#[tokio::test(start_paused = true)]
async fn any_word_that_a_session_is_over_ends_it() {
    let env = Env::real();
    let leases = MemoryLeases::new(env.clone());
    let session = session(&env, &leases).await;
    // As when the backend was told to, or has forgotten it: this holder's own clock would go on.
    let Ok(Opened::Living(number)) = leases.open(&holder(), None, TIMES.ttl).await else {
        panic!("the session lives");
    };
    leases.close(&holder(), number).await.unwrap();
    assert!(session.is_valid(), "nobody has told it");
    let error = session.acquire(&[]).await.unwrap_err();
    assert_eq!(error.kind, LeaseErrorKind::Expired);
    assert!(session.is_over());
    assert_eq!((session.is_valid(), session.valid_until()), (false, None));
}

#[tokio::test(start_paused = true)]
async fn a_session_replaces_the_one_whose_opening_was_not_answered() {
    let env = Env::real();
    let leases = MemoryLeases::new(env.clone());
    let Ok(Opened::New(lost)) = leases.open(&holder(), None, TIMES.ttl).await else {
        panic!("there was none");
    };
    let session = session(&env, &leases).await;
    session.keep_alive().await.expect("it is the one that lives");
    let error = leases.keep_alive(&holder(), lost).await.unwrap_err();
    assert_eq!(error.kind, LeaseErrorKind::Expired);
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
    kept: Mutex<KeptLeases>,
    full: AtomicBool,
}

impl Disk {
    fn kept(&self) -> KeptLeases {
        self.kept.lock().unwrap().clone()
    }
}

impl LeaseFile for Disk {
    fn save<'a>(&'a self, changes: &'a LeaseChanges) -> BoxFuture<'a, Result<(), LeaseError>> {
        Box::pin(async move {
            if self.full.load(Ordering::SeqCst) {
                return Err(LeaseError::new(LeaseErrorKind::Unavailable, "save", "no space"));
            }
            self.kept.lock().unwrap().apply(changes);
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
async fn no_grant_is_answered_that_is_not_kept() {
    let (env, disk) = (Env::real(), Arc::new(Disk::default()));
    let leases = MemoryLeases::durable(env.clone(), disk.kept(), Arc::clone(&disk) as _);
    leases.open(&holder(), None, TIMES.ttl).await.unwrap();
    for at_least in [0, 0, 1 << 48] {
        let epoch = grant(&leases, at_least).await.unwrap();
        let kept = disk.kept();
        assert_eq!(kept.held.get("role/1").map(|of| of.epoch), Some(epoch), "{kept:?}");
        assert!(epoch <= kept.given, "{epoch} would be given again");
    }
    let kept = disk.kept();
    disk.full.store(true, Ordering::SeqCst);
    for _ in 0..2 {
        let error = grant(&leases, 0).await.unwrap_err();
        assert_eq!(error.kind, LeaseErrorKind::Unavailable);
    }
    assert_eq!(disk.kept().given, kept.given);
    disk.full.store(false, Ordering::SeqCst);
    let after = grant(&leases, 0).await.expect("there is space again");
    assert!(after > kept.given, "{after}");
}

#[tokio::test(start_paused = true)]
async fn leases_that_are_kept_are_there_after_a_restart_for_a_whole_ttl() {
    let (env, disk) = (Env::real(), Arc::new(Disk::default()));
    let leases = MemoryLeases::durable(env.clone(), disk.kept(), Arc::clone(&disk) as _);
    let session = session(&env, &leases).await;
    let wanted = [Wanted { id: "role/1".into(), at_least: 0 }];
    let first = session.acquire(&wanted).await.unwrap();
    let [Acquired::Held { epoch, .. }] = first[..] else { panic!("{first:?}") };
    env.sleep(TIMES.ttl * 9 / 10).await;

    let restarted = MemoryLeases::durable(env.clone(), disk.kept(), Arc::clone(&disk) as _);
    let other = Holder { incarnation: Incarnation(2), ..holder() };
    restarted.open(&other, None, TIMES.ttl * 9).await.unwrap();
    env.sleep(TIMES.ttl - Duration::from_millis(1)).await;
    let answers = restarted.acquire(&other, &wanted).await.unwrap();
    assert_eq!(answers, [Acquired::Taken { holder: holder(), epoch }]);
    env.sleep(Duration::from_millis(1)).await;
    let answers = restarted.acquire(&other, &wanted).await.unwrap();
    let [Acquired::Held { epoch: after, from: None }] = answers[..] else { panic!("{answers:?}") };
    assert!(after > epoch, "{after} after {epoch}");

    let again = MemoryLeases::durable(env, disk.kept(), Arc::clone(&disk) as _);
    let error = again.keep_alive(&holder(), 1).await.expect_err("its id is another's");
    assert_eq!(error.kind, LeaseErrorKind::Expired);
}

#[tokio::test(start_paused = true)]
async fn a_damaged_epoch_does_not_use_up_those_of_others() {
    let env = Env::real();
    let leases = MemoryLeases::new(env);
    leases.open(&holder(), None, TIMES.ttl).await.unwrap();
    for damaged in [u64::MAX, u64::MAX - 1, 0xffff << 48] {
        let error = grant(&leases, damaged).await.unwrap_err();
        assert_eq!(error.kind, LeaseErrorKind::Invalid, "{error}");
    }
    let last = grant(&leases, (0xffff << 48) - 1).await.unwrap();
    assert!(grant(&leases, 0).await.unwrap() > last);
}
