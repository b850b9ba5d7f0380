//! A server whose space is used up.

use std::time::Duration;

use guildhall_core::Env;
use guildhall_core::discovery::{Change, Discovery as _};
use guildhall_core::leases::{LeaseErrorKind, Leases as _};
use servers::{Recipe, Server};

use crate::ground::{acquire, holder, node, on_each_version, seams_of, session, within};
use crate::json::{base64, fields, post, try_post};

on_each_version! {
    without_space_writes_fail_sessions_live_and_all_works_again_with_space
}

const TTL: Duration = Duration::from_secs(300);

async fn without_space_writes_fail_sessions_live_and_all_works_again_with_space(
    version: &'static Recipe,
) {
    let mut server = Server::new(version).with("--quota-backend-bytes 16777216");
    server.start();
    let seams = seams_of(&server, "t");
    let session = session(seams.leases, 1, TTL).await;
    acquire(&session, "role/1").await.unwrap();
    let mut watch = seams.discovery.watch().await.unwrap();
    seams.discovery.register(&node(1, 0), TTL).await.unwrap();
    let (key, value) = (base64(b"filler"), base64(&[7; 1 << 20]));
    let put = format!(r#"{{"key":"{key}","value":"{value}"}}"#);
    let full = (0..64).find_map(|_| {
        let (done, said) = try_post(&server, "/v3/kv/put", &put);
        (!done).then_some(said)
    });
    assert!(full.is_some_and(|said| said.contains("space exceeded")));
    let alarm = async {
        while !post(&server, "/v3/maintenance/alarm", r#"{"action":"GET"}"#).contains("NOSPACE") {
            Env::real().sleep(Duration::from_millis(20)).await;
        }
    };
    within(Duration::from_secs(30), "the alarm", alarm).await;

    let error = seams_of(&server, "t").leases.open(&holder(2), None, TTL).await.unwrap_err();
    assert_eq!(error.kind, LeaseErrorKind::Unavailable);
    assert!(error.to_string().contains("space exceeded"), "{error}");
    // Some releases do not count what a grant writes.
    if let Err(error) = acquire(&session, "role/2").await {
        assert_eq!(error.kind, LeaseErrorKind::Unavailable, "{error}");
    }
    let error = seams.discovery.register(&node(1, 1), TTL).await.unwrap_err();
    assert!(error.to_string().contains("space exceeded"), "{error}");
    session.keep_alive().await.unwrap();
    assert!(session.is_valid());
    seams.discovery.register(&node(1, 0), TTL).await.unwrap();

    let range = post(&server, "/v3/kv/deleterange", &format!(r#"{{"key":"{key}"}}"#));
    let revision = fields(&range, "revision")[0];
    post(&server, "/v3/kv/compaction", &format!(r#"{{"revision":"{revision}","physical":true}}"#));
    post(&server, "/v3/maintenance/defragment", "{}");
    let alarms = post(&server, "/v3/maintenance/alarm", r#"{"action":"GET"}"#);
    let member = fields(&alarms, "memberID")[0];
    let disarm = format!(r#"{{"action":"DEACTIVATE","alarm":"NOSPACE","memberID":"{member}"}}"#);
    post(&server, "/v3/maintenance/alarm", &disarm);
    acquire(&session, "role/2").await.unwrap();
    seams.discovery.register(&node(1, 1), TTL).await.unwrap();
    let seen = async {
        while watch.recv().await.expect("the watch has lived") != Change::Put(node(1, 1)) {}
    };
    within(Duration::from_secs(30), "the registration", seen).await;
}
