//! Files of earlier releases: what is in them is there, and the rules of this release hold for it.

use std::path::Path;

use guildhall_core::store::{
    Batch, Guard, Migrate, Op, Order, Query, RowId, Store as _, StoreErrorKind, Tombstone, Value,
    Write,
};
use guildhall_core::{Env, Key};
use guildhall_redb::{RedbStore, Settings};
use redb::{Database, TableDefinition};

use crate::group::{ROLE, token};

/// Format 2, as it was written until tombstones got a table of their own: its tables and the bytes of its rows.
mod format_2 {
    use prost::Message;
    use redb::TableDefinition;

    type RowKey = (&'static str, &'static str, Option<&'static str>);
    type IndexKey = (&'static str, u32, &'static [u8], &'static str, Option<&'static str>);

    pub(super) const ROWS: TableDefinition<'static, RowKey, &[u8]> = TableDefinition::new("rows");
    pub(super) const INDEX: TableDefinition<'static, IndexKey, ()> = TableDefinition::new("index");
    pub(super) const SCHEMAS: TableDefinition<'static, &str, &[u8]> =
        TableDefinition::new("schemas");
    pub(super) const META: TableDefinition<'static, &str, u64> = TableDefinition::new("meta");

    #[derive(Clone, PartialEq, Message)]
    pub(super) struct Row {
        #[prost(message, optional, tag = "1")]
        pub(super) token: Option<Token>,
        #[prost(uint64, tag = "2")]
        pub(super) version: u64,
        #[prost(bool, tag = "3")]
        pub(super) exists: bool,
        #[prost(message, repeated, tag = "4")]
        pub(super) fields: Vec<Field>,
        #[prost(bytes = "vec", tag = "5")]
        pub(super) records: Vec<u8>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub(super) struct Token {
        #[prost(string, tag = "1")]
        pub(super) lease: String,
        #[prost(uint64, tag = "2")]
        pub(super) epoch: u64,
        #[prost(string, tag = "3")]
        pub(super) app: String,
        #[prost(uint64, tag = "4")]
        pub(super) incarnation: u64,
        #[prost(uint64, tag = "5")]
        pub(super) activation: u64,
    }

    /// A column of text.
    #[derive(Clone, PartialEq, Message)]
    pub(super) struct Field {
        #[prost(uint32, tag = "1")]
        pub(super) number: u32,
        #[prost(string, optional, tag = "6")]
        pub(super) text: Option<String>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub(super) struct Schema {
        #[prost(message, repeated, tag = "1")]
        pub(super) columns: Vec<Column>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub(super) struct Column {
        #[prost(uint32, tag = "1")]
        pub(super) number: u32,
        #[prost(string, tag = "2")]
        pub(super) name: String,
        #[prost(uint32, tag = "3")]
        pub(super) kind: u32,
        #[prost(bool, tag = "4")]
        pub(super) unique: bool,
        #[prost(bool, tag = "5")]
        pub(super) index: bool,
    }

    /// The number of [`guildhall_core::store::Kind::Text`].
    pub(super) const TEXT: u32 = 4;

    /// A row that the token of these tests has.
    pub(super) fn row(version: u64, name: Option<&str>) -> Vec<u8> {
        let owner = super::token();
        let token = Token {
            lease: owner.lease.to_string(),
            epoch: owner.epoch,
            app: owner.holder.app.to_string(),
            incarnation: owner.holder.incarnation.0,
            activation: owner.activation,
        };
        let fields = name.map(|name| Field { number: 2, text: Some(name.to_owned()) });
        let (exists, fields) = (name.is_some(), fields.into_iter().collect());
        let records = b"records".to_vec();
        Row { token: Some(token), version, exists, fields, records }.encode_to_vec()
    }
}

/// More than are moved at a time.
const DELETED: u32 = 5_000;
const WEEK_NS: i64 = 7 * 24 * 3_600 * 1_000_000_000;

/// A file with two roles, one of which has a bag, and many deleted ones before, between and after them.
fn write_format_2(folder: &Path, format: u64) {
    use format_2::{Column, INDEX, META, ROWS, SCHEMAS, Schema, TEXT, row};
    use prost::Message as _;
    let database = Database::create(folder.join("guildhall.redb")).unwrap();
    let transaction = database.begin_write().unwrap();
    {
        transaction.open_table(META).unwrap().insert("format", format).unwrap();
        let column = |number, name: &str, unique| Column {
            number,
            name: name.to_owned(),
            kind: TEXT,
            unique,
            // A unique column has an index.
            index: unique,
        };
        let schema = Schema { columns: vec![column(1, "id", false), column(2, "name", true)] };
        let mut schemas = transaction.open_table(SCHEMAS).unwrap();
        schemas.insert("role", schema.encode_to_vec().as_slice()).unwrap();
        let mut rows = transaction.open_table(ROWS).unwrap();
        let mut index = transaction.open_table(INDEX).unwrap();
        for (key, sub, name) in
            [("m1", None, "ann"), ("m1", Some("bag"), "ann's"), ("m2", None, "bob")]
        {
            rows.insert(("role", key, sub), row(2, Some(name)).as_slice()).unwrap();
            index.insert(("role", 2, name.as_bytes(), key, sub), ()).unwrap();
        }
        for n in 0..DELETED {
            let place = ["a", "m1", "z"][n as usize % 3];
            let key = format!("{place}-{n:05}");
            rows.insert(("role", key.as_str(), None), row(3, None).as_slice()).unwrap();
        }
    }
    transaction.commit().unwrap();
}

async fn open(env: &Env, folder: &Path) -> RedbStore {
    let store = RedbStore::open(env, Settings::new(folder)).await.unwrap();
    store.prepare(&[&ROLE], Migrate::Check).await.unwrap();
    store
}

fn id(key: &str, sub: Option<&str>) -> RowId {
    RowId { table: &ROLE, key: key.into(), sub: sub.map(Key::from) }
}

async fn keys(store: &RedbStore) -> Vec<String> {
    let (conditions, order, after) = (Vec::new(), Order::Key, None);
    let query = Query { table: &ROLE, conditions, order, after, limit: 100, keys_only: false };
    let page = store.query(&query).await.unwrap();
    assert!(page.next.is_none());
    page.rows.into_iter().map(|(key, _)| key.to_string()).collect()
}

async fn tombstones(store: &RedbStore) -> Vec<Tombstone> {
    let mut all: Vec<Tombstone> = Vec::new();
    loop {
        let page = store.tombstones(&ROLE, all.last(), 1_000).await.unwrap();
        if page.is_empty() {
            return all;
        }
        all.extend(page);
    }
}

async fn commit(
    store: &RedbStore,
    row: RowId,
    guard: Guard,
    write: Write,
) -> Result<u64, StoreErrorKind> {
    let op = Op { row, guard, write, records: None, keep_ms: 0 };
    let done = store.commit(vec![Batch { ops: vec![op] }]).await.remove(0);
    done.map(|done| done.versions[0]).map_err(|error| error.kind)
}

#[tokio::test]
async fn a_file_of_format_2_has_its_rows_and_its_unique_values() {
    let folder = tempfile::tempdir().unwrap();
    write_format_2(folder.path(), 2);
    // The second time it has the new format.
    for _ in 0..2 {
        let store = open(&Env::real(), folder.path()).await;
        let rows = [id("m1", None), id("m1", Some("bag")), id("m2", None)];
        let read = store.read(&rows).await.unwrap();
        for (row, name) in read.into_iter().zip(["ann", "ann's", "bob"]) {
            let row = row.unwrap();
            assert_eq!(row.fields, [(2, Value::Text(name.to_owned()))]);
            assert_eq!((row.token, row.version, row.exists), (Some(token()), 2, true));
            assert_eq!(row.records, "records");
        }
        assert_eq!(keys(&store).await, ["m1", "m2"]);
        let taken = Write::Create(vec![(2, Value::Text("ann".to_owned()))]);
        let done = commit(&store, id("m3", None), Guard::Absent, taken).await;
        assert_eq!(done, Err(StoreErrorKind::Exists));
    }
}

#[tokio::test]
async fn deleted_rows_of_format_2_keep_their_versions_for_a_week_and_may_go_then() {
    let folder = tempfile::tempdir().unwrap();
    write_format_2(folder.path(), 2);
    let env = Env::real();
    let store = open(&env, folder.path()).await;
    let deleted = id("m1-00001", None);
    let row = store.read(std::slice::from_ref(&deleted)).await.unwrap().remove(0).unwrap();
    assert_eq!((row.exists, row.version, row.token), (false, 3, Some(token())));
    assert_eq!(row.records, "records");
    assert_eq!(tombstones(&store).await.len(), 0, "their records may be asked for");
    let forget = || commit(&store, deleted.clone(), Guard::Owner(token(), 3), Write::Forget);
    assert_eq!(forget().await, Err(StoreErrorKind::Invalid));

    env.set_wall_step(WEEK_NS + 60_000_000_000);
    let all = tombstones(&store).await;
    assert_eq!(all.len(), DELETED as usize, "all of them, and each once");
    assert!(all.iter().all(|of| of.version == 3 && of.token == Some(token())));
    assert_eq!(forget().await, Ok(3));
    assert_eq!(tombstones(&store).await.len(), DELETED as usize - 1);
    assert_eq!(store.read(&[deleted]).await, Ok(vec![None]));
}

#[tokio::test]
async fn a_deleted_row_of_format_2_is_made_anew_by_its_owner() {
    let folder = tempfile::tempdir().unwrap();
    write_format_2(folder.path(), 2);
    let store = open(&Env::real(), folder.path()).await;
    let again = Write::Create(vec![(2, Value::Text("cid".to_owned()))]);
    let done = commit(&store, id("z-00002", None), Guard::Owner(token(), 3), again).await;
    assert_eq!(done, Ok(4));
    assert_eq!(keys(&store).await, ["m1", "m2", "z-00002"]);
}

#[tokio::test]
async fn a_damaged_row_of_format_2_stays_and_is_an_error_of_its_own() {
    const ROWS: TableDefinition<'static, (&str, &str, Option<&str>), &[u8]> =
        TableDefinition::new("rows");
    let folder = tempfile::tempdir().unwrap();
    write_format_2(folder.path(), 2);
    let database = Database::create(folder.path().join("guildhall.redb")).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.open_table(ROWS).unwrap().insert(("role", "m9", None), &[7_u8][..]).unwrap();
    transaction.commit().unwrap();
    drop(database);
    let store = open(&Env::real(), folder.path()).await;
    let error = store.read(&[id("m9", None)]).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Invalid);
    assert!(error.to_string().contains("restore it from a backup"), "{error}");
    assert!(store.read(&[id("m1", None)]).await.unwrap()[0].is_some());
}

#[tokio::test]
async fn files_of_other_formats_are_refused_with_what_to_do() {
    for format in [1, 99] {
        let folder = tempfile::tempdir().unwrap();
        write_format_2(folder.path(), format);
        let error = RedbStore::open(&Env::real(), Settings::new(folder.path())).await.unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::Invalid);
        let said = format!("its layout is {format}, this program knows 3; use the release");
        assert!(error.to_string().contains(&said), "{error}");
    }
}
