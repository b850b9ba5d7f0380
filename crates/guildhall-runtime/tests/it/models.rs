//! Services whose calls wait for each other: SERIAL one at a time, INTERLEAVED in turn.

use std::time::Duration;

use guildhall::status::reason;
use guildhall::{App, Code, Config, Cx, Effect, Interleaved, RunningApp, Status};
use proto::models::{
    AddReq, Archive, ArchiveClient, ArchiveServer, Ledger, LedgerClient, LedgerServer, Lobby,
    LobbyClient, LobbyServer, SumRsp, Then,
};
use tokio::task::JoinHandle;

use crate::world::spawn;

/// What a turn adds when its own call failed because nobody waits for it.
const CANCELLED: i64 = 1000;

/// A sum that only its own turns touch.
#[derive(Default)]
struct Sum(i64);

/// Waits, calls on, and says what to add.
async fn work(cx: &Cx, req: AddReq) -> Result<i64, Status> {
    cx.env().sleep(Duration::from_millis(req.wait_ms.into())).await;
    let called = match req.then() {
        Then::Nothing => return Ok(req.add),
        Then::Ledger => LedgerClient::new(cx).add(add(1)).await,
        Then::Archive => ArchiveClient::new(cx).add(add(1)).await,
        Then::Lobby => {
            let req = AddReq { then: Then::Ledger.into(), ..add(1) };
            LobbyClient::new(cx).add(req).await
        }
    };
    match called {
        Ok(_) => Ok(req.add),
        Err(status) if status.reason() == reason::CANCELLED && cx.cancelled() => {
            Ok(req.add + CANCELLED)
        }
        Err(status) => Err(status),
    }
}

impl Ledger for Sum {
    async fn add(&mut self, cx: &Cx, req: AddReq) -> Result<SumRsp, Status> {
        let before = self.0;
        self.0 = before + work(cx, req).await?;
        Ok(SumRsp { sum: self.0 })
    }

    async fn note(&mut self, cx: &Cx, req: AddReq) -> Result<(), Status> {
        self.0 += work(cx, req).await?;
        Ok(())
    }

    async fn panic(&mut self, _cx: &Cx, req: AddReq) -> Result<(), Status> {
        self.0 += req.add;
        panic!("asked to")
    }
}

impl Archive for Sum {
    async fn add(&mut self, cx: &Cx, req: AddReq) -> Result<SumRsp, Status> {
        self.0 += work(cx, req).await?;
        Ok(SumRsp { sum: self.0 })
    }
}

struct Hall;

impl Lobby for Hall {
    type State = Sum;

    async fn add(&self, cx: &Cx, state: &Interleaved<Sum>, req: AddReq) -> Result<SumRsp, Status> {
        let more = work(cx, req).await?;
        let sum = state.with(|sum| {
            sum.0 += more;
            sum.0
        });
        Ok(SumRsp { sum })
    }

    async fn note(&self, cx: &Cx, state: &Interleaved<Sum>, req: AddReq) -> Result<(), Status> {
        let more = work(cx, req).await?;
        state.with(|sum| sum.0 += more);
        Ok(())
    }

    async fn reach(
        &self,
        cx: &Cx,
        state: &Interleaved<Sum>,
        req: AddReq,
    ) -> Result<SumRsp, Status> {
        loop {
            let sum = state.with(|sum| sum.0);
            if sum >= req.add {
                return Ok(SumRsp { sum });
            }
            cx.env().sleep(Duration::from_millis(1)).await;
        }
    }

    async fn panic(&self, _cx: &Cx, state: &Interleaved<Sum>, req: AddReq) -> Result<(), Status> {
        state.with(|sum| {
            sum.0 += req.add;
            panic!("asked to")
        })
    }
}

async fn app(settings: &[(&str, &str)]) -> RunningApp {
    start(settings).await.unwrap()
}

async fn start(settings: &[(&str, &str)]) -> guildhall::Result<RunningApp> {
    let config = settings
        .iter()
        .fold(Config::builder(), |config, (key, value)| config.flag(&format!("{key}={value}")));
    let app = App::with(config.build().unwrap());
    let app = app.serve(LedgerServer::new(Sum(0))).serve(ArchiveServer::new(Sum(0)));
    app.serve(LobbyServer::new(Hall, Sum(0))).start().await
}

