//! Errors of calls that handlers make and pass on: their effect is that of the outer call.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use guildhall::status::{Detail, reason};
use guildhall::{App, Code, Config, Cx, Effect, RunningApp, Status};
use proto::counter::{CounterClient, GetReq};
use proto::hello::{Greeter, GreeterServer, HelloReq, HelloRsp};

use crate::world::say;

/// Passes on what it was told, and counts how often it ran.
struct PassesOn(Arc<AtomicUsize>);

impl Greeter for PassesOn {
    async fn say(&self, cx: &Cx, req: HelloReq) -> Result<HelloRsp, Status> {
        self.0.fetch_add(1, Ordering::SeqCst);
        if req.name == "moved" {
            // As a call of its own would be refused whose actor has moved for the third time.
            let to = cx.app_id().as_str().as_bytes();
            let len = u8::try_from(to.len()).unwrap();
            let value = Bytes::from([&[0x0a, len], to].concat());
            let detail = Detail { kind: "guildhall.runtime.Moved".to_owned(), value };
            let status = Status::not_run(Code::Unavailable, reason::MOVED, "the inner one moved");
            return Err(status.with_detail(detail));
        }
        CounterClient::new(cx).get(GetReq { id: "x".into() }).await?;
        Ok(HelloRsp::default())
    }
}

async fn app() -> (RunningApp, Arc<AtomicUsize>) {
    let ran = Arc::default();
    let app = App::with(Config::builder().build().unwrap());
    let app = app.serve(GreeterServer::new(PassesOn(Arc::clone(&ran))));
    (app.start().await.unwrap(), ran)
}

#[tokio::test(start_paused = true)]
async fn an_error_that_a_handler_passes_on_says_of_the_outer_call_that_it_ran() {
    let (app, ran) = app().await;
    let inner = CounterClient::new(&app.cx()).get(GetReq { id: "x".into() }).await.unwrap_err();
    assert_eq!((inner.reason(), inner.effect()), (reason::NO_ROUTE, Effect::NotRun));
    let outer = say(&app.cx(), "you").await.unwrap_err();
    assert_eq!(
        (outer.code(), outer.reason()),
        (inner.code(), inner.reason()),
        "as it was passed on"
    );
    assert_eq!(outer.effect(), Effect::Ran, "the handler of the outer call ran");
    assert_eq!(ran.load(Ordering::SeqCst), 1, "and is not run again");
}

#[tokio::test(start_paused = true)]
async fn a_moved_that_a_handler_passes_on_is_not_followed() {
    let (app, ran) = app().await;
    let status = say(&app.cx(), "moved").await.unwrap_err();
    assert_eq!((status.reason(), status.effect()), (reason::MOVED, Effect::Ran));
    assert_eq!(ran.load(Ordering::SeqCst), 1, "the handler ran once");
}
