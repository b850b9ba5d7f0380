//! A store that takes no writes and answers reads, as one whose disk is full: who is told what, and when.

use std::time::Duration;

use guildhall::status::reason;
use guildhall::{Code, Effect};

use crate::durable::{earning, settle};
use crate::entities::{earn, info, join};
use crate::rooms::{TestStore, app};

#[tokio::test(start_paused = true)]
async fn a_store_that_takes_no_writes_is_unavailable_and_the_app_is_not_ready_until_it_does() {
    let store = TestStore::default();
    let app = app(&[], &store).await;
    let cx = app.cx();
    join(&cx, "ann").await.unwrap();
    join(&cx, "bob").await.unwrap();
    assert_eq!(earn(&cx, "ann", 5).await.unwrap(), 5);
    assert_eq!(cx.problems(), Vec::<String>::new());

    store.set_full(true);
    let begun = cx.env().now();
    let waits = earning(&cx, "ann", 1);
    settle().await;
    assert!(!cx.problems().is_empty(), "from the first write on that it refuses");
    let status = waits.await.unwrap().unwrap_err();
    assert_eq!((status.code(), status.effect()), (Code::Unavailable, Effect::MayHaveRun));
    assert_eq!(status.reason(), reason::STORE);
    let took = cx.env().now() - begun;
    assert!(took < Duration::from_secs(5), "before its deadline: {took:?}");

    // From now on nobody waits for what does not come.
    for _ in 0..20 {
        let begun = cx.env().now();
        for key in ["ann", "bob"] {
            let refused = earn(&cx, key, 1).await.unwrap_err();
            assert_eq!((refused.code(), refused.effect()), (Code::Unavailable, Effect::NotRun));
        }
        let read = info(&cx, "ann").await.unwrap_err();
        assert_eq!((read.code(), read.effect()), (Code::Unavailable, Effect::NotRun));
        // What is read is answered: that says nothing of writes.
        assert_eq!(info(&cx, "nobody").await.unwrap_err().code(), Code::NotFound);
        let took = cx.env().now() - begun;
        assert!(took < Duration::from_millis(100), "{took:?}");
        assert!(!cx.problems().is_empty(), "it is not ready all the time");
        cx.env().sleep(Duration::from_secs(1)).await;
    }

    store.set_full(false);
    let end = cx.env().now() + Duration::from_secs(6);
    while !cx.problems().is_empty() || info(&cx, "ann").await.is_err() {
        assert!(cx.env().now() < end, "not well after 6 s: {:?}", cx.problems());
        cx.env().sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(info(&cx, "ann").await.unwrap().points, 6, "what had run was saved");
    assert_eq!(earn(&cx, "ann", 1).await.unwrap(), 7);
}

#[tokio::test(start_paused = true)]
async fn an_app_whose_store_takes_no_writes_ends_soon_when_it_is_told_to() {
    let store = TestStore::default();
    let app = app(&[], &store).await;
    let cx = app.cx();
    join(&cx, "ann").await.unwrap();
    assert_eq!(earn(&cx, "ann", 5).await.unwrap(), 5);
    store.set_full(true);
    earn(&cx, "ann", 1).await.unwrap_err();
    let begun = cx.env().now();
    app.shutdown().await;
    let took = cx.env().now() - begun;
    assert!(took < Duration::from_secs(2), "its data's fate is known: {took:?}");
    assert!(store.member("ann").await.is_some_and(|row| row.exists));
}
