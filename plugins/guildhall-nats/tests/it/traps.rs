//! What is known to go wrong with clients of NATS.

use std::time::Duration;

use async_nats::jetstream;
use bytes::Bytes;
use guildhall_core::discovery::{Change, Discovery as _};
use guildhall_core::leases::{Acquired, LeaseChange, LeaseErrorKind, Leases as _, Opened, Wanted};
use guildhall_core::{Env, Incarnation};
use servers::{NATS, PASSWORD, Proxy, Server};

use crate::ground::{TTL, grant, holder, next, node, registered, until_it_works, watch};
use crate::server::{at, fresh, is_there, seams};

/// Longer than JetStream waits between two heartbeats of a watch, and than a client waits for one (nats.rs 1596).
const HEARTBEATS: Duration = Duration::from_secs(12);

#[tokio::test(flavor = "multi_thread")]
async fn watches_that_nobody_polled_while_the_server_was_away_go_on_or_end() {
    if !is_there("traps::watches_that_nobody_polled_while_the_server_was_away_go_on_or_end") {
        return;
    }
    let (mut server, env) = (Server::new(&NATS), Env::real());
    server.start();
    let watching = at(&server.address(), "g", "").await;
    let other = at(&server.address(), "g", "").await;
    for seams in [&watching, &other] {
        seams.connected().await.unwrap();
    }
    other.discovery.register(&node(1, 1), TTL).await.unwrap();
    let (mut nodes, snapshot) = watch(&watching.discovery).await;
    assert_eq!(snapshot, [node(1, 1)]);
    let mut leases = watching.leases.watch("").await.unwrap();
    assert_eq!(leases.recv().await, Some(LeaseChange::Synced));

    server.kill();
    env.sleep(HEARTBEATS).await;
    server.start();
    until_it_works(async || other.discovery.register(&node(2, 1), TTL).await).await;
    until_it_works(async || other.discovery.deregister(&node(1, 1).id, Incarnation(1)).await).await;
    assert_eq!(next(&mut nodes, "app 2").await, Change::Put(node(2, 1)));
    assert_eq!(
        next(&mut nodes, "the end of 1").await,
        Change::Remove(node(1, 1).id, Incarnation(1))
    );
    assert_eq!(leases.recv().await, None, "a watch of leases ends with the server");
    until_it_works(async || watching.leases.watch("").await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_addresses_the_one_that_answers_is_taken() {
    if !is_there("traps::of_two_addresses_the_one_that_answers_is_taken") {
        return;
    }
    let (good, env) = (servers::shared(&NATS).address(), Env::real());
    // It accepts connections and says nothing; and nobody listens at the other one.
    let silent = Proxy::to(good.clone());
    silent.set_silent(true);
    for address in [format!("{},{good}", silent.address()), format!("127.0.0.1:9,{good}")] {
        let begun = env.now();
        let seams = at(&address, &fresh(), "&deadline_ms=10000").await;
        seams.connected().await.unwrap();
        let took = env.now() - begun;
        assert!(took < Duration::from_secs(5), "{took:?} to connect to {address}");
        seams.leases.record("slots/role", 7).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purged_bucket_ends_sessions_and_takes_no_epoch_back() {
    if !is_there("traps::a_purged_bucket_ends_sessions_and_takes_no_epoch_back") {
        return;
    }
    let prefix = fresh();
    let leases = seams(&prefix, "").await.leases;
    let (one, two) = (holder(1), holder(2));
    let mut first = 0;
    let Ok(Opened::New(session)) = leases.open(&one, None, TTL).await else { panic!("no session") };
    for _ in 0..20 {
        first = grant(&leases, &one, "role/1").await;
    }
    bucket(&prefix, "leases").await.purge().await.unwrap();

    let over = leases.keep_alive(&one, session).await.unwrap_err();
    assert_eq!(over.kind, LeaseErrorKind::Expired, "{over}");
    // Of a client that knows of the holder, and of one that does not.
    leases.open(&two, None, TTL).await.unwrap();
    let wanted = [Wanted { id: "role/1".into(), at_least: 0 }];
    let taken = leases.acquire(&two, &wanted).await.unwrap();
    assert_eq!(taken, [Acquired::Taken { holder: one.clone(), epoch: first }], "for its TTL");
    let anew = seams(&prefix, "").await.leases;
    let second = grant(&anew, &two, "role/1").await;
    assert!(second > first, "epoch {second} after {first}");
    leases.open(&one, None, TTL).await.unwrap();
    let third = grant(&leases, &one, "role/2").await;
    assert!(third > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn foreign_bytes_in_a_bucket_are_nobody_and_nothing() {
    if !is_there("traps::foreign_bytes_in_a_bucket_are_nobody_and_nothing") {
        return;
    }
    let prefix = fresh();
    let seams = seams(&prefix, "").await;
    let (one, app) = (holder(1), node(1, 1));
    seams.leases.open(&one, None, TTL).await.unwrap();
    let before = grant(&seams.leases, &one, "role/1").await;
    seams.discovery.register(&app, TTL).await.unwrap();
    let js = js().await;
    let session = format!("s.{}.{}", holder(2).app, holder(2).incarnation);
    for (bucket, key) in [
        ("leases", "l.role/1"),
        ("leases", "l.role/2"),
        ("leases", "l.=zz"),
        ("leases", "x"),
        ("leases", &session),
        ("leases", "n.slots/role"),
        ("nodes", "test.w1.role.7"),
        ("nodes", "not-an-app"),
    ] {
        let subject = format!("$KV.{prefix}_test_{bucket}.{key}");
        js.publish(subject, Bytes::from_static(b"\xff\xff\xff")).await.unwrap().await.unwrap();
    }
    // The record of another app, under this key.
    let subject = format!("$KV.{prefix}_test_nodes.test.w1.role.8");
    let foreign = [&[0x08, 1, 0x12, u8::try_from(app.encode().len()).unwrap()], &app.encode()[..]];
    js.publish(subject, foreign.concat().into()).await.unwrap().await.unwrap();

    assert_eq!(registered(&seams.discovery).await, [app]);
    assert!(grant(&seams.leases, &one, "role/1").await > before, "a damaged key is as large");
    assert!(grant(&seams.leases, &one, "role/2").await > 0);
    seams.leases.open(&holder(2), None, TTL).await.unwrap();
    let error = seams.leases.record("slots/role", 7).await.unwrap_err();
    assert!(error.to_string().contains("n.slots/role"), "{error}");
}

async fn js() -> jetstream::Context {
    let address = servers::shared(&NATS).address();
    let user = async_nats::ConnectOptions::with_user_and_password("game".into(), PASSWORD.into());
    jetstream::new(user.connect(address).await.unwrap())
}

async fn bucket(prefix: &str, what: &str) -> jetstream::stream::Stream {
    js().await.get_stream(format!("KV_{prefix}_test_{what}")).await.unwrap()
}
