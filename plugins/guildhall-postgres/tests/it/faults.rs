//! Faults that are PostgreSQL's own; those of all vendors are in `faulty`.

use std::time::Duration;

use guildhall_core::Env;
use guildhall_core::Incarnation;
use guildhall_core::broker::{Broker as _, Delivery};
use guildhall_core::leases::{
    Acquired, LeaseChange, LeaseErrorKind, LeaseSession, LeaseTimes, Leases, Opened, Wanted,
};
use guildhall_core::store::{Committed, Guard, Holder, Migrate, Store, StoreErrorKind, Write};
use servers::{POSTGRES, Proxy, Server};
use tokio_postgres::types::ToSql;

use crate::ground::{
    HERO, PATIENT, app, batch, commit, fresh_schema, is_there, named, open, read, row, shared,
    store, token, url,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_answer_is_lost_is_unknown_and_is_there_once() {
    if !is_there("faults::a_commit_whose_answer_is_lost_is_unknown_and_is_there_once") {
        return;
    }
    let schema = fresh_schema();
    let direct = store(&schema);
    direct.prepare(&[&HERO], Migrate::Auto).await.unwrap();
    direct.claim(&[row("1")], token()).await.unwrap();

    let proxy = Proxy::to(servers::shared(&POSTGRES).address());
    let store = open(&url(&(POSTGRES.url)(&proxy.address()), &schema, PATIENT)).store();
    assert_eq!(read(&store, "1").await.unwrap().version, 1);

    // Not `READ COMMITTED`.
    proxy.lose_answers_to(Some(b"COMMIT\0"));
    let create = batch("1", Guard::Owner(token(), 1), Write::Create(named("ann")));
    let error = commit(&store, create.clone()).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Unknown, "{error}");

    proxy.lose_answers_to(None);
    let again = commit(&store, create).await;
    assert_eq!(again, Ok(Committed { versions: vec![2] }), "the same write again");
    assert_eq!(read(&direct, "1").await.unwrap().version, 2);
}

fn holder(inst: u64) -> Holder {
    let app = format!("test.w1.role.{inst}").parse().unwrap();
    Holder { app, incarnation: Incarnation(1) }
}

async fn begin(leases: &dyn Leases, holder: &Holder, ttl: Duration) -> u64 {
    match leases.open(holder, None, ttl).await.unwrap() {
        Opened::New(number) => number,
        Opened::Living(number) => panic!("{number} lives"),
    }
}

