//! What one peer cannot get more of than others: casts that run, and calls that are sent on in a circle.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use guildhall::prost::Message as _;
use guildhall::status::{Detail, reason};
use guildhall::{Code, Effect, Service, Status};
use guildhall_core::ServiceDesc;
use guildhall_runtime::codegen::{HandlerFuture, Incoming};
use guildhall_runtime::proto::Moved;
use proto::routing::{AskReq, DeskClient, DeskServer};

use crate::town::{TestDesk, Town, sees, tell};

#[tokio::test]
async fn casts_that_run_count_among_what_a_link_may_run() {
    let mut town = Town::new();
    let _desk = town.start_with("dev.w1.desk.1", &[("link.running_max", "2")]).await;
    let caller = town.app("dev.w1.caller.1", &[]).start().await.unwrap();
    let cx = caller.cx();
    sees(&cx, 2).await;
    let client = DeskClient::new(&cx);
    for round in 0..20 {
        for _ in 0..3 {
            client.tell(tell("hold")).await.unwrap();
        }
        let told = [town.next().await.1, town.next().await.1];
        assert_eq!(told, ["hold", "hold"], "round {round}");
        let refused = client.ask(AskReq::default()).await.unwrap_err();
        let is = (refused.reason(), refused.effect());
        assert_eq!(is, (reason::OVERLOADED, Effect::NotRun), "round {round}: {refused}");
        town.nothing_more();
        town.go_on.add_permits(2);
        let deadline = cx.env().now() + Duration::from_secs(10);
        while let Err(status) = client.ask(AskReq::default()).await {
            assert!(
                cx.env().now() < deadline,
                "round {round}: what has ended makes room: {status}"
            );
        }
    }
}

/// Says of every call that another app owns its actor.
struct Elsewhere {
    /// For what its proto declares.
    desk: DeskServer<TestDesk>,
    to: &'static str,
    asked: Arc<AtomicUsize>,
}

impl Service for Elsewhere {
    fn desc(&self) -> &'static ServiceDesc {
        self.desk.desc()
    }

    fn dispatch(&self, call: Incoming<'_>) -> Option<HandlerFuture> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let value = Moved { to: self.to.into() }.encode_to_vec().into();
        let detail = Detail { kind: "guildhall.runtime.Moved".into(), value };
        let status = Status::new(Code::Unavailable, "elsewhere").with_reason(reason::MOVED);
        call.reply.send::<()>(Err(status.with_effect(Effect::NotRun).with_detail(detail)));
        None
    }
}

#[tokio::test]
async fn apps_that_send_calls_to_each_other_in_a_circle_cost_a_bounded_number_of_sends() {
    let town = Town::new();
    let asked = Arc::new(AtomicUsize::new(0));
    let (one, two) = ("dev.w1.desk.1", "dev.w1.desk.2");
    let mut apps = Vec::new();
    for (id, to) in [(one, two), (two, one)] {
        let elsewhere = Elsewhere { desk: town.desk(), to, asked: Arc::clone(&asked) };
        apps.push(town.app(id, &[]).serve(elsewhere).start().await.unwrap());
    }
    let caller = town.app("dev.w1.caller.1", &[]).start().await.unwrap();
    let cx = caller.cx().within(Duration::from_secs(2));
    sees(&cx, 3).await;
    const CALLS: usize = 200;
    let client = DeskClient::new(&cx);
    let ask = || client.ask(AskReq::default());
    for result in join_all((0..CALLS).map(|_| ask())).await {
        assert_eq!(result.unwrap_err().effect(), Effect::NotRun);
    }
    let sends = asked.load(Ordering::Relaxed);
    // Each call follows twice, waits for a newer view, and follows twice again; more takes from the budget of retries: 100 saved up,
    // and a tenth of the calls, each for three sends at most.
    assert!(sends <= CALLS * 6 + 3 * (100 + CALLS / 10), "{sends} sends for {CALLS} calls");
}
