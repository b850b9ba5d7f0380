//! Answers that no etcd gives.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use guildhall_core::discovery::Discovery as _;
use guildhall_core::leases::{Leases as _, Wanted};
use guildhall_etcd::proto::{
    KeyValue, LeaseGrantResponse, RangeResponse, ResponseHeader, ResponseOp, TxnResponse,
    response_op,
};
use prost::Message as _;
use servers::{Recipe, shared};

use crate::fake::{Answer, fake};
use crate::ground::{fresh_prefix, holder, node, on_each_version, seams, seams_of, within};
use crate::json::{base64, post};

on_each_version! {
    damaged_keys_are_errors_that_name_them_and_no_registrations
}

const TTL: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_make_no_sense_are_errors() {
    let range = |kvs: Vec<KeyValue>, more| {
        let header = Some(ResponseHeader { revision: -7, ..ResponseHeader::default() });
        RangeResponse { header, kvs, more, count: -1 }
    };
    let txn = |header, responses| TxnResponse { header, succeeded: true, responses };
    let header = |revision| Some(ResponseHeader { revision, ..ResponseHeader::default() });
    let part = |response| ResponseOp { response };
    let kept = KeyValue {
        key: "k".into(),
        value: "\u{ff}".into(),
        mod_revision: i64::MIN,
        lease: -1,
        ..KeyValue::default()
    };
    let nested = response_op::Response::ResponseTxn(txn(None, vec![part(None); 3]));
    let of_range = response_op::Response::ResponseRange(range(vec![kept.clone()], true));
    let bodies: Vec<Bytes> = vec![
        Bytes::new(),
        Bytes::from_static(&[0xff; 40]),
        Bytes::from_static(&[0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f]),
        range(vec![kept], true).encode_to_vec().into(),
        txn(None, Vec::new()).encode_to_vec().into(),
        txn(header(0), vec![part(None)]).encode_to_vec().into(),
        txn(header(i64::MIN), vec![part(Some(nested.clone()))]).encode_to_vec().into(),
        txn(header(i64::MAX), vec![part(Some(nested)); 2]).encode_to_vec().into(),
        txn(header(1), vec![part(Some(of_range)); 3]).encode_to_vec().into(),
        LeaseGrantResponse { header: None, id: -1, ttl: i64::MIN, error: "x".repeat(9999) }
            .encode_to_vec()
            .into(),
    ];
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let (all, rounds) = (bodies.len(), 3 * bodies.len());
    let address = fake(move |_, message| {
        // What a connection begins with is answered, or else nothing would be asked.
        let probe = guildhall_etcd::proto::RangeRequest::decode(message);
        if probe.is_ok_and(|probe| probe.keys_only) {
            return Answer::one(&RangeResponse::default());
        }
        Answer::Whole(vec![bodies[COUNT.fetch_add(1, Ordering::SeqCst) % all].clone()])
    })
    .await;
    let seams = seams(&address, &fresh_prefix(), "deadline_ms=1000");
    let (one, two) = (holder(1), holder(2));
    for _ in 0..rounds {
        let wanted = [Wanted { id: "role/1".into(), at_least: 5 }];
        let asked = async {
            let opened = seams.leases.open(&one, Some(3), TTL).await.is_err();
            let acquired = seams.leases.acquire(&one, &wanted).await.is_err();
            let given = seams.leases.transfer(&one, &"role/1".into(), 3, &two, 1).await;
            let _may_be_nothing_to_do =
                (given, seams.leases.release(&one, &[("role/1".into(), 3)]).await);
            let _none_is_recorded = seams.leases.record("slots/role", 3).await;
            let _nobody = seams.discovery.register(&node(1, 0), TTL).await;
            (opened, acquired)
        };
        let (opened, acquired) = within(Duration::from_secs(60), "errors", asked).await;
        assert!(opened && acquired, "a session, or a grant, from nothing");
    }
}

/// Somebody has written into the keys with another tool.
async fn damaged_keys_are_errors_that_name_them_and_no_registrations(version: &'static Recipe) {
    let (server, prefix) = (shared(version), fresh_prefix());
    let seams = seams_of(server, &prefix);
    let session = crate::ground::session(seams.leases, 1, TTL).await;
    let put = |name: &str, value: &[u8]| {
        let (key, value) = (base64(format!("{prefix}/test/{name}").as_bytes()), base64(value));
        post(server, "/v3/kv/put", &format!(r#"{{"key":"{key}","value":"{value}"}}"#));
    };
    put("held/role/1", b"\xff\xff");
    let error = crate::ground::acquire(&session, "role/1").await.unwrap_err();
    assert!(
        error.to_string().contains("role/1") && error.to_string().contains("delete it"),
        "{error}"
    );
    crate::ground::acquire(&session, "role/2").await.unwrap();

    seams.discovery.register(&node(1, 0), TTL).await.unwrap();
    put("nodes/test.w1.role.2", b"\xff\xff");
    // One app's record under another app's key.
    put("nodes/test.w1.role.3", &node(1, 7).encode());
    put("nodes/\u{7f}", &node(1, 7).encode());
    let mut watch = seams.discovery.watch().await.unwrap();
    let mut seen = Vec::new();
    while let Some(guildhall_core::discovery::Change::Put(node)) = watch.recv().await {
        seen.push(node);
    }
    assert_eq!(seen, [node(1, 0)]);
    seams.discovery.register(&node(2, 0), TTL).await.expect("a damaged record is written over");
    put("epoch-base", b"-1");
    let other = seams_of(server, &prefix).leases;
    let other = crate::ground::session(other, 2, TTL).await;
    let error = crate::ground::acquire(&other, "role/3").await.unwrap_err();
    assert!(error.to_string().contains("epoch-base"), "{error}");
}