fn add(add: i64) -> AddReq {
    AddReq { add, ..AddReq::default() }
}

fn add_after(wait_ms: u32) -> AddReq {
    AddReq { add: 1, wait_ms, ..AddReq::default() }
}

async fn ledger(cx: &Cx, req: AddReq) -> Result<i64, Status> {
    Ok(LedgerClient::new(cx).add(req).await?.sum)
}

async fn lobby(cx: &Cx, req: AddReq) -> Result<i64, Status> {
    Ok(LobbyClient::new(cx).add(req).await?.sum)
}

/// A call from a task of its own.
fn spawned<F>(cx: &Cx, call: impl FnOnce(Cx) -> F) -> JoinHandle<Result<i64, Status>>
where
    F: Future<Output = Result<i64, Status>> + Send + 'static,
{
    spawn(call(cx.clone()))
}

fn ledger_after(cx: &Cx, wait_ms: u32) -> JoinHandle<Result<i64, Status>> {
    spawned(cx, |cx| async move { ledger(&cx, add_after(wait_ms)).await })
}

fn lobby_after(cx: &Cx, wait_ms: u32) -> JoinHandle<Result<i64, Status>> {
    spawned(cx, |cx| async move { lobby(&cx, add_after(wait_ms)).await })
}

/// Lets the tasks that were just spawned send their calls.
async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn calls_of_a_serial_service_run_one_at_a_time_in_their_order() {
    let app = app(&[]).await;
    let cx = app.cx();
    let began = cx.env().now();
    let calls: Vec<_> = (0..5).map(|_| ledger_after(&cx, 100)).collect();
    for (n, call) in (1..).zip(calls) {
        assert_eq!(call.await.unwrap().unwrap(), n);
    }
    assert_eq!((cx.env().now() - began).as_millis() / 10, 50, "they took turns");
}

#[tokio::test(start_paused = true)]
async fn calls_of_an_interleaved_service_run_while_others_wait() {
    let app = app(&[]).await;
    let cx = app.cx();
    let began = cx.env().now();
    let calls: Vec<_> = (0..50).map(|_| lobby_after(&cx, 100)).collect();
    for (n, call) in (1..).zip(calls) {
        assert_eq!(call.await.unwrap().unwrap(), n, "no change is lost, and all come in order");
    }
    assert!(cx.env().now() - began < Duration::from_millis(200));
}

