//! Servers that keep little, refuse, or are not the ones to use.

use std::time::Duration;

use guildhall_core::Env;
use guildhall_core::leases::Leases;
use guildhall_core::queue::Queue;
use guildhall_core::store::{Committed, Guard, Migrate, Store, StoreErrorKind, Value, Write};
use guildhall_redis::{RedisClient, RedisStore, Settings};
use servers::{PASSWORD, Proxy, REDIS, Server};

use crate::ground::{HERO, NAME, batch, commit, named, read};
use crate::server::{cli, is_there, open};

/// A server with these arguments beside those of all.
fn server(arguments: &str) -> Server {
    let mut server = Server::new(&REDIS).with(arguments);
    server.start();
    server
}

async fn refused(arguments: &str) -> String {
    let server = server(arguments);
    let settings = Settings::parse(&server.url()).unwrap();
    RedisClient::connect(&Env::real(), settings).await.unwrap_err()
}

/// A store whose table is prepared.
async fn prepared(url: &str, options: &str) -> RedisStore {
    let store = open(url, options).await.store();
    store.prepare(&[&HERO], Migrate::Auto).await.unwrap();
    store
}

fn create(key: &str) -> guildhall_core::store::Batch {
    batch(key, Guard::Absent, Write::Create(named(key)))
}

