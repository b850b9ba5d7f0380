//! Watches whose stream ends, stands still, or whose revision is gone.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use guildhall_core::discovery::{Change, Discovery};
use guildhall_etcd::proto::{
    KeyValue, RangeResponse, ResponseHeader, WatchRequest, WatchResponse, watch_request,
};
use prost::Message as _;
use servers::{Proxy, Recipe, shared};
use tokio::sync::mpsc;

use crate::fake::{Answer, fake};
use crate::ground::{PATIENT, fresh_prefix, node, on_each_version, seams, seams_of, within};
use crate::json::{fields, post};

on_each_version! {
    a_watch_goes_on_over_a_compaction_with_what_has_changed
}

const TTL: Duration = Duration::from_secs(300);

async fn next(watch: &mut mpsc::Receiver<Change>) -> Change {
    let change = within(Duration::from_secs(30), "a change", watch.recv()).await;
    change.expect("the watch goes on")
}

async fn a_watch_goes_on_over_a_compaction_with_what_has_changed(version: &'static Recipe) {
    let (server, prefix) = (shared(version), fresh_prefix());
    let (direct, proxy) = (seams_of(server, &prefix).discovery, Proxy::to(server.address()));
    let discovery = seams(&proxy.address(), &prefix, PATIENT).discovery;
    for inst in 1..=3 {
        direct.register(&node(inst, 0), TTL).await.unwrap();
    }
    let mut watch = discovery.watch().await.unwrap();
    for inst in 1..=3 {
        assert_eq!(next(&mut watch).await, Change::Put(node(inst, 0)));
    }
    assert_eq!(next(&mut watch).await, Change::Synced);

    proxy.set_silent(true);
    direct.register(&node(1, 1), TTL).await.unwrap();
    direct.deregister(&node(2, 0).id, node(2, 0).incarnation).await.unwrap();
    direct.register(&node(4, 0), TTL).await.unwrap();
    let range = post(server, "/v3/kv/range", r#"{"key":"AA=="}"#);
    let revision = fields(&range, "revision")[0];
    post(
        server,
        "/v3/kv/compaction",
        &format!("{{\"revision\":\"{revision}\",\"physical\":true}}"),
    );
    proxy.cut();
    proxy.set_silent(false);
    assert_eq!(next(&mut watch).await, Change::Put(node(1, 1)));
    assert_eq!(next(&mut watch).await, Change::Put(node(4, 0)));
    assert_eq!(next(&mut watch).await, Change::Remove(node(2, 0).id, node(2, 0).incarnation));
    direct.register(&node(4, 1), TTL).await.unwrap();
    assert_eq!(next(&mut watch).await, Change::Put(node(4, 1)), "and nothing twice");
}

/// The server says that the revision is gone, then answers for progress only, then ends the stream without a word, then is silent.
#[tokio::test(flavor = "multi_thread")]
async fn a_watch_that_is_cancelled_for_compaction_begins_with_a_full_read() {
    static READS: AtomicU32 = AtomicU32::new(0);
    static WATCHES: AtomicU32 = AtomicU32::new(0);
    let header = |revision| Some(ResponseHeader { revision, ..ResponseHeader::default() });
    let address = fake(move |method, message| match method {
        "Range" => {
            let request = guildhall_etcd::proto::RangeRequest::decode(message).unwrap();
            if request.keys_only {
                return Answer::one(&RangeResponse {
                    header: header(1),
                    ..RangeResponse::default()
                });
            }
            let read = READS.fetch_add(1, Ordering::SeqCst);
            let node = node(1, read);
            let (key, value) =
                ([&request.key[..], node.id.as_str().as_bytes()].concat(), node.encode());
            let revision = 10 * i64::from(read + 1);
            let kept =
                KeyValue { key: key.into(), value, mod_revision: revision, ..KeyValue::default() };
            let kvs = vec![kept];
            Answer::one(&RangeResponse { header: header(revision), kvs, more: false, count: 1 })
        }
        _ => {
            let request = WatchRequest::decode(message).unwrap().request_union;
            let Some(watch_request::RequestUnion::CreateRequest(create)) = request else {
                panic!()
            };
            let watch = WATCHES.fetch_add(1, Ordering::SeqCst);
            assert_eq!(create.start_revision, 10 * i64::from(watch + 1) + 1);
            let created =
                WatchResponse { header: header(1), created: true, ..WatchResponse::default() };
            let progress = WatchResponse { header: header(5000), ..WatchResponse::default() };
            let gone =
                WatchResponse { canceled: true, compact_revision: 99, ..WatchResponse::default() };
            let cancelled = WatchResponse {
                canceled: true,
                cancel_reason: "no leader".to_owned(),
                ..WatchResponse::default()
            };
            let messages =
                |all: &[&WatchResponse]| all.iter().map(|it| it.encode_to_vec().into()).collect();
            match watch {
                0 => Answer::Open(messages(&[&created, &gone])),
                1 => Answer::Whole(messages(&[&created, &progress])),
                2 => Answer::Open(messages(&[&created, &cancelled])),
                _ => Answer::Open(messages(&[&created, &progress])),
            }
        }
    })
    .await;
    let discovery = seams(&address, &fresh_prefix(), PATIENT).discovery;
    let mut watch = discovery.watch().await.unwrap();
    assert_eq!(next(&mut watch).await, Change::Put(node(1, 0)));
    assert_eq!(next(&mut watch).await, Change::Synced);
    // Compaction, an end, a cancellation, and silence on a connection that works.
    for read in 1..=4 {
        assert_eq!(next(&mut watch).await, Change::Put(node(1, read)));
    }
}
