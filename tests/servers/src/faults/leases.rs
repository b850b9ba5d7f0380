//! Faults of a lease backend's server.

use std::sync::Arc;
use std::time::Duration;

use guildhall_core::Env;
use guildhall_core::leases::{
    Acquired, LeaseError, LeaseErrorKind, LeaseSession, LeaseTimes, Leases, Wanted,
};

use super::ground::{RECOVERS, SLOW, STILL, Still, Vendor, answer, holder, until_it_works};

/// Longer than any fault here.
const LONG: LeaseTimes =
    LeaseTimes { ttl: Duration::from_secs(60), margin: Duration::from_secs(1) };

/// Shorter than a server stands still.
const SHORT: LeaseTimes =
    LeaseTimes { ttl: Duration::from_secs(5), margin: Duration::from_millis(500) };

async fn session(leases: &Arc<dyn Leases>, inst: u64, times: LeaseTimes) -> LeaseSession {
    let open =
        async || LeaseSession::open(Env::real(), Arc::clone(leases), holder(inst), times).await;
    until_it_works(open).await
}

async fn acquire(session: &LeaseSession) -> Result<Acquired, LeaseError> {
    let wanted = [Wanted { id: "hero/1".into(), at_least: 0 }];
    session.acquire(&wanted).await.map(|mut acquired| acquired.remove(0))
}

/// Acquires what is free, until that is acknowledged.
async fn held(session: &LeaseSession) -> u64 {
    match until_it_works(async || acquire(session).await).await {
        Acquired::Held { epoch, .. } => epoch,
        Acquired::Taken { holder, epoch } => panic!("{holder} holds it with {epoch}"),
    }
}

/// It is not there at the start, killed and started again, and stands still for ten seconds.
pub async fn leases_outlive_their_server(vendor: Vendor) {
    let (mut server, place) = (vendor.server(), vendor.place());
    let leases = place.open(&server.address()).await.leases.unwrap();
    let error = answer(leases.open(&holder(1), None, LONG.ttl)).await.unwrap_err();
    assert_eq!(error.kind, LeaseErrorKind::Unavailable, "{error}");

    server.start();
    let mine = session(&leases, 1, LONG).await;
    let first = held(&mine).await;

    server.kill();
    let error = answer(mine.keep_alive()).await.unwrap_err();
    assert_eq!(error.kind, LeaseErrorKind::Unavailable, "nobody was there: {error}");
    server.start();
    let is_kept = leases.capabilities().durable_epochs;
    let kept = until_it_works(async || match mine.keep_alive().await {
        Err(error) if error.kind == LeaseErrorKind::Expired => Ok(false),
        other => other.map(|()| true),
    });
    let kept = kept.await;
    assert!(kept || !is_kept, "the session of a durable backend ended with its server");
    let mine = if kept { mine } else { session(&leases, 1, LONG).await };
    let second = held(&mine).await;
    assert!(second > first || !is_kept, "epoch {second} after {first}");

    let still = Still::stand(&server);
    let env = Env::real();
    let end = env.now() + STILL;
    while env.now() < end {
        answer(mine.keep_alive()).await.expect_err("a server that stands still answered");
    }
    assert!(mine.is_valid(), "the TTL is longer than that");
    drop(still);
    until_it_works(async || mine.keep_alive().await).await;
    assert!(held(&mine).await > second);
}

/// A holder that does not reach the server has given its leases up, by its own clock, before another has them.
pub async fn leases_are_given_up_before_others_have_them(vendor: Vendor) {
    let (proxy, place, env) = (vendor.proxy(), vendor.place(), Env::real());
    let mine = place.open(&proxy.address()).await.leases.unwrap();
    let theirs = place.open(&crate::shared(vendor.recipe).address()).await.leases.unwrap();
    let mine = session(&mine, 1, SHORT).await;
    let epoch = held(&mine).await;
    until_it_works(async || mine.keep_alive().await).await;

    proxy.set_silent(true);
    let other = session(&theirs, 2, LONG).await;
    let end = env.now() + RECOVERS;
    let theirs = loop {
        assert!(env.now() < end, "nobody gets what its holder has lost");
        let is_valid = mine.is_valid();
        match answer(acquire(&other)).await.unwrap() {
            Acquired::Held { epoch, .. } => {
                assert!(
                    !mine.is_valid(),
                    "it is held twice (valid before the request: {is_valid})"
                );
                break epoch;
            }
            Acquired::Taken { .. } => env.sleep(Duration::from_millis(100)).await,
        }
        let _late = answer(mine.keep_alive()).await;
    };
    assert!(theirs > epoch);
    proxy.set_silent(false);
    let late = until_it_works(async || match mine.keep_alive().await {
        Err(error) if error.kind == LeaseErrorKind::Expired => Ok(()),
        Err(error) => Err(error),
        Ok(()) => panic!("a session that had expired was renewed"),
    });
    late.await;
}

/// Each answer in turn ends in its middle, and each grant has a larger epoch.
pub async fn leases_survive_cut_answers(vendor: Vendor) {
    let (proxy, place) = (vendor.proxy(), vendor.place());
    let leases = place.open(&proxy.address()).await.leases.unwrap();
    let mine = session(&leases, 1, LONG).await;
    let mut last = 0;
    for round in 0..12 {
        proxy.cut_next_answer(round % 4);
        let epoch = held(&mine).await;
        assert!(epoch > last, "epoch {epoch} after {last}");
        proxy.cut_next_answer(round % 4);
        until_it_works(async || mine.keep_alive().await).await;
        last = epoch;
    }
}

/// 200 ms each way.
pub async fn leases_work_slowly(vendor: Vendor) {
    let (proxy, place) = (vendor.proxy(), vendor.place());
    let leases = place.open(&proxy.address()).await.leases.unwrap();
    let mine = session(&leases, 1, LONG).await;
    proxy.set_delay(SLOW);
    let first = held(&mine).await;
    answer(mine.keep_alive()).await.unwrap();
    let Acquired::Held { epoch, .. } = answer(acquire(&mine)).await.unwrap() else {
        panic!("its own lease was not granted");
    };
    assert!(epoch > first);
}
