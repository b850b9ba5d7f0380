//! Sessions that a server ends early, and renewals that it does not answer.

use std::time::Duration;

use guildhall_core::Env;
use guildhall_core::leases::{Acquired, LeaseErrorKind, Leases};
use guildhall_etcd::proto::{LeaseKeepAliveRequest, LeaseKeepAliveResponse, RangeResponse};
use prost::Message as _;
use servers::{Recipe, Server};

use crate::fake::{Answer, fake};
use crate::ground::{
    PATIENT, acquire, fresh_prefix, holder, on_each_version, seams, seams_of, session, within,
};
use crate::json::{fields, post};

on_each_version! {
    a_session_whose_etcd_lease_is_revoked_is_over_at_once
    a_session_is_not_longer_valid_because_its_server_has_restarted
}

const LONG: Duration = Duration::from_secs(300);

/// etcd 15247: a leader that was stalled revokes leases that live.
async fn a_session_whose_etcd_lease_is_revoked_is_over_at_once(version: &'static Recipe) {
    let mut server = Server::new(version);
    server.start();
    let mine = session(seams_of(&server, "t").leases, 1, LONG).await;
    let Ok(Acquired::Held { epoch, .. }) = acquire(&mine, "role/1").await else { panic!() };
    let all = post(&server, "/v3/lease/leases", "{}");
    let [lease] = fields(&all, "ID")[..] else { panic!("{all}") };
    let env = Env::real();
    let not_over = env.until(env.now() + Duration::from_secs(1), mine.over()).await;
    assert!(not_over.is_none() && mine.is_valid());

    post(&server, "/v3/lease/revoke", &format!("{{\"ID\":\"{lease}\"}}"));
    within(Duration::from_secs(2), "the end of a revoked session", mine.over()).await;
    assert!(!mine.is_valid(), "it counts on a lease that was revoked");
    let other = session(seams_of(&server, "t").leases, 2, LONG).await;
    let theirs = acquire(&other, "role/1").await.unwrap();
    assert!(matches!(theirs, Acquired::Held { epoch: theirs, .. } if theirs > epoch), "{theirs:?}");
    let late = mine.keep_alive().await.unwrap_err();
    assert_eq!(late.kind, LeaseErrorKind::Expired, "{late}");
}

/// etcd 9395: the TTL of a lease starts anew when its server does.
async fn a_session_is_not_longer_valid_because_its_server_has_restarted(version: &'static Recipe) {
    let mut server = Server::new(version);
    server.start();
    let mine = session(seams_of(&server, "t").leases, 1, Duration::from_secs(5)).await;
    let valid_until = mine.valid_until().unwrap();
    server.kill();
    server.start();
    assert_eq!(mine.valid_until(), Some(valid_until), "only a renewal makes it longer");
    let env = Env::real();
    env.sleep(valid_until.saturating_sub(env.boot_time())).await;
    assert!(!mine.is_valid());
}

/// etcd 10821: the stream of a renewal may close without an error, and without an answer.
#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_that_is_closed_without_an_answer_renews_nothing() {
    let address = fake(|method, message| match method {
        "LeaseKeepAlive" => {
            let id = LeaseKeepAliveRequest::decode(message).unwrap().id;
            let answer = |id, ttl| Answer::one(&LeaseKeepAliveResponse { header: None, id, ttl });
            match id {
                7 => Answer::Whole(Vec::new()),
                8 => answer(9, 5),
                9 => answer(9, 0),
                10 => answer(10, -1),
                _ => answer(id, 5),
            }
        }
        _ => Answer::one(&RangeResponse::default()),
    })
    .await;
    let leases = seams(&address, &fresh_prefix(), PATIENT).leases;
    for (session, kind) in [
        (7, LeaseErrorKind::Unavailable),
        (8, LeaseErrorKind::Unavailable),
        (9, LeaseErrorKind::Expired),
        (10, LeaseErrorKind::Expired),
        (0, LeaseErrorKind::Expired),
        (u64::MAX, LeaseErrorKind::Expired),
    ] {
        let error = leases.keep_alive(&holder(1), session).await.unwrap_err();
        assert_eq!(error.kind, kind, "session {session}: {error}");
    }
    leases.keep_alive(&holder(1), 11).await.unwrap();
}