#[tokio::test(start_paused = true)]
async fn a_call_of_an_interleaved_service_sees_what_another_has_changed() {
    let app = app(&[]).await;
    let cx = app.cx();
    let reach =
        spawned(&cx, |cx| async move { Ok(LobbyClient::new(&cx).reach(add(7)).await?.sum) });
    settle().await;
    lobby(&cx, add(7)).await.unwrap();
    assert_eq!(reach.await.unwrap().unwrap(), 7);
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_refuses_at_once_and_the_call_did_not_run() {
    let app = app(&[("service.models.Ledger.queue", "2")]).await;
    let cx = app.cx();
    let turn = ledger_after(&cx, 100);
    settle().await;
    let waiting: Vec<_> = (0..2).map(|_| ledger_after(&cx, 100)).collect();
    settle().await;
    let began = cx.env().now();
    let refused = ledger(&cx, add(1)).await.unwrap_err();
    assert_eq!(cx.env().now(), began);
    assert_eq!((refused.reason(), refused.effect()), (reason::OVERLOADED, Effect::NotRun));
    assert!(refused.message().contains("service.models.Ledger.queue"), "{refused}");
    for call in [turn].into_iter().chain(waiting) {
        call.await.unwrap().unwrap();
    }
    assert_eq!(ledger(&cx, add(0)).await.unwrap(), 3, "the refused call did not count");
}

#[tokio::test(start_paused = true)]
async fn calls_that_interleave_have_a_bound() {
    let app = app(&[("service.models.Lobby.queue", "2")]).await;
    let cx = app.cx();
    let running: Vec<_> = (0..2).map(|_| lobby_after(&cx, 100)).collect();
    settle().await;
    let refused = lobby(&cx, add(1)).await.unwrap_err();
    assert_eq!((refused.reason(), refused.effect()), (reason::OVERLOADED, Effect::NotRun));
    for call in running {
        call.await.unwrap().unwrap();
    }
    assert_eq!(lobby(&cx, add(0)).await.unwrap(), 2, "the refused call did not count");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_expires_in_the_queue_is_not_run() {
    let app = app(&[]).await;
    let cx = app.cx();
    let turn = ledger_after(&cx, 500);
    settle().await;
    let late = ledger(&cx.within(Duration::from_millis(100)), add(1)).await.unwrap_err();
    assert_eq!(late.code(), Code::DeadlineExceeded);
    turn.await.unwrap().unwrap();
    assert_eq!(ledger(&cx, add(0)).await.unwrap(), 1, "only the first has run");
}

#[tokio::test(start_paused = true)]
async fn a_cast_that_expires_in_the_queue_is_not_run() {
    let app = app(&[]).await;
    let cx = app.cx();
    let turn = ledger_after(&cx, 500);
    settle().await;
    let short = cx.within(Duration::from_millis(100));
    LedgerClient::new(&short).note(add(1)).await.unwrap();
    turn.await.unwrap().unwrap();
    assert_eq!(ledger(&cx, add(0)).await.unwrap(), 1, "only the call has run");
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_a_serial_turn_fails_its_call_and_the_state_stays() {
    let app = app(&[]).await;
    let cx = app.cx();
    let client = LedgerClient::new(&cx);
    let (panicked, next) = futures_util::join!(client.panic(add(5)), ledger(&cx, add(1)));
    let status = panicked.unwrap_err();
    assert_eq!((status.reason(), status.effect()), (reason::PANICKED, Effect::MayHaveRun));
    assert_eq!(next.unwrap(), 6, "the next call finds what the panic has left");
    assert!(cx.metrics().text().contains("guildhall_actor_panics_total 1\n"));
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_an_interleaved_turn_fails_its_call_and_no_other() {
    let app = app(&[]).await;
    let cx = app.cx();
    let other = lobby_after(&cx, 100);
    settle().await;
    let status = LobbyClient::new(&cx).panic(add(5)).await.unwrap_err();
    assert_eq!((status.reason(), status.effect()), (reason::PANICKED, Effect::MayHaveRun));
    assert_eq!(other.await.unwrap().unwrap(), 6);
}

#[tokio::test(start_paused = true)]
async fn a_turn_over_its_limit_is_ended_and_the_next_call_runs() {
    let limits = [
        ("service.models.Ledger.turn_limit_ms", "1000"),
        ("service.models.Lobby.turn_limit_ms", "1000"),
    ];
    let app = app(&limits).await;
    let cx = app.cx();
    ledger(&cx, add(5)).await.unwrap();
    let began = cx.env().now();
    let (stuck, next) = (ledger_after(&cx, 50_000), ledger_after(&cx, 0));
    for stuck in [stuck, lobby_after(&cx, 50_000)] {
        let status = stuck.await.unwrap().unwrap_err();
        assert_eq!((status.reason(), status.effect()), (reason::TURN_LIMIT, Effect::MayHaveRun));
    }
    assert_eq!(next.await.unwrap().unwrap(), 6, "the state is still there");
    assert!(cx.env().now() - began < Duration::from_millis(1100));
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_turn_runs_to_its_end_and_its_calls_fail() {
    let app = app(&[]).await;
    let cx = app.cx();
    let req = AddReq { then: Then::Archive.into(), ..add_after(100) };
    let serial = spawned(&cx, |cx| async move { ledger(&cx, req).await });
    let interleaved = spawned(&cx, |cx| async move { lobby(&cx, req).await });
    settle().await;
    serial.abort();
    interleaved.abort();
    cx.env().sleep(Duration::from_millis(200)).await;
    assert_eq!(ledger(&cx, add(0)).await.unwrap(), 1 + CANCELLED);
    assert_eq!(lobby(&cx, add(0)).await.unwrap(), 1 + CANCELLED);
    assert_eq!(ArchiveClient::new(&cx).add(add(0)).await.unwrap().sum, 0, "it was not called");
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_call_that_has_not_begun_is_not_run() {
    let app = app(&[]).await;
    let cx = app.cx();
    let turn = ledger_after(&cx, 100);
    settle().await;
    let dropped = ledger_after(&cx, 100);
    settle().await;
    dropped.abort();
    turn.await.unwrap().unwrap();
    assert_eq!(ledger(&cx, add(0)).await.unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_serial_turn_that_would_wait_for_itself_is_refused_with_the_cycle() {
    let app = app(&[]).await;
    let cx = app.cx();
    let began = cx.env().now();
    for then in [Then::Ledger, Then::Lobby] {
        let req = AddReq { then: then.into(), ..add(1) };
        let cycle = ledger(&cx, req).await.unwrap_err();
        assert_eq!(cycle.reason(), reason::DEADLOCK);
        let me = format!("models.Ledger/{}", cx.app_id());
        assert!(cycle.message().contains(&format!("{me} -> {me}")), "{cycle}");
    }
    assert_eq!(cx.env().now(), began, "nobody waited for a deadline");
    let fine = AddReq { then: Then::Lobby.into(), ..add(1) };
    assert_eq!(lobby(&cx, fine).await.unwrap(), 2, "calls that interleave may call themselves");
}

#[tokio::test(start_paused = true)]
async fn two_serial_services_that_call_each_other_are_not_both_stuck() {
    let app = app(&[]).await;
    let cx = app.cx();
    let began = cx.env().now();
    let ask = |then: Then| AddReq { then: then.into(), ..add_after(10) };
    let archive = ArchiveClient::new(&cx);
    let (a, b) =
        futures_util::join!(ledger(&cx, ask(Then::Archive)), archive.add(ask(Then::Ledger)));
    let reasons = [a.err(), b.err()].map(|error| error.map(|status| status.reason()));
    assert!(reasons.contains(&Some(reason::DEADLOCK)), "{reasons:?}");
    assert!(cx.env().now() - began < Duration::from_secs(1), "nobody waited for a deadline");
}

#[tokio::test(start_paused = true)]
async fn calls_and_casts_that_wait_run_before_the_app_ends() {
    let app = app(&[]).await;
    let cx = app.cx();
    let began = cx.env().now();
    let calls: Vec<_> = (0..3).map(|_| ledger_after(&cx, 100)).collect();
    settle().await;
    LedgerClient::new(&cx).note(add_after(300)).await.unwrap();
    LobbyClient::new(&cx).note(add_after(200)).await.unwrap();
    settle().await;
    app.shutdown().await;
    for (n, call) in (1..).zip(calls) {
        assert_eq!(call.await.unwrap().unwrap(), n);
    }
    let took = cx.env().now() - began;
    assert!(took >= Duration::from_millis(600), "the casts ran too: {took:?}");
    assert!(took < Duration::from_secs(1), "and nothing else was waited for: {took:?}");
}

#[tokio::test(start_paused = true)]
async fn an_idle_service_has_no_task() {
    let app = app(&[]).await;
    let cx = app.cx();
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    // The app's own tasks have begun when another service answers.
    ArchiveClient::new(&cx).add(add(0)).await.unwrap();
    settle().await;
    let before = tasks();
    let turn = ledger_after(&cx, 100);
    settle().await;
    assert!(tasks() > before);
    turn.await.unwrap().unwrap();
    lobby(&cx, add(1)).await.unwrap();
    settle().await;
    assert_eq!(tasks(), before);
}

#[tokio::test(start_paused = true)]
async fn a_wrong_knob_of_a_service_is_a_start_up_error() {
    let error = start(&[("service.models.Ledger.queue", "0")]).await.unwrap_err().to_string();
    assert!(error.contains("service.models.Ledger.queue is 0"), "{error}");
    let error = start(&[("service.models.Ledgr.queue", "5")]).await.unwrap_err().to_string();
    assert!(error.contains("Ledger"), "{error}");
}
