//! Calls of an app to itself keep the rules of links, with values that are moved and with values that are encoded.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use guildhall::status::reason;
use guildhall::{App, Code, Cx, Effect, Reason, RunningApp, Status};
use proto::bench::{Echo, EchoClient, EchoMsg, EchoServer, ScalarMsg};
use tokio::sync::mpsc;

use crate::world::{config_with, spawn};

/// `echo` answers with what it was sent; without a payload it never ends. `echo_scalar` calls itself as often as the value says.
struct Own {
    begun: mpsc::Sender<&'static str>,
    ran: Arc<AtomicU64>,
}

/// Says when a handler is gone.
struct Gone(mpsc::Sender<&'static str>);

impl Drop for Gone {
    fn drop(&mut self) {
        let _full = self.0.try_send("dropped");
    }
}

impl Echo for Own {
    async fn echo(&self, cx: &Cx, mut req: EchoMsg) -> Result<EchoMsg, Status> {
        if req.payload.is_empty() {
            let _gone = Gone(self.begun.clone());
            let _full = self.begun.try_send("begun");
            return std::future::pending().await;
        }
        if let Some(doubled) = cx.metadata("times").and_then(|times| times.parse().ok()) {
            req.payload = req.payload.repeat(doubled).into();
        }
        Ok(req)
    }

    async fn echo_scalar(&self, cx: &Cx, req: ScalarMsg) -> Result<ScalarMsg, Status> {
        self.ran.fetch_add(1, Ordering::Relaxed);
        match req.value {
            0 => Ok(req),
            value => EchoClient::new(cx).echo_scalar(ScalarMsg { value: value - 1 }).await,
        }
    }
}

struct World {
    cx: Cx,
    begun: mpsc::Receiver<&'static str>,
    ran: Arc<AtomicU64>,
    _app: RunningApp,
}

async fn world(encodes: bool, more: &[(&str, i64)]) -> World {
    let (send, begun) = mpsc::channel(64);
    let ran = Arc::default();
    let own = EchoServer::new(Own { begun: send, ran: Arc::clone(&ran) });
    let app = App::with(config_with("dev.w1.own.1", "127.0.0.1:0", more)).serve(own);
    let app = app.encode_own_calls(encodes).start().await.unwrap();
    World { cx: app.cx(), begun, ran, _app: app }
}

fn bytes(count: usize) -> EchoMsg {
    EchoMsg { payload: vec![7; count].into() }
}

fn is(status: &Status) -> (Code, Reason, Effect) {
    (status.code(), status.reason(), status.effect())
}

#[tokio::test(start_paused = true)]
async fn an_own_call_fails_at_its_deadline_and_its_handler_is_dropped() {
    for encodes in [false, true] {
        let mut world = world(encodes, &[]).await;
        let cx = world.cx.within(Duration::from_millis(100));
        let late = EchoClient::new(&cx).echo(bytes(0)).await.unwrap_err();
        assert_eq!(is(&late), (Code::DeadlineExceeded, reason::EXPIRED, Effect::MayHaveRun));
        assert_eq!(world.begun.recv().await, Some("begun"));
        assert_eq!(world.begun.recv().await, Some("dropped"));
    }
}

#[tokio::test]
async fn the_handler_of_an_own_call_is_dropped_with_its_caller() {
    for encodes in [false, true] {
        let mut world = world(encodes, &[]).await;
        let cx = world.cx.clone();
        let caller = spawn(async move { EchoClient::new(&cx).echo(bytes(0)).await });
        assert_eq!(world.begun.recv().await, Some("begun"));
        caller.abort();
        assert_eq!(world.begun.recv().await, Some("dropped"));
    }
}

#[tokio::test]
async fn bodies_of_own_calls_are_no_larger_than_a_link_takes() {
    for encodes in [false, true] {
        let world = world(encodes, &[("link.frame_max", 10_000)]).await;
        let echo = EchoClient::new(&world.cx);
        assert_eq!(echo.echo(bytes(9_000)).await.unwrap().payload.len(), 9_000);
        let request = echo.echo(bytes(10_001)).await.unwrap_err();
        let too_large = (Code::ResourceExhausted, reason::TOO_LARGE);
        assert_eq!(is(&request), (too_large.0, too_large.1, Effect::NotRun), "{request}");
        let cx = world.cx.with_metadata("times", "2");
        let reply = EchoClient::new(&cx).echo(bytes(9_000)).await.unwrap_err();
        assert_eq!(is(&reply), (too_large.0, too_large.1, Effect::Ran), "{reply}");
    }
}

#[tokio::test]
async fn own_calls_that_wait_and_their_handlers_are_bounded_as_those_of_a_link() {
    for (encodes, bound) in [(false, "pending_max"), (true, "pending_max"), (false, "running_max")]
    {
        let mut world = world(encodes, &[(&format!("link.{bound}"), 2)]).await;
        let cx = world.cx.clone();
        let waits = [(); 2].map(|()| {
            let cx = cx.clone();
            spawn(async move { EchoClient::new(&cx).echo(bytes(0)).await })
        });
        assert_eq!(world.begun.recv().await, Some("begun"));
        assert_eq!(world.begun.recv().await, Some("begun"));
        let more = EchoClient::new(&cx).echo(bytes(1)).await.unwrap_err();
        assert_eq!(is(&more), (Code::ResourceExhausted, reason::OVERLOADED, Effect::NotRun));
        assert!(more.message().contains(bound), "{more}");
        waits.iter().for_each(tokio::task::JoinHandle::abort);
        assert_eq!(world.begun.recv().await, Some("dropped"));
        assert_eq!(world.begun.recv().await, Some("dropped"));
        tokio::task::yield_now().await;
        assert_eq!(EchoClient::new(&cx).echo(bytes(1)).await.unwrap(), bytes(1));
    }
}

#[tokio::test]
async fn a_handler_that_calls_itself_a_thousand_times_does_not_use_up_the_stack() {
    for encodes in [false, true] {
        let world = world(encodes, &[]).await;
        let echo = EchoClient::new(&world.cx);
        assert_eq!(echo.echo_scalar(ScalarMsg { value: 1_000 }).await.unwrap().value, 0);
        assert_eq!(world.ran.load(Ordering::Relaxed), 1_001);
    }
}

#[tokio::test]
async fn a_task_that_only_makes_own_calls_lets_others_run() {
    for encodes in [false, true] {
        let world = world(encodes, &[]).await;
        let (cx, ran) = (world.cx.clone(), Arc::clone(&world.ran));
        let busy = spawn(async move {
            while ran.load(Ordering::Relaxed) < 1_000_000 {
                EchoClient::new(&cx).echo_scalar(ScalarMsg { value: 0 }).await.unwrap();
            }
        });
        let others = join_all((0..8).map(|_| spawn(tokio::task::yield_now())));
        others.await.into_iter().for_each(Result::unwrap);
        assert!(world.ran.load(Ordering::Relaxed) < 10_000, "they have waited");
        busy.abort();
    }
}

#[tokio::test]
async fn both_ends_count_an_own_call() {
    for encodes in [false, true] {
        let world = world(encodes, &[]).await;
        EchoClient::new(&world.cx).echo(bytes(1)).await.unwrap();
        let text = world.cx.metrics().text();
        for counted in [
            "guildhall_calls_total{method=\"/bench.Echo/Echo\",code=\"OK\"} 1\n",
            "guildhall_served_total{method=\"/bench.Echo/Echo\",code=\"OK\"} 1\n",
            "guildhall_served_seconds_count{method=\"/bench.Echo/Echo\"} 1\n",
            "guildhall_calls_in_flight 0\n",
        ] {
            assert!(text.contains(counted), "{counted}: {text}");
        }
    }
}
