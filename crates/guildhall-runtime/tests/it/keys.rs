//! How long a key may be, and who says so.

use guildhall::Effect;
use guildhall::status::reason;
use guildhall_core::{KEY_LEN_MAX, KeyText, Status};
use guildhall_runtime::raw::{self, RawBody};
use prost::Message as _;
use proto::room::{InfoReq, MemberClient};

use crate::entities::{info, join};
use crate::rooms::{TestStore, app};

#[track_caller]
fn is_too_long(status: &Status) {
    assert_eq!((status.reason(), status.effect()), (reason::BAD_KEY, Effect::NotRun), "{status}");
    assert!(status.message().contains("65000 bytes"), "{status}");
    assert!(status.message().len() < 128, "the key is not in it: {status}");
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_too_long_is_refused_before_it_is_sent_and_where_it_arrives() {
    let store = TestStore::default();
    let app = app(&[], &store).await;
    let cx = app.cx();
    let longest = "x".repeat(KEY_LEN_MAX);
    join(&cx, &longest).await.unwrap();
    assert_eq!(info(&cx, &longest).await.unwrap().player, longest);

    let long = "x".repeat(65_000);
    let status = join(&cx, &long).await.unwrap_err();
    is_too_long(&status);
    // From a caller that sends whatever it is given.
    let body = InfoReq { player: long }.encode_to_vec();
    let desc = MemberClient::INFO.desc;
    let sent = raw::call(&cx, desc, KeyText::Text("short"), RawBody::new(&body)).await;
    let status = sent.unwrap_err();
    is_too_long(&status);
}
