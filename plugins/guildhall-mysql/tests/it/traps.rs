//! Traps of this vendor: keys that its collations take for one, packets that are too large, connections that it ends, locks, tables that
//! change one by one.

use std::time::Duration;

use guildhall_core::Env;
use guildhall_core::store::{
    Column, Committed, Guard, Kind, Migrate, Store, StoreErrorKind, Table, Value, Write,
};
use guildhall_mysql::{MySqlStore, Settings};
use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, Opts, OptsBuilder};
use servers::{MYSQL, Proxy, Server};

use crate::ground::{
    COUNT, HERO, PATIENT, batch, commit, fresh_schema, is_there, named, read, row, shared, store,
    store_on, token,
};

async fn prepared(server: &Server, schema: &str, options: &str) -> MySqlStore {
    let store = store_on(server, schema, options);
    store.prepare(&[&HERO], Migrate::Auto).await.unwrap();
    store
}

/// A connection of somebody else.
async fn other(server: &Server) -> Conn {
    let opts = OptsBuilder::from_opts(Opts::from_url(&server.url()).unwrap()).prefer_socket(false);
    Conn::new(opts).await.unwrap()
}

fn started(arguments: &str) -> Server {
    let mut server = Server::new(&MYSQL).with(arguments);
    server.start();
    server
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_and_unique_values_differ_by_case_accents_and_spaces_at_their_end() {
    if !is_there("traps::keys_and_unique_values_differ_by_case_accents_and_spaces_at_their_end") {
        return;
    }
    let store = prepared(shared(), &fresh_schema(), PATIENT).await;
    let alike = ["ann", "Ann", "ann ", "ann  ", " ann", "änn", "a\u{308}nn", "ann\0", "ann\t"];
    for odd in alike {
        let create = batch(odd, Guard::Absent, Write::Create(named(odd)));
        assert_eq!(commit(&store, create).await, Ok(Committed { versions: vec![1] }), "{odd:?}");
    }
    for odd in alike {
        assert_eq!(read(&store, odd).await.unwrap().fields, named(odd), "{odd:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_over_the_servers_packets_is_an_error_at_once_and_fails_alone() {
    if !is_there("traps::a_batch_over_the_servers_packets_is_an_error_at_once_and_fails_alone") {
        return;
    }
    let server = started("--max-allowed-packet=1M");
    let store = prepared(&server, "g", PATIENT).await;
    let with_records = |key: &str, bytes| {
        let mut create = batch(key, Guard::Absent, Write::Create(named(key)));
        create.ops[0].records = Some(vec![7; bytes].into());
        create
    };
    let (env, most) = (Env::real(), 500 << 10);
    let before = env.now();
    let batches = vec![
        with_records("1", most),
        with_records("2", 1 << 20),
        with_records("3", most),
        with_records("4", most),
    ];
    let done = store.commit(batches).await;
    assert!(done[0].is_ok() && done[2].is_ok() && done[3].is_ok(), "{done:?}");
    let error = done[1].clone().unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Invalid, "{error}");
    assert!(error.message.contains("max_allowed_packet"), "{error}");
    assert!(env.now() - before < Duration::from_secs(30));
    assert_eq!(read(&store, "3").await.unwrap().records.len(), most);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_the_server_has_ended_are_replaced() {
    if !is_there("traps::connections_that_the_server_has_ended_are_replaced") {
        return;
    }
    let (server, env) = (started("--wait-timeout=1"), Env::real());
    let store = prepared(&server, "g", PATIENT).await;
    let create = |key| commit(&store, batch(key, Guard::Absent, Write::Create(Vec::new())));
    let (one, two) = tokio::join!(create("1"), create("2"));
    assert!(one.is_ok() && two.is_ok());
    env.sleep(Duration::from_millis(2500)).await;
    assert!(create("3").await.is_ok(), "wait_timeout has ended all connections");

    let mut other = other(&server).await;
    let own = other.id();
    let ids: Vec<u32> = other
        .query("SELECT id FROM information_schema.processlist WHERE user = 'game'")
        .await
        .unwrap();
    let mut killed = 0;
    for id in ids.into_iter().filter(|id| *id != own) {
        killed += u32::from(other.query_drop(format!("KILL {id}")).await.is_ok());
    }
    assert!(killed > 0, "there were connections to kill");
    assert!(create("4").await.is_ok(), "all connections were killed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_somebody_has_locked_is_waited_for_within_the_deadline() {
    if !is_there("traps::a_row_that_somebody_has_locked_is_waited_for_within_the_deadline") {
        return;
    }
    let (schema, env) = (fresh_schema(), Env::real());
    let patient = prepared(shared(), &schema, PATIENT).await;
    let hasty = store_on(shared(), &schema, "&deadline_ms=700");
    let create = batch("1", Guard::Absent, Write::Create(Vec::new()));
    assert!(commit(&patient, create).await.is_ok());
    let mut other = other(shared()).await;
    other.query_drop("START TRANSACTION").await.unwrap();
    let lock = format!("SELECT guildhall_key FROM {schema}.hero FOR UPDATE");
    let locked: Vec<String> = other.query(lock).await.unwrap();
    assert_eq!(locked, ["1"]);

    let write = |version| {
        batch("1", Guard::Version(version), Write::Update(vec![(COUNT, Value::Uint(version))]))
    };
    let before = env.now();
    let error = commit(&hasty, write(1)).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Unavailable, "{error}");
    assert!(env.now() - before < Duration::from_secs(20));

    let waiting = env.spawn("test.waiting", async move { commit(&patient, write(1)).await });
    env.sleep(Duration::from_millis(500)).await;
    assert!(!waiting.is_finished(), "the row is locked");
    other.query_drop("ROLLBACK").await.unwrap();
    assert_eq!(waiting.await.unwrap(), Some(Ok(Committed { versions: vec![2] })));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_answer_is_lost_is_unknown_and_is_there_once() {
    if !is_there("traps::a_commit_whose_answer_is_lost_is_unknown_and_is_there_once") {
        return;
    }
    let schema = fresh_schema();
    let direct = prepared(shared(), &schema, PATIENT).await;
    direct.claim(&[row("1")], token()).await.unwrap();
    let proxy = Proxy::to(shared().address());
    let url = (MYSQL.url)(&proxy.address());
    let url = format!("{url}?schema={schema}{PATIENT}");
    let store = MySqlStore::new(&Env::real(), Settings::parse(&url).unwrap());
    assert_eq!(read(&store, "1").await.unwrap().version, 1);

    // As a command of its own, and not in `READ COMMITTED`.
    proxy.lose_answers_to(Some(b"\x03COMMIT"));
    let create = batch("1", Guard::Owner(token(), 1), Write::Create(named("ann")));
    let error = commit(&store, create.clone()).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Unknown, "{error}");

    proxy.lose_answers_to(None);
    let again = commit(&store, create).await;
    assert_eq!(again, Ok(Committed { versions: vec![2] }), "the same write again");
    assert_eq!(read(&direct, "1").await.unwrap().version, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_addresses_the_first_may_be_silent() {
    if !is_there("traps::of_two_addresses_the_first_may_be_silent") {
        return;
    }
    let silent = Proxy::to(shared().address());
    silent.set_silent(true);
    let both = format!("{},{}", silent.address(), shared().address());
    let url = format!("{}?schema={}&deadline_ms=8000", (MYSQL.url)(&both), fresh_schema());
    let store = MySqlStore::new(&Env::real(), Settings::parse(&url).unwrap());
    store.prepare(&[&HERO], Migrate::Auto).await.unwrap();
    assert_eq!(store.read(&[row("1")]).await, Ok(vec![None]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_an_error_and_costs_nothing_that_was_acknowledged() {
    if !is_there("traps::a_full_disk_is_an_error_and_costs_nothing_that_was_acknowledged") {
        return;
    }
    // All tables are in one file, which must not grow further.
    let server =
        started("--innodb-file-per-table=0 --innodb-data-file-path=ibdata1:12M:autoextend:max:40M");
    let store = prepared(&server, "g", PATIENT).await;
    let mut written = 0_u64;
    let error = loop {
        let mut create = batch(&written.to_string(), Guard::Absent, Write::Create(Vec::new()));
        create.ops[0].records = Some(vec![7; 400 << 10].into());
        match commit(&store, create).await {
            Ok(_) => written += 1,
            Err(error) => break error,
        }
        assert!(written < 1000, "the file is full by now");
    };
    assert_eq!(error.kind, StoreErrorKind::Unavailable, "{error}");
    assert!(error.message.contains("full"), "{error}");
    assert!(written > 0);
    for key in 0..written {
        let row = read(&store, &key.to_string()).await.unwrap();
        assert_eq!(row.records.len(), 400 << 10);
    }
    assert_eq!(read(&store, &written.to_string()).await, None);
}

const TITLE: u32 = 4;

static TITLED: Table = Table {
    name: HERO.name,
    key: HERO.key,
    columns: &[
        HERO.columns[0],
        HERO.columns[1],
        Column { number: TITLE, name: "title", kind: Kind::Text, unique: false, index: true },
    ],
};

#[tokio::test(flavor = "multi_thread")]
async fn a_prepare_that_ended_in_its_middle_is_gone_on_with() {
    if !is_there("traps::a_prepare_that_ended_in_its_middle_is_gone_on_with") {
        return;
    }
    let schema = fresh_schema();
    let store = prepared(shared(), &schema, PATIENT).await;
    let mut other = other(shared()).await;
    let alter = |what: &str| format!("ALTER TABLE {schema}.hero {what}");
    other.query_drop(alter("ADD COLUMN title BIGINT")).await.unwrap();
    let error = store.prepare(&[&TITLED], Migrate::Auto).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Invalid, "{error}");
    assert!(error.message.contains("`title` of type bigint"), "{error}");

    other.query_drop(alter("DROP COLUMN title, ADD COLUMN title LONGTEXT")).await.unwrap();
    store.prepare(&[&TITLED], Migrate::Auto).await.unwrap();
    let title = vec![(TITLE, Value::Text("sir".to_owned()))];
    let mut create = batch("1", Guard::Absent, Write::Create(title.clone()));
    create.ops[0].row.table = &TITLED;
    assert!(commit(&store, create).await.is_ok());
    assert_eq!(read(&store, "1").await.unwrap().fields, title);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_differ_in_case_alone_are_refused() {
    if !is_there("traps::names_that_differ_in_case_alone_are_refused") {
        return;
    }
    static SHOUTED: Table = Table { name: "Hero", key: HERO.key, columns: HERO.columns };
    static TWICE: Table = Table {
        name: "twice",
        key: HERO.key,
        columns: &[
            HERO.columns[0],
            Column { number: TITLE, name: "NAME", kind: Kind::Text, unique: false, index: false },
        ],
    };
    static TAKEN: Table = Table {
        name: "taken",
        key: HERO.key,
        columns: &[Column {
            number: TITLE,
            name: "guildhall_I4",
            kind: Kind::Text,
            unique: false,
            index: false,
        }],
    };
    let store = prepared(shared(), &fresh_schema(), PATIENT).await;
    for table in [&SHOUTED, &TWICE, &TAKEN] {
        let error = store.prepare(&[table], Migrate::Auto).await.unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::Invalid, "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn floats_come_back_as_they_were_and_others_than_numbers_are_refused() {
    if !is_there("traps::floats_come_back_as_they_were_and_others_than_numbers_are_refused") {
        return;
    }
    const SPEED: u32 = 2;
    static CART: Table = Table {
        name: "cart",
        key: HERO.key,
        columns: &[Column {
            number: SPEED,
            name: "speed",
            kind: Kind::Float,
            unique: false,
            index: true,
        }],
    };
    let store = store(&fresh_schema());
    store.prepare(&[&CART], Migrate::Auto).await.unwrap();
    let create = |key: &str, speed: f64| {
        let write = Write::Create(vec![(SPEED, Value::Float(speed))]);
        let mut create = batch(key, Guard::Absent, write);
        create.ops[0].row.table = &CART;
        create
    };
    let odd = [0.1, -1.0 / 3.0, f64::MAX, f64::MIN_POSITIVE, f64::EPSILON, 1e22, 123_456_789.123];
    for (n, speed) in odd.into_iter().enumerate() {
        let key = n.to_string();
        assert!(commit(&store, create(&key, speed)).await.is_ok(), "{speed}");
        let mut id = row(&key);
        id.table = &CART;
        let kept = store.read(&[id]).await.unwrap().remove(0).unwrap();
        assert_eq!(kept.fields, [(SPEED, Value::Float(speed))]);
    }
    for speed in [f64::NAN, f64::INFINITY] {
        let batches = vec![create("a", 1.0), create("b", speed)];
        let done = store.commit(batches).await;
        let error = done[1].clone().unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::Invalid, "{error}");
    }
}