/// Whether rows, items and epochs are kept over the server's end.
fn keeps(redis: &RedisClient) -> (bool, bool, bool) {
    let (store, queue, leases) = (redis.store(), redis.queue(), redis.leases());
    let epochs = leases.capabilities().durable_epochs;
    (store.capabilities().durable, queue.capabilities().durable, epochs)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_in_cluster_mode_or_one_that_evicts_is_refused_with_a_remedy() {
    if !is_there("states::a_server_in_cluster_mode_or_one_that_evicts_is_refused_with_a_remedy") {
        return;
    }
    let error = refused("--cluster-enabled yes").await;
    assert!(error.contains("cluster mode") && error.contains("cluster-enabled no"), "{error}");
    let error = refused("--maxmemory 100mb --maxmemory-policy allkeys-lru").await;
    assert!(error.contains("set maxmemory-policy noeviction"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_keeps_is_what_the_capabilities_say() {
    if !is_there("states::what_a_server_keeps_is_what_the_capabilities_say") {
        return;
    }
    let server = server("--no-appendfsync-on-rewrite no");
    let redis = open(&server.url(), "").await;
    assert_eq!(keeps(&redis), (true, true, true));
    for (setting, value, kept) in [
        ("no-appendfsync-on-rewrite", "yes", (true, true, false)),
        ("appendfsync", "everysec", (true, true, false)),
        ("appendonly", "no", (false, false, false)),
    ] {
        cli(&server.address(), &["CONFIG", "SET", setting, value]);
        // It is asked again when a connection is made again.
        cli(&server.address(), &["CLIENT", "KILL", "TYPE", "normal"]);
        assert_eq!(redis.store().probe().await, Ok(()));
        assert_eq!(keeps(&redis), kept, "{setting} {value}");
        assert_eq!(keeps(&open(&server.url(), "").await), kept, "{setting} {value}");
    }
    cli(&server.address(), &["CONFIG", "SET", "appendonly", "yes"]);
    let user = "on >pw ~* &* +@all -config";
    let user: Vec<&str> = ["ACL", "SETUSER", "ann"].into_iter().chain(user.split(' ')).collect();
    cli(&server.address(), &user);
    let url = format!("redis://ann:pw@{}", server.address());
    assert_eq!(keeps(&open(&url, "").await), (true, true, false), "CONFIG is forbidden");
    assert_eq!(keeps(&open(&url, "persistence=always").await), (true, true, true));
    assert_eq!(keeps(&open(&url, "persistence=none").await), (false, false, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_memory_is_full_refuses_writes_and_takes_them_when_there_is_room() {
    if !is_there(
        "states::a_server_whose_memory_is_full_refuses_writes_and_takes_them_when_there_is_room",
    ) {
        return;
    }
    let server = server("--maxmemory 8mb");
    let store = prepared(&server.url(), "").await;
    let large = |key: &str| {
        let name = format!("{key}{}", ".".repeat(100_000));
        batch(key, Guard::Absent, Write::Create(vec![(NAME, Value::Text(name))]))
    };
    let mut made = 0;
    let error = loop {
        match commit(&store, large(&made.to_string())).await {
            Ok(_) => made += 1,
            Err(error) => break error,
        }
        assert!(made < 1000, "the memory has no end");
    };
    assert_eq!(error.kind, StoreErrorKind::Unavailable, "{error}");
    assert!(error.message.contains("OOM"), "{error}");
    cli(&server.address(), &["CONFIG", "SET", "maxmemory", "1mb"]);
    assert_eq!(store.probe().await.unwrap_err().kind, StoreErrorKind::Unavailable);
    assert!(read(&store, "0").await.is_some(), "it is read all the same");
    assert_eq!(read(&store, &made.to_string()).await, None, "nothing was written");
    cli(&server.address(), &["CONFIG", "SET", "maxmemory", "0"]);
    assert!(commit(&store, large(&made.to_string())).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_replicas_do_not_have_is_unknown_and_a_failover_is_followed() {
    if !is_there("states::a_write_that_replicas_do_not_have_is_unknown_and_a_failover_is_followed")
    {
        return;
    }
    let first = server(&format!("--masterauth {PASSWORD}"));
    let url = |servers: &str| format!("redis://:{PASSWORD}@{servers}");
    let alone = open(&url(&first.address()), "replicas=1&deadline_ms=1000").await.store();
    let error = commit(&alone, create("alone")).await.unwrap_err();
    assert!(matches!(error.kind, StoreErrorKind::Unknown), "{error}");
    assert!(error.message.contains("replicas = 1"), "{error}");

    let (host, port) = {
        let a = first.address();
        let (h, p) = a.split_once(':').unwrap();
        (h.to_owned(), p.to_owned())
    };
    let second = server(&format!("--masterauth {PASSWORD} --replicaof {host} {port}"));
    let both = url(&format!("{},{}", second.address(), first.address()));
    let store = prepared(&both, "replicas=1&deadline_ms=20000").await;
    assert_eq!(commit(&store, create("1")).await, Ok(Committed { versions: vec![1] }));
    cli(&second.address(), &["REPLICAOF", "NO", "ONE"]);
    let (host, port) = {
        let a = second.address();
        let (h, p) = a.split_once(':').unwrap();
        (h.to_owned(), p.to_owned())
    };
    cli(&first.address(), &["REPLICAOF", &host, &port]);
    // The connection leads to what is a replica now.
    let update = batch("1", Guard::Version(1), Write::Update(named("ann")));
    assert_eq!(commit(&store, update).await, Ok(Committed { versions: vec![2] }));
    assert_eq!(cli(&second.address(), &["HGET", "guildhall:row:hero:1", "name"]), "ann");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_never_answers_does_not_delay_the_other_one() {
    if !is_there("states::an_address_that_never_answers_does_not_delay_the_other_one") {
        return;
    }
    let (server, env) = (server(""), Env::real());
    let hole = Proxy::to(server.address());
    hole.set_silent(true);
    let url = format!("redis://:{PASSWORD}@{},{}", hole.address(), server.address());
    let begun = env.now();
    let store = prepared(&url, "deadline_ms=60000").await;
    assert!(commit(&store, create("1")).await.is_ok());
    let took = env.now() - begun;
    assert!(took < Duration::from_secs(20), "it took {took:?}, and a dial has 30 s");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_finds_the_server_restarted_succeeds_and_one_whose_answer_is_lost_is_done_once()
 {
    if !is_there(
        "states::a_write_that_finds_the_server_restarted_succeeds_and_one_whose_answer_is_lost_is_done_once",
    ) {
        return;
    }
    let mut server = server("");
    let proxy = Proxy::to(server.address());
    let url = format!("redis://:{PASSWORD}@{}", proxy.address());
    let store = prepared(&url, "deadline_ms=20000").await;
    store.claim(&[crate::ground::row("1")], crate::ground::token()).await.unwrap();
    server.kill();
    server.start();
    Env::real().sleep(Duration::from_millis(200)).await;
    let owner = |version| Guard::Owner(crate::ground::token(), version);
    let made = commit(&store, batch("1", owner(1), Write::Create(named("ann")))).await;
    assert_eq!(made, Ok(Committed { versions: vec![2] }));

    proxy.lose_answers_to(Some(b"EVALSHA"));
    let update = batch("1", owner(2), Write::Update(named("bob")));
    let error = commit(&store, update.clone()).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Unknown, "{error}");
    proxy.lose_answers_to(None);
    assert_eq!(commit(&store, update).await, Ok(Committed { versions: vec![3] }), "once more");
}