fn wanted() -> [Wanted; 1] {
    [Wanted { id: "role/1".into(), at_least: 0 }]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promoted_server_grants_nothing_before_the_longest_ttl_is_over_and_then_larger_epochs() {
    if !is_there(
        "faults::a_promoted_server_grants_nothing_before_the_longest_ttl_is_over_and_then_larger_epochs",
    ) {
        return;
    }
    let (mut server, env) = (Server::new(&POSTGRES), Env::real());
    server.start();
    let leases = open(&url(&server.url(), "g", PATIENT)).leases();
    let (one, two, ttl) = (holder(1), holder(2), Duration::from_secs(4));
    let session = begin(&leases, &one, ttl).await;
    let Acquired::Held { epoch, .. } = leases.acquire(&one, &wanted()).await.unwrap().remove(0)
    else {
        panic!("it is free")
    };

    // As a replica that took all of this over, and perhaps not what came after it.
    server.stop();
    std::fs::write(server.folder().join("data/standby.signal"), "").unwrap();
    server.start();
    promote(&server.url()).await;
    let promoted = env.now();
    let error = leases.keep_alive(&one, session).await.unwrap_err();
    assert_eq!(error.kind, LeaseErrorKind::Expired, "{error}");
    let error = leases.acquire(&one, &wanted()).await.unwrap_err();
    assert_eq!(error.kind, LeaseErrorKind::Unavailable, "{error}");
    loop {
        match leases.open(&two, None, ttl).await {
            Ok(Opened::New(_)) => break,
            Err(error) if error.kind == LeaseErrorKind::Unavailable => {}
            other => panic!("{other:?}"),
        }
        let waited = env.now() - promoted;
        assert!(waited < Duration::from_secs(60), "nothing is granted after {waited:?}");
        env.sleep(Duration::from_millis(50)).await;
    }
    assert!(env.now() - promoted >= ttl, "{:?}", env.now() - promoted);
    let Acquired::Held { epoch: later, .. } =
        leases.acquire(&two, &wanted()).await.unwrap().remove(0)
    else {
        panic!("all begins anew")
    };
    assert!(later > epoch + (1 << 24), "{later} after {epoch}");
    let error = leases.acquire(&one, &wanted()).await.unwrap_err();
    assert_eq!(error.kind, LeaseErrorKind::Expired, "{error}");
}

async fn promote(url: &str) {
    let env = Env::real();
    let end = env.now() + Duration::from_secs(60);
    loop {
        if let Ok(sql) = direct(url).await
            && sql.batch_execute("SELECT pg_promote()").await.is_ok()
        {
            return;
        }
        assert!(env.now() < end, "it was not promoted");
        env.sleep(Duration::from_millis(100)).await;
    }
}

/// A connection of somebody else.
async fn direct(url: &str) -> Result<tokio_postgres::Client, String> {
    let config: tokio_postgres::Config = url.parse().unwrap();
    let address = url.rsplit_once('@').unwrap().1.split_once('/').unwrap().0.to_owned();
    let stream =
        tokio::net::TcpStream::connect(address).await.map_err(|error| error.to_string())?;
    let connected = config.connect_raw(stream, tokio_postgres::NoTls).await;
    let (client, connection) = connected.map_err(|error| error.to_string())?;
    Env::real().spawn("test.connection", connection);
    Ok(client)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_connection_is_told_to_subscribers_and_ends_watches() {
    if !is_there("faults::a_lost_connection_is_told_to_subscribers_and_ends_watches") {
        return;
    }
    let (schema, proxy) = (fresh_schema(), Proxy::to(servers::shared(&POSTGRES).address()));
    let server = open(&url(&(POSTGRES.url)(&proxy.address()), &schema, PATIENT));
    let (broker, leases) = (server.broker(), server.leases());
    let mut topic = broker.subscribe("room.1", 16).await.unwrap();
    let mut watch = leases.watch("").await.unwrap();
    assert_eq!(watch.recv().await, Some(LeaseChange::Synced));
    proxy.cut();
    assert_eq!(watch.recv().await, None);
    let mut again = broker.subscribe("room.1", 16).await.unwrap();
    app(&schema).broker().publish("room.1", "there".into()).await.unwrap();
    // What is lost is told before what comes after it.
    assert_eq!(topic.next().await, Some(Delivery::Lost(1)));
    for subscription in [&mut topic, &mut again] {
        assert_eq!(subscription.next().await, Some(Delivery::Message("there".into())));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn notifications_of_others_harm_nothing() {
    if !is_there("faults::notifications_of_others_harm_nothing") {
        return;
    }
    let schema = fresh_schema();
    let server = app(&schema);
    let (broker, leases) = (server.broker(), server.leases());
    let mut topic = broker.subscribe("room.1", 16).await.unwrap();
    let mut watch = leases.watch("").await.unwrap();
    assert_eq!(watch.recv().await, Some(LeaseChange::Synced));
    let sql = direct(&shared()).await.unwrap();
    let odd = [
        "",
        " ",
        "1",
        "0 0 1 ",
        "0 0 1 room.1",
        "0 0 1 room.1 *",
        "0 0 1 room.2 aGk",
        "0 0 2 room.1 aGk",
        "9 0 1 H",
        "9 0 1 H 1 - - x y z",
        "9 0 1 F",
        "99999999999999999999999 0 1 F x",
        "\u{1}\u{1}",
    ];
    for of in ["leases", "topic room.1"] {
        // Anybody can see the channels in the statements of others.
        let hash = xxhash_rust::xxh3::xxh3_128(format!("{schema}\0{of}").as_bytes());
        let channel = format!("guildhall_{hash:032x}");
        for payload in odd {
            let text = tokio_postgres::types::Type::TEXT;
            let params = [(&channel as &(dyn ToSql + Sync), text.clone()), (&payload, text)];
            sql.query_typed("SELECT pg_notify($1, $2)", &params).await.unwrap();
        }
    }
    broker.publish("room.1", "hi".into()).await.unwrap();
    assert_eq!(topic.next().await, Some(Delivery::Message("hi".into())));
    begin(&leases, &holder(1), Duration::from_secs(60)).await;
    leases.acquire(&holder(1), &wanted()).await.unwrap();
    assert!(matches!(watch.recv().await, Some(LeaseChange::Held(..))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_goes_on_over_a_crash_of_the_server_and_nobody_else_has_what_it_holds() {
    if !is_there(
        "faults::a_session_goes_on_over_a_crash_of_the_server_and_nobody_else_has_what_it_holds",
    ) {
        return;
    }
    let mut server = Server::new(&POSTGRES);
    server.start();
    let leases = std::sync::Arc::new(open(&url(&server.url(), "g", PATIENT)).leases());
    let times = LeaseTimes { ttl: Duration::from_secs(30), margin: Duration::from_secs(1) };
    let session = LeaseSession::open(Env::real(), leases.clone(), holder(1), times).await.unwrap();
    let Acquired::Held { epoch, .. } = session.acquire(&wanted()).await.unwrap().remove(0) else {
        panic!("it is free")
    };
    server.kill();
    server.start();
    session.keep_alive().await.unwrap();
    assert!(session.is_valid());
    begin(&*leases, &holder(2), times.ttl).await;
    let taken = Acquired::Taken { holder: holder(1), epoch };
    assert_eq!(leases.acquire(&holder(2), &wanted()).await, Ok(vec![taken]));
}
