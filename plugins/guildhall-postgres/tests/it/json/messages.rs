//! Messages with every kind of field, compared with what prost-reflect reads.

use prost_reflect::MessageDescriptor;

use super::arbitrary::{Dice, bytes, mutate, put};
use super::{functions, message, reference};
use crate::ground::is_there;

/// Asks for the JSON of all messages in one query, and shows the first that differs.
async fn compare(of: &MessageDescriptor, messages: Vec<Vec<u8>>) -> usize {
    let (client, schema) = functions().await;
    let expected: Vec<_> = messages.iter().map(|bytes| reference::read(of, bytes)).collect();
    let readable = expected.iter().flatten().count();
    let sql = format!(
        "SELECT bytes, json, seen::text FROM unnest($1::bytea[], $2::text[]) AS t (bytes, json), \
         LATERAL {schema}.guildhall_json(bytes, '{}') AS seen \
         WHERE seen IS DISTINCT FROM json::jsonb ORDER BY length(bytes) LIMIT 1",
        of.full_name()
    );
    if let Some(row) = client.query_opt(&sql, &[&messages, &expected]).await.unwrap() {
        let (bytes, expected, seen): (Vec<u8>, Option<String>, Option<String>) =
            (row.get(0), row.get(1), row.get(2));
        panic!("{bytes:02x?}\nexpected {expected:?}\nseen     {seen:?}");
    }
    readable
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_with_every_kind_of_field_are_what_prost_reads() {
    if !is_there("json::messages::messages_with_every_kind_of_field_are_what_prost_reads") {
        return;
    }
    let (every, mut dice) = (message("every.Every"), Dice(1));
    let messages: Vec<_> = (0..600).map(|_| bytes(&every, 30, &mut dice)).collect();
    assert_eq!(compare(&every, messages).await, 600);
}

#[tokio::test(flavor = "multi_thread")]
async fn mutated_bytes_are_what_prost_reads_or_null_where_it_refuses_them() {
    if !is_there("json::messages::mutated_bytes_are_what_prost_reads_or_null_where_it_refuses_them")
    {
        return;
    }
    let (every, mut dice) = (message("every.Every"), Dice(2));
    let mutated = || {
        let mut bytes = bytes(&every, 8, &mut dice);
        mutate(&mut bytes, &mut dice);
        bytes
    };
    let messages: Vec<_> = std::iter::repeat_with(mutated).take(3000).collect();
    let readable = compare(&every, messages).await;
    assert!((300..2700).contains(&readable), "{readable} of 3000 were readable: this tests little");
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_nest_as_deep_as_prost_reads_them() {
    if !is_there("json::messages::messages_nest_as_deep_as_prost_reads_them") {
        return;
    }
    let item = message("every.Item");
    let mut messages = vec![Vec::new()];
    for depth in 0..110 {
        let mut outer = Vec::new();
        // As a field, and in a list.
        put(3 + depth % 2, messages.last().unwrap(), &mut outer);
        messages.push(outer);
    }
    let readable = compare(&item, messages).await;
    assert_eq!(readable, 101);
}
