//! Calls with a callback: the caller goes on, is told once, and may change its mind.

use guildhall::status::reason;
use guildhall::{App, Config, Cx, Effect, Status};
use proto::models::{AddReq, Ledger, LedgerClient, LedgerServer, SumRsp};
use tokio::sync::mpsc;

use crate::world::{config, pair, say};

type Told = mpsc::Receiver<Result<String, Status>>;

/// What a callback tells.
fn telling() -> (impl FnOnce(Result<String, Status>) + Send + 'static, Told) {
    let (teller, told) = mpsc::channel(1);
    (move |result| teller.try_send(result).unwrap(), told)
}

#[tokio::test]
async fn a_callback_gets_the_result_while_its_caller_goes_on() {
    let mut pair = pair().await;
    let (callback, mut told) = telling();
    let call = |cx: Cx| async move { say(&cx, "slow").await };
    let handle = pair.caller.cx().spawn_call(call, callback).unwrap();
    // The handler has begun, and this goes on.
    assert_eq!(pair.events.recv().await, Some("begun"));
    assert_eq!(say(&pair.caller.cx(), "you").await.unwrap(), "hello, you");
    assert_eq!(told.recv().await.unwrap().unwrap(), "slowly");
    assert!(!handle.cancel(), "it was cancelled after its callback");
}

#[tokio::test]
async fn a_cancelled_call_drops_its_handler_and_calls_nobody_back() {
    let mut pair = pair().await;
    let (callback, mut told) = telling();
    let call = |cx: Cx| async move { say(&cx, "wait").await };
    let handle = pair.caller.cx().spawn_call(call, callback).unwrap();
    assert_eq!(pair.events.recv().await, Some("begun"));
    assert!(handle.cancel());
    assert!(!handle.cancel(), "it was cancelled twice");
    assert_eq!(pair.events.recv().await, Some("dropped"));
    // The callback is dropped with the call, without having been called.
    assert!(told.recv().await.is_none());
}

#[tokio::test]
async fn a_call_with_a_callback_ends_by_the_deadline_of_its_caller() {
    let pair = pair().await;
    let (callback, mut told) = telling();
    let cx = pair.caller.cx().within(std::time::Duration::from_millis(50));
    let call = |cx: Cx| async move { say(&cx, "wait").await };
    cx.spawn_call(call, callback).unwrap();
    assert_eq!(told.recv().await.unwrap().unwrap_err().reason(), reason::EXPIRED);
}

#[tokio::test]
async fn calls_with_a_callback_have_a_bound() {
    let config = Config::builder().set("call.callbacks_max", 2).build().unwrap();
    let app = App::with(config).start().await.unwrap();
    let cx = app.cx();
    let begin = || cx.spawn_call(|_| std::future::pending::<()>(), drop);
    let (first, _second) = (begin().unwrap(), begin().unwrap());
    let status = begin().unwrap_err();
    assert_eq!((status.reason(), status.effect()), (reason::OVERLOADED, Effect::NotRun));
    assert!(status.message().contains("call.callbacks_max"), "{status}");
    assert!(first.cancel());
    while begin().is_err() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn shutdown_waits_for_calls_with_a_callback() {
    let mut pair = pair().await;
    let (callback, mut told) = telling();
    let call = |cx: Cx| async move { say(&cx, "slow").await };
    pair.caller.cx().spawn_call(call, callback).unwrap();
    assert_eq!(pair.events.recv().await, Some("begun"));
    pair.caller.shutdown().await;
    assert_eq!(told.try_recv().unwrap().unwrap(), "slowly");
}

/// Calls itself from within its turn, without waiting for it.
struct Patient(mpsc::Sender<Result<SumRsp, Status>>);

impl Ledger for Patient {
    async fn add(&mut self, cx: &Cx, req: AddReq) -> Result<SumRsp, Status> {
        if req.add > 0 {
            let again = AddReq { add: req.add - 1, ..req };
            let teller = self.0.clone();
            let call = |cx: Cx| async move { LedgerClient::new(&cx).add(again).await };
            cx.spawn_call(call, move |result| teller.try_send(result).unwrap())?;
        }
        Ok(SumRsp { sum: req.add })
    }

    async fn note(&mut self, _cx: &Cx, _req: AddReq) -> Result<(), Status> {
        Ok(())
    }

    async fn panic(&mut self, _cx: &Cx, _req: AddReq) -> Result<(), Status> {
        Ok(())
    }
}

#[tokio::test]
async fn who_is_called_back_may_be_called_meanwhile() {
    let (teller, mut told) = mpsc::channel(4);
    let app =
        App::with(config("dev.w1.ledger.1", "", "")).serve(LedgerServer::new(Patient(teller)));
    let app = app.start().await.unwrap();
    let cx = app.cx();
    let sum = LedgerClient::new(&cx).add(AddReq { add: 2, ..AddReq::default() }).await.unwrap().sum;
    assert_eq!(sum, 2);
    // No turn waits for another, so none is refused.
    assert_eq!(told.recv().await.unwrap().unwrap().sum, 1);
    assert_eq!(told.recv().await.unwrap().unwrap().sum, 0);
}
