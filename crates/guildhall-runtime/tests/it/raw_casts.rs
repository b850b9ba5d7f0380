//! Raw casts: bytes with a command, to one app.

use bytes::Bytes;
use guildhall::status::reason;
use guildhall::{App, AppId, Cx, Effect, LogicAddr};

use crate::town::{Town, sees};

/// Tells what comes with command 7, and from whom.
fn telling(town: &Town, app: App) -> App {
    let teller = town.teller();
    app.on_raw(7, move |_cx: Cx, from: AppId, bytes: Bytes| {
        let teller = teller.clone();
        async move {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            teller.send((from.to_string(), text)).await.unwrap();
        }
    })
}

#[tokio::test]
async fn a_raw_cast_reaches_the_handler_of_its_command_by_id_and_by_number() {
    let mut town = Town::new();
    let numbered = [("app.logic_addr", "1.2.3")];
    let to = telling(&town, town.app("dev.w1.game.3", &numbered)).start().await.unwrap();
    let from = town.app("dev.w1.game.1", &[]).start().await.unwrap();
    let cx = from.cx();
    sees(&cx, 2).await;
    cx.raw_cast(to.cx().app_id(), 7, "by id").unwrap();
    assert_eq!(town.next().await, ("dev.w1.game.1".into(), "by id".into()));
    cx.raw_cast("1.2.3".parse::<LogicAddr>().unwrap(), 7, "by number").unwrap();
    assert_eq!(town.next().await, ("dev.w1.game.1".into(), "by number".into()));
    to.cx().raw_cast(to.cx().app_id(), 7, "to myself").unwrap();
    assert_eq!(town.next().await, ("dev.w1.game.3".into(), "to myself".into()));
    let status = cx.raw_cast("1.2.4".parse::<LogicAddr>().unwrap(), 7, "to nobody").unwrap_err();
    assert_eq!((status.reason(), status.effect()), (reason::NO_ROUTE, Effect::NotRun));
}

#[tokio::test]
async fn raw_casts_come_in_their_order_and_have_a_bound() {
    let mut town = Town::new();
    let to = telling(&town, town.app("dev.w1.game.3", &[])).start().await.unwrap();
    let from = town.app("dev.w1.game.1", &[]).start().await.unwrap();
    let cx = from.cx();
    sees(&cx, 2).await;
    let to = to.cx().app_id().clone();
    for n in 0..200 {
        cx.raw_cast(&to, 7, n.to_string()).unwrap();
    }
    for n in 0..200 {
        assert_eq!(town.next().await.1, n.to_string());
    }
    let status = cx.raw_cast(&to, 7, vec![0; 5 << 20]).unwrap_err();
    assert_eq!((status.reason(), status.effect()), (reason::TOO_LARGE, Effect::NotRun));
}

#[tokio::test]
async fn a_raw_cast_that_nobody_handles_is_counted() {
    let mut town = Town::new();
    let app = telling(&town, town.app("dev.w1.game.3", &[])).start().await.unwrap();
    let cx = app.cx();
    cx.raw_cast(cx.app_id(), 8, "to nobody").unwrap();
    cx.raw_cast(cx.app_id(), 8, "to nobody").unwrap();
    cx.raw_cast(cx.app_id(), 7, "to somebody").unwrap();
    assert_eq!(town.next().await.1, "to somebody");
    assert!(
        cx.metrics().text().contains("\nguildhall_raw_unknown_total 2\n"),
        "{}",
        cx.metrics().text()
    );
}

#[tokio::test]
async fn two_handlers_of_one_command_are_a_start_error() {
    let town = Town::new();
    let app = telling(&town, telling(&town, town.app("dev.w1.game.3", &[])));
    let error = app.start().await.unwrap_err().to_string();
    assert!(error.contains("on_raw(7"), "{error}");
}
