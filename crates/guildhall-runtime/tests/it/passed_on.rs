//! Errors of calls that handlers make and pass on: their effect is that of the outer call.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use guildhall::status::{Detail, reason};
use guildhall::{Actor, ActorCx, App, Code, Config, Cx, Effect, RunningApp, Status};
use proto::bench::{EchoActor, EchoActorClient, EchoActorServer, KeyedMsg, ScalarMsg};
use proto::counter::{CounterClient, GetReq};
use proto::hello::{Greeter, GreeterServer, HelloReq, HelloRsp};

use crate::world::say;

/// As a call is refused whose actor has moved for the third time: to this app.
fn moved(cx: &Cx) -> Status {
    let to = cx.app_id().as_str().as_bytes();
    let len = u8::try_from(to.len()).unwrap();
    let value = Bytes::from([&[0x0a, len], to].concat());
    let detail = Detail { kind: "guildhall.runtime.Moved".to_owned(), value };
    let status = Status::not_run(Code::Unavailable, reason::MOVED, "the inner one moved");
    status.with_detail(detail)
}

/// Passes on what it was told, and counts how often it ran.
struct PassesOn(Arc<AtomicUsize>);

impl Greeter for PassesOn {
    async fn say(&self, cx: &Cx, req: HelloReq) -> Result<HelloRsp, Status> {
        self.0.fetch_add(1, Ordering::SeqCst);
        if req.name == "moved" {
            return Err(moved(cx));
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

thread_local! {
    static ACTIVATIONS: Cell<usize> = const { Cell::new(0) };
}

/// One whose `activate` passes on that another actor has moved: as often as its key says, and then it begins.
struct AsksInActivate;

impl Actor for AsksInActivate {
    const NAME: &'static str = "asks";
    type Key = u64;
    type State = ();

    async fn activate(cx: &ActorCx, times: u64, _state: ()) -> Result<Self, Status> {
        let before = ACTIVATIONS.replace(ACTIVATIONS.get() + 1);
        if (before as u64) < times { Err(moved(cx)) } else { Ok(Self) }
    }
}

impl EchoActor for AsksInActivate {
    async fn echo_keyed(&mut self, _cx: &ActorCx, req: KeyedMsg) -> Result<ScalarMsg, Status> {
        Ok(ScalarMsg { value: req.value })
    }
}

#[tokio::test(start_paused = true)]
async fn a_moved_that_activate_passes_on_is_not_followed_and_says_that_the_call_has_not_run() {
    let config = Config::builder().set("call.retries_max", 2).build().unwrap();
    let app = App::with(config).actor::<AsksInActivate>(EchoActorServer);
    let app = app.start().await.unwrap();
    let cx = app.cx();
    let call = |times| EchoActorClient::new(&cx).echo_keyed(KeyedMsg { id: times, value: 7 });
    let never = call(100).await.unwrap_err();
    assert_eq!((never.reason(), never.effect()), (reason::NOT_READY, Effect::NotRun), "{never}");
    assert_eq!(ACTIVATIONS.replace(0), 3, "once, and two retries: it was not sent on to anywhere");
    assert_eq!(call(1).await.unwrap().value, 7, "a retry finds it ready");
    assert_eq!(ACTIVATIONS.get(), 2);
}
