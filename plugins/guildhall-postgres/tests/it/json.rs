//! SQL views with messages as `jsonb`: what they show, of which bytes, and that they stand in no one's way.

mod reference;
mod arbitrary;
mod hostile;
mod messages;
mod views;

use std::time::Duration;

use guildhall_core::Env;
use guildhall_postgres_json::Entities;
use prost_reflect::{DescriptorPool, MessageDescriptor};
use tokio_postgres::{Client, NoTls};

use crate::ground::{fresh_schema, shared};

/// `json/every.proto`, with further fields of its entity.
fn pool(next: &str) -> DescriptorPool {
    let folder = tempfile::tempdir().unwrap();
    let proto = include_str!("json/every.proto").replace("// NEXT", next);
    std::fs::write(folder.path().join("every.proto"), proto).unwrap();
    let options = concat!(env!("CARGO_MANIFEST_DIR"), "/../../crates/guildhall-build/proto");
    let mut compiler = protox::Compiler::new([folder.path(), options.as_ref()]).unwrap();
    compiler.include_imports(true).open_file("every.proto").unwrap();
    DescriptorPool::decode(compiler.encode_file_descriptor_set().as_slice()).unwrap()
}

fn message(name: &str) -> MessageDescriptor {
    pool("").get_message_by_name(name).unwrap()
}

/// The script for a store in `schema`.
fn script(schema: &str, pool: &DescriptorPool) -> String {
    let mut entities = Entities::default();
    entities.add(pool).unwrap();
    entities.sql(schema).unwrap()
}

/// How long a server that listens may take until it is ready.
const STARTS: Duration = Duration::from_secs(60);

/// A connection as an operator has it. No statement takes longer than a minute.
async fn psql() -> Client {
    let config: tokio_postgres::Config = shared().parse().unwrap();
    let address = servers::shared(&servers::POSTGRES).address();
    let env = Env::real();
    let end = env.now() + STARTS;
    let (client, connection) = loop {
        let socket = tokio::net::TcpStream::connect(&address).await.unwrap();
        match config.connect_raw(socket, NoTls).await {
            Ok(connected) => break connected,
            // It listens before it is ready.
            Err(error) => assert!(env.now() < end, "{error}"),
        }
        env.sleep(Duration::from_millis(50)).await;
    };
    env.spawn("psql", async move { drop(connection.await) });
    client.batch_execute("SET statement_timeout = '60s'").await.unwrap();
    client
}

/// A connection, and a schema with the functions in it.
async fn functions() -> (Client, String) {
    let (client, schema) = (psql().await, fresh_schema());
    let table = format!(
        "CREATE SCHEMA {schema}; CREATE TABLE {schema}.hero (guildhall_exists boolean, every bytea)"
    );
    client.batch_execute(&table).await.unwrap();
    client.batch_execute(&script(&schema, &pool(""))).await.unwrap();
    (client, format!("{schema}_json"))
}
