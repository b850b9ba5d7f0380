//! The fixture of the rules: holders, ids, and short forms of requests.

use std::time::Duration;

use guildhall_core::leases::{Acquired, Holding, LeaseChange, Leases, Opened, Wanted};
use guildhall_core::store::{Holder, LeaseId};
use guildhall_core::{Env, Incarnation};
use tokio::sync::mpsc;

/// Long enough for any backend.
pub(super) const TTL: Duration = Duration::from_secs(30);

/// Short enough to wait for.
pub(super) const SHORT: Duration = Duration::from_secs(3);

/// How late an expiry may be seen.
pub(super) const GRACE: Duration = Duration::from_secs(10);

pub(super) fn holder(app: u64, life: u64) -> Holder {
    let app = format!("test.w1.role.{app}").parse().expect("four labels");
    Holder { app, incarnation: Incarnation(life) }
}

pub(super) fn id(text: &str) -> LeaseId {
    text.into()
}

/// Begins a session of a holder that has none; its number.
pub(super) async fn session(leases: &dyn Leases, holder: &Holder, ttl: Duration) -> u64 {
    match leases.open(holder, None, ttl).await.expect("a session can be opened") {
        Opened::New(number) => number,
        Opened::Living(number) => panic!("{holder} has session {number}; it was to have none"),
    }
}

/// Asks for one id.
pub(super) async fn ask(
    leases: &dyn Leases,
    holder: &Holder,
    name: &str,
    at_least: u64,
) -> Acquired {
    let wanted = [Wanted { id: id(name), at_least }];
    let mut answers = leases.acquire(holder, &wanted).await.expect("the holder has a session");
    assert_eq!(answers.len(), 1, "one answer per wish");
    answers.remove(0)
}

/// Asks for one id that must be granted, and not by a transfer.
pub(super) async fn grant(leases: &dyn Leases, holder: &Holder, name: &str, at_least: u64) -> u64 {
    match ask(leases, holder, name, at_least).await {
        Acquired::Held { epoch, from: None } => epoch,
        other => panic!("{other:?}; wanted a grant of `{name}` to {holder}"),
    }
}

pub(super) fn taken(by: &Holder, epoch: u64) -> Acquired {
    Acquired::Taken { holder: by.clone(), epoch }
}

pub(super) fn held(name: &str, by: &Holder, epoch: u64) -> LeaseChange {
    LeaseChange::Held(id(name), Holding { holder: by.clone(), epoch, from: None })
}

/// The next change, or a failure that says what was waited for.
pub(super) async fn next(watch: &mut mpsc::Receiver<LeaseChange>, wanted: &str) -> LeaseChange {
    let env = Env::real();
    let change = env.until(env.now() + TTL, watch.recv()).await;
    change
        .unwrap_or_else(|| panic!("no change within {TTL:?}; wanted {wanted}"))
        .unwrap_or_else(|| panic!("the watch ended; wanted {wanted}"))
}
