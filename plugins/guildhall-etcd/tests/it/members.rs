//! Members of a cluster that do not answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use guildhall_core::Env;
use guildhall_core::leases::{LeaseErrorKind, Leases};
use servers::{ETCD, Proxy, shared};

use crate::ground::{fresh_prefix, holder, runs, seams};

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_never_answers_delays_nothing_while_another_does() {
    if !runs("members::a_member_that_never_answers_delays_nothing_while_another_does") {
        return;
    }
    let server = shared(&ETCD);
    let hole = Proxy::to(server.address());
    hole.set_silent(true);
    let addresses = format!("{},{}", hole.address(), server.address());
    // The first address is any of them: of eight clients some begin with the black hole.
    for _ in 0..8 {
        let leases = seams(&addresses, &fresh_prefix(), "deadline_ms=4000").leases;
        assert_eq!(leases.record("slots/role", 1).await, Ok(1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_closes_each_connection_is_not_dialled_in_a_busy_loop() {
    let env = Env::real();
    let (listener, address) = env.listen("test", "127.0.0.1:0").await.unwrap();
    let dials = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&dials);
    env.spawn("test.closing", async move {
        while let Ok(accepted) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            drop((accepted.attach)());
        }
    });
    let leases = seams(&address.to_string(), &fresh_prefix(), "deadline_ms=3000").leases;
    let error = leases.open(&holder(1), None, Duration::from_secs(60)).await.unwrap_err();
    assert_eq!(error.kind, LeaseErrorKind::Unavailable);
    assert!(error.to_string().contains(&address.to_string()), "{error}");
    let dials = dials.load(Ordering::SeqCst);
    assert!((2..=20).contains(&dials), "{dials} dials in 3 s");
}
