//! A server that is not there, restarts, refuses, or whose answer is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use guildhall_core::Env;
use guildhall_core::store::{Committed, Guard, Migrate, Store, StoreErrorKind, Write};
use guildhall_postgres::{PostgresStore, Settings};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::ground::{HERO, batch, commit, named, read, row, token};
use crate::server::{PATIENT, Server, fresh_schema, is_there, shared};

#[tokio::test(flavor = "multi_thread")]
async fn a_store_answers_within_its_deadline_without_a_server_and_works_once_it_is_there() {
    if !is_there(
        "faults::a_store_answers_within_its_deadline_without_a_server_and_works_once_it_is_there",
    ) {
        return;
    }
    let (mut server, env) = (Server::new(), Env::real());
    let store = server.store("g", "&deadline_ms=500");
    let before = env.now();
    let error = store.read(&[row("1")]).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Unavailable, "{error}");
    let took = env.now() - before;
    assert!(took.as_millis() < 20_000, "it took {took:?}");

    server.start(true);
    store.prepare(&[&HERO], Migrate::Auto).await.unwrap();
    assert_eq!(read(&store, "1").await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_server_is_used_again_and_has_what_was_committed() {
    if !is_there("faults::a_restarted_server_is_used_again_and_has_what_was_committed") {
        return;
    }
    let mut server = Server::new();
    server.start(true);
    let store = server.store("g", PATIENT);
    store.prepare(&[&HERO], Migrate::Auto).await.unwrap();
    store.claim(&[row("1")], token()).await.unwrap();
    let create = batch("1", Guard::Owner(token(), 1), Write::Create(named("ann")));
    assert_eq!(commit(&store, create).await, Ok(Committed { versions: vec![2] }));

    server.signal("KILL");
    server.stop();
    server.start(true);
    let kept = read(&store, "1").await.unwrap();
    assert_eq!((kept.version, kept.token, kept.fields), (2, Some(token()), named("ann")));
    let update = batch("1", Guard::Owner(token(), 2), Write::Update(named("bob")));
    assert_eq!(commit(&store, update).await, Ok(Committed { versions: vec![3] }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_an_error_that_says_so_without_it() {
    if !is_there("faults::a_wrong_password_is_an_error_that_says_so_without_it") {
        return;
    }
    let url = shared().url("g", "&deadline_ms=500").replace("game:", "game:hush");
    let store = PostgresStore::new(&Env::real(), Settings::parse(&url).unwrap());
    let error = store.read(&[row("1")]).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Unavailable);
    let said = error.to_string();
    assert!(said.contains("password authentication failed") && !said.contains("hush"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_answer_is_lost_is_unknown_and_is_there_once() {
    if !is_there("faults::a_commit_whose_answer_is_lost_is_unknown_and_is_there_once") {
        return;
    }
    let schema = fresh_schema();
    let direct = shared().store(&schema, PATIENT);
    direct.prepare(&[&HERO], Migrate::Auto).await.unwrap();
    direct.claim(&[row("1")], token()).await.unwrap();

    let cut = Arc::new(AtomicBool::new(false));
    let url = shared().url(&schema, PATIENT);
    let (base, _) = url.split_once("/postgres?").unwrap();
    let server = base.rsplit_once('@').unwrap().1.to_owned();
    let proxy = proxy(server.clone(), Arc::clone(&cut)).await;
    let url = url.replace(&server, &proxy);
    let store = PostgresStore::new(&Env::real(), Settings::parse(&url).unwrap());
    assert_eq!(read(&store, "1").await.unwrap().version, 1);

    cut.store(true, Ordering::SeqCst);
    let create = batch("1", Guard::Owner(token(), 1), Write::Create(named("ann")));
    let error = commit(&store, create.clone()).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Unknown, "{error}");

    cut.store(false, Ordering::SeqCst);
    let again = commit(&store, create).await;
    assert_eq!(again, Ok(Committed { versions: vec![2] }), "the same write again");
    assert_eq!(read(&direct, "1").await.unwrap().version, 2);
}

/// Passes bytes to `server` and back; while `cut` is set it passes a COMMIT, and closes instead of passing the answer.
async fn proxy(server: String, cut: Arc<AtomicBool>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let env = Env::real();
    env.clone().spawn("test.proxy", async move {
        while let Ok((client, _)) = listener.accept().await {
            let to = TcpStream::connect(&server).await.unwrap();
            env.spawn("test.proxied", pass(client, to, Arc::clone(&cut)));
        }
    });
    address
}

async fn pass(mut client: TcpStream, mut server: TcpStream, cut: Arc<AtomicBool>) {
    let (mut from_client, mut from_server) = (vec![0; 65536], vec![0; 65536]);
    loop {
        tokio::select! {
            read = client.read(&mut from_client) => {
                let Ok(n @ 1..) = read else { return };
                if server.write_all(&from_client[..n]).await.is_err() {
                    return;
                }
                // Not `READ COMMITTED`.
                let commits = from_client[..n].windows(7).any(|bytes| bytes == b"COMMIT\0");
                if commits && cut.load(Ordering::SeqCst) {
                    // The server has committed when it answers.
                    let _answer = server.read(&mut from_server).await;
                    return;
                }
            }
            read = server.read(&mut from_server) => {
                let Ok(n @ 1..) = read else { return };
                if client.write_all(&from_server[..n]).await.is_err() {
                    return;
                }
            }
        }
    }
}
