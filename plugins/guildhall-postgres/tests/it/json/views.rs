//! The views: rows of the store, read as an operator reads them.

use guildhall_core::store::{Column, Guard, Kind, Migrate, Store, Table, Value, Write};
use prost_reflect::DescriptorPool;
use prost_reflect::prost::Message as _;
use tokio_postgres::Client;

use super::{pool, psql, script};
use crate::ground::{batch, commit, fresh_schema, is_there, store};

const fn column(number: u32, name: &'static str, kind: Kind) -> Column {
    Column { number, name, kind, unique: false, index: false }
}

const COLUMNS: [Column; 9] = [
    column(2, "name", Kind::Text),
    column(3, "gold", Kind::Int),
    column(4, "count", Kind::Uint),
    column(5, "raw", Kind::Bytes),
    column(6, "item", Kind::Proto),
    column(7, "items", Kind::Proto),
    column(8, "bag", Kind::Proto),
    column(9, "team", Kind::Proto),
    column(10, "marks", Kind::Proto),
];

static HERO: Table = Table { name: "hero", key: column(1, "id", Kind::Text), columns: &COLUMNS };

/// The same after a release that has one more.
static NEXT: Table = Table {
    name: "hero",
    key: HERO.key,
    columns: &[
        COLUMNS[0],
        COLUMNS[1],
        COLUMNS[2],
        COLUMNS[3],
        COLUMNS[4],
        COLUMNS[5],
        COLUMNS[6],
        COLUMNS[7],
        COLUMNS[8],
        Column { index: true, ..column(12, "title", Kind::Text) },
        column(13, "pet", Kind::Proto),
    ],
};

const NEXT_FIELDS: &str = "string title = 12; Item pet = 13;";

/// A field as the store keeps it, from its JSON.
fn field(number: u32, json: &str) -> (u32, Value) {
    let hero = pool(NEXT_FIELDS).get_message_by_name("every.Hero").unwrap();
    let mut json = serde_json::Deserializer::from_str(json);
    let message = prost_reflect::DynamicMessage::deserialize(hero, &mut json).unwrap();
    (number, Value::Bytes(message.encode_to_vec().into()))
}

async fn create(store: &impl Store, key: &str, fields: Vec<(u32, Value)>) {
    let mut create = batch(key, Guard::Absent, Write::Create(fields));
    create.ops[0].row.table = &NEXT;
    commit(store, create).await.unwrap();
}

async fn run(client: &Client, schema: &str, pool: &DescriptorPool) {
    client.batch_execute(&script(schema, pool)).await.unwrap();
}

