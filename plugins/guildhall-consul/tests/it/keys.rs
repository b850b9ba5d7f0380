//! Keys of leases that others have touched.

use std::time::Duration;

use bytes::Bytes;
use guildhall_core::Env;
use guildhall_core::leases::{Acquired, LeaseErrorKind, Leases as _, Opened, Wanted};
use guildhall_http::Io;
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::client::conn::http1::handshake;
use servers::{CONSUL, Server, shared};

use crate::ground::{fresh_service, grant, holder, leases, runs};

const TTL: Duration = Duration::from_secs(120);

/// What the agent answers to an operator.
async fn ask(server: &Server, method: &str, path: &str, body: Bytes) -> Bytes {
    let env = Env::real();
    let conn = env.net().connect(&server.address()).await.unwrap();
    let (mut sender, driver) = handshake(Io::new(conn)).await.unwrap();
    let path = format!("/v1/kv/{path}");
    let request = Request::builder().method(method).uri(path).header("host", server.address());
    let request = request.body(Full::new(body)).unwrap();
    let asked = async { sender.send_request(request).await.unwrap().into_body().collect().await };
    let answer = tokio::select! {
        answer = asked => answer,
        driven = driver => panic!("{driven:?} before the answer"),
    };
    answer.unwrap().to_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn removed_keys_end_sessions_and_take_no_epoch_back() {
    if !runs("keys::removed_keys_end_sessions_and_take_no_epoch_back") {
        return;
    }
    let (server, service) = (shared(&CONSUL), fresh_service());
    let leases = leases(server, &service).await;
    let (one, two) = (holder(1), holder(2));
    let Ok(Opened::New(session)) = leases.open(&one, None, TTL).await else { panic!("no session") };
    let mut first = 0;
    for _ in 0..20 {
        first = grant(&leases, &one, "role/1").await;
    }
    let folder = format!("{service}-test/leases/?recurse");
    assert_eq!(ask(server, "DELETE", &folder, Bytes::new()).await, "true");

    let over = leases.keep_alive(&one, session).await.unwrap_err();
    assert_eq!(over.kind, LeaseErrorKind::Expired, "{over}");
    leases.open(&two, None, TTL).await.unwrap();
    let second = grant(&leases, &two, "role/1").await;
    assert!(second > first, "epoch {second} after {first}");
}

#[tokio::test(flavor = "multi_thread")]
async fn foreign_bytes_in_keys_of_leases_are_nobody_and_nothing() {
    if !runs("keys::foreign_bytes_in_keys_of_leases_are_nobody_and_nothing") {
        return;
    }
    let (server, service) = (shared(&CONSUL), fresh_service());
    let leases = leases(server, &service).await;
    let one = holder(1);
    leases.open(&one, None, TTL).await.unwrap();
    let before = grant(&leases, &one, "role/1").await;
    let session = format!("s.{}.{}", holder(2).app, holder(2).incarnation);
    for key in ["l.role/1", "l.role/2", "l.=zz", "x", "s.", &session, "n.slots/role"] {
        let path = format!("{service}-test/leases/{key}");
        let written = ask(server, "PUT", &path, Bytes::from_static(b"\xff\xff\xff")).await;
        assert_eq!(written, "true", "{key}");
    }
    assert!(grant(&leases, &one, "role/1").await > before, "a damaged key is as large");
    assert!(grant(&leases, &one, "role/2").await > 0);
    leases.open(&holder(2), None, TTL).await.unwrap();
    let error = leases.record("slots/role", 7).await.unwrap_err();
    assert!(error.to_string().contains("n.slots/role"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_that_are_no_paths_are_leased_each_on_its_own() {
    if !runs("keys::ids_that_are_no_paths_are_leased_each_on_its_own") {
        return;
    }
    let leases = leases(shared(&CONSUL), &fresh_service()).await;
    let (one, two) = (holder(1), holder(2));
    for holder in [&one, &two] {
        leases.open(holder, None, TTL).await.unwrap();
    }
    let ids = ["/", "//", "a//b", "a/b", "a/../b", "?a=1", "%2f", "#", " ", "ä", "a.b"];
    let wanted = ids.map(|id| Wanted { id: id.into(), at_least: 0 });
    let held = leases.acquire(&one, &wanted).await.unwrap();
    assert!(held.iter().all(|answer| matches!(answer, Acquired::Held { .. })), "{held:?}");
    let taken = leases.acquire(&two, &wanted).await.unwrap();
    assert!(taken.iter().all(|answer| matches!(answer, Acquired::Taken { .. })), "{taken:?}");
}
