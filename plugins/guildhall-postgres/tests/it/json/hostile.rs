//! Bytes that are made to be slow, large or wrong.

use std::time::Duration;

use guildhall_core::Env;

use super::arbitrary::put;
use super::functions;
use crate::ground::is_there;

/// About as many bytes as an entity may have.
const LARGE: usize = 1 << 20;

/// A field of bytes.
fn part(number: u32, bytes: &[u8]) -> Vec<u8> {
    let mut part = Vec::new();
    put(number, bytes, &mut part);
    part
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_no_message_are_null_and_the_strict_function_says_why() {
    if !is_there(
        "json::hostile::bytes_that_are_no_message_are_null_and_the_strict_function_says_why",
    ) {
        return;
    }
    let (client, schema) = functions().await;
    let over_long = [&[0x08][..], &[0xff; 9], &[0x02]].concat();
    let broken: [(&[u8], &str); 15] = [
        (&[0x08], "cut at byte 1"),
        (&[0x08, 0x80], "cut at byte 2"),
        (&over_long, "more than 64 bits"),
        (
            &[0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
            "more than 64 bits",
        ),
        (&[0x3d, 1, 2, 3], "cut at byte 1"),
        (&[0x41, 1, 2, 3, 4, 5, 6, 7], "cut at byte 1"),
        (&[0x72, 5, b'a'], "field 14 is cut"),
        (&[0x72, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], "field 14 is cut"),
        (&[0x72, 1, 0xff], "invalid byte sequence"),
        (&[0x00, 0x00], "no key"),
        (&[0x0b, 0x0c], "no key"),
        (&[0x0e], "no key"),
        (&[0x80, 0x80, 0x80, 0x80, 0x10, 0x00], "no key"),
        (&[0x0a, 0x00], "field 1 has another type"),
        (&[0xaa, 0x01, 0x02, 0x80, 0x80], "cut at byte 5"),
    ];
    for (bytes, why) in broken {
        let sql = format!("SELECT {schema}.guildhall_json($1, 'every.Every')::text");
        let seen: Option<String> = client.query_one(&sql, &[&bytes]).await.unwrap().get(0);
        assert_eq!(seen, None, "{bytes:02x?}");
        let sql = format!(
            "SELECT {schema}.guildhall_json_strict(ARRAY[$1::bytea], 'every.Every', 0)::text"
        );
        let error = client.query_one(&sql, &[&bytes]).await.unwrap_err();
        let said = error.as_db_error().unwrap().message();
        assert!(said.contains(why), "{bytes:02x?}: {said}");
    }
    let sql = format!("SELECT {schema}.guildhall_json('', 'every.Nothing')");
    let error = client.query_one(&sql, &[]).await.unwrap_err();
    let said = error.as_db_error().unwrap().message();
    assert!(said.contains("no message type every.Nothing is known here"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_cut_is_null_even_if_the_next_piece_would_complete_it() {
    if !is_there(
        "json::hostile::a_message_that_is_cut_is_null_even_if_the_next_piece_would_complete_it",
    ) {
        return;
    }
    let (client, schema) = functions().await;
    // Field 17 twice: `type` with its text in the other one. Then a oneof's member that was replaced, and is cut.
    let pieces = [part(17, &[0x72, 1]), part(17, b"a")].concat();
    let replaced = [part(53, &[0x08]), vec![0x98, 0x03, 0x01]].concat();
    for bytes in [pieces, replaced] {
        let sql = format!("SELECT {schema}.guildhall_json($1, 'every.Every')::text");
        let seen: Option<String> = client.query_one(&sql, &[&bytes]).await.unwrap().get(0);
        assert_eq!(seen, None, "{bytes:02x?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mebibyte_that_is_made_to_be_slow_takes_seconds() {
    if !is_there("json::hostile::a_mebibyte_that_is_made_to_be_slow_takes_seconds") {
        return;
    }
    let ((client, schema), env) = (functions().await, Env::real());
    let many = |part: &[u8]| part.repeat(LARGE / part.len());
    let mut nested = Vec::new();
    let mut doubled = Vec::new();
    for _ in 0..100 {
        nested = part(17, &nested);
        // Each level has the field twice: a decoder that reads a piece twice takes 2^100 steps.
        doubled = [part(17, &[]), part(17, &doubled)].concat();
    }
    let messages = [
        ("empty messages", many(&part(37, &[]))),
        ("small messages", many(&part(37, &[0x68, 1]))),
        ("one message in pieces", many(&part(17, &[0x68, 1]))),
        ("a scalar again and again", many(&[0x08, 1])),
        (
            "a text again and again",
            [part(14, &vec![b'a'; LARGE / 2]), many(&part(14, b""))].concat(),
        ),
        ("a packed list", part(33, &vec![1; LARGE])),
        ("a list that is not packed", many(&[0xa8, 0x01, 1])),
        ("NULs", part(14, &vec![0; LARGE])),
        ("a oneof that changes", many(&[0x98, 0x03, 1, 0xa2, 0x03, 0])),
        ("entries of a map", many(&part(64, &[]))),
        ("unknown fields", many(&[0xf8, 0x7f, 1])),
        ("deep messages again and again", many(&nested)),
        ("doubled fields", doubled),
    ];
    for (what, bytes) in messages {
        let sql = format!("SELECT octet_length({schema}.guildhall_json($1, 'every.Every')::text)");
        let begin = env.now();
        let seen: Option<i32> = client.query_one(&sql, &[&bytes]).await.unwrap().get(0);
        assert!(seen.is_some(), "{what}");
        let took = env.now() - begin;
        assert!(took < Duration::from_secs(60), "{what}: {took:?}");
    }
}