/// The first column of the first row, as text.
async fn one(client: &Client, sql: &str) -> Option<String> {
    client.query_one(sql, &[]).await.unwrap().get(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_the_store_have_their_messages_as_json() {
    if !is_there("json::views::rows_of_the_store_have_their_messages_as_json") {
        return;
    }
    let (schema, client) = (fresh_schema(), psql().await);
    let store = store(&schema);
    store.prepare(&[&HERO], Migrate::Auto).await.unwrap();
    let fields = vec![
        (2, Value::Text("ann".to_owned())),
        (3, Value::Int(-5)),
        (4, Value::Uint(u64::MAX)),
        (5, Value::Bytes(vec![1, 2].into())),
        field(7, r#"{"items":[{"name":"sword","colour":"COLOUR_RED"},{"parts":[{}]}]}"#),
        field(8, r#"{"bag":{"arrow":7}}"#),
        field(9, r#"{"team":0}"#),
        field(10, r#"{"marks":["-9223372036854775808"]}"#),
    ];
    create(&store, "1", fields).await;
    create(&store, "2", Vec::new()).await;
    create(&store, "3", Vec::new()).await;
    commit(&store, batch("3", Guard::Version(1), Write::Delete)).await.unwrap();
    run(&client, &schema, &pool("")).await;

    let sql = format!(
        "SELECT jsonb_agg(to_jsonb(h) ORDER BY guildhall_key)::text FROM (SELECT guildhall_key, name, gold, count, raw, item, \
         items, bag, team, marks, items->0->>'name' AS first FROM {schema}_json.hero) AS h"
    );
    let seen: serde_json::Value = serde_json::from_str(&one(&client, &sql).await.unwrap()).unwrap();
    let expected = serde_json::json!([
        {"guildhall_key": "1", "name": "ann", "gold": -5, "count": u64::MAX, "raw": "\\x0102", "item": null,
         "items": [{"name": "sword", "colour": "COLOUR_RED"}, {"parts": [{}]}], "bag": {"arrow": 7}, "team": 0,
         "marks": [i64::MIN], "first": "sword"},
        {"guildhall_key": "2", "name": null, "gold": null, "count": null, "raw": null, "item": null, "items": null,
         "bag": null, "team": null, "marks": null, "first": null},
    ]);
    assert_eq!(seen, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_with_more_columns_starts_beside_the_views_and_the_next_run_shows_them() {
    if !is_there(
        "json::views::a_release_with_more_columns_starts_beside_the_views_and_the_next_run_shows_them",
    ) {
        return;
    }
    let (schema, client) = (fresh_schema(), psql().await);
    store(&schema).prepare(&[&HERO], Migrate::Auto).await.unwrap();
    run(&client, &schema, &pool("")).await;
    // What an operator made of a view, and a right to it.
    let own = format!(
        "CREATE VIEW {schema}_json.own AS SELECT items FROM {schema}_json.hero; GRANT SELECT ON {schema}_json.hero TO PUBLIC"
    );
    client.batch_execute(&own).await.unwrap();

    let next = store(&schema);
    next.prepare(&[&NEXT], Migrate::Auto).await.unwrap();
    create(
        &next,
        "1",
        vec![(12, Value::Text("sir".to_owned())), field(13, r#"{"pet":{"name":"rex"}}"#)],
    )
    .await;
    run(&client, &schema, &pool(NEXT_FIELDS)).await;
    let sql = format!("SELECT title || ' ' || (pet->>'name') FROM {schema}_json.hero");
    assert_eq!(one(&client, &sql).await.as_deref(), Some("sir rex"));
    let granted =
        format!("SELECT relacl::text FROM pg_class WHERE oid = '{schema}_json.hero'::regclass");
    assert!(one(&client, &granted).await.unwrap().contains("=r/"));

    // Descriptors of the release before: its view shows the columns that they do not have as they are.
    client.batch_execute(&format!("DROP VIEW {schema}_json.own")).await.unwrap();
    run(&client, &schema, &pool("")).await;
    let sql = format!("SELECT pg_typeof(pet)::text FROM {schema}_json.hero");
    assert_eq!(one(&client, &sql).await.as_deref(), Some("bytea"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_command_did_not_make_stays_and_what_has_no_entity_goes() {
    if !is_there("json::views::what_the_command_did_not_make_stays_and_what_has_no_entity_goes") {
        return;
    }
    let (schema, client) = (fresh_schema(), psql().await);
    let error = client.batch_execute(&script(&schema, &pool(""))).await.unwrap_err();
    let said = error.as_db_error().unwrap().message();
    assert!(
        said.contains(&format!("the schema {schema} has no table of these entities")),
        "{said}"
    );
    client.batch_execute("ROLLBACK").await.unwrap();

    store(&schema).prepare(&[&HERO], Migrate::Auto).await.unwrap();
    run(&client, &schema, &pool("")).await;
    let gone = format!(
        "CREATE VIEW {schema}_json.gone AS SELECT 1; COMMENT ON VIEW {schema}_json.gone IS 'made by guildhall store views'; \
         CREATE TABLE {schema}.unused (guildhall_exists boolean); CREATE VIEW {schema}_json.unused AS SELECT 1 AS mine"
    );
    client.batch_execute(&gone).await.unwrap();
    let error = client.batch_execute(&script(&schema, &pool(""))).await.unwrap_err();
    let said = error.as_db_error().unwrap().message();
    assert!(said.contains("was not made by guildhall store views"), "{said}");
    client.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(
        one(&client, &format!("SELECT mine::text FROM {schema}_json.unused")).await.unwrap(),
        "1"
    );

    client.batch_execute(&format!("DROP VIEW {schema}_json.unused")).await.unwrap();
    run(&client, &schema, &pool("")).await;
    let there = format!("SELECT to_regclass('{schema}_json.gone')::text");
    assert_eq!(one(&client, &there).await, None);
}
