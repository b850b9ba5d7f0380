//! Several connections to one app: what stays in order, what is spread, and what the loss of one costs.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use guildhall::status::reason;
use guildhall::{App, Config, Cx, Effect, Env, RunningApp, Status};
use proto::room::{RoomClient, RoomServer, SayReq};
use proto::routing::{AskReq, AskRsp, ChannelClient, DeskClient, PullReq};
use tokio::task::JoinHandle;

use crate::rooms::TestRoom;
use crate::switch::Switch;
use crate::town::{TestChannel, Town, sees, tell};
use crate::world::spawn;

/// An app with desks, channels and rooms, and one that dials each other app four times, over a network in the test's hands.
struct Lines {
    town: Town,
    server: RunningApp,
    caller: RunningApp,
    net: Arc<Switch>,
}

impl Lines {
    /// The connections are dialled by a first call.
    async fn new() -> Self {
        let mut lines = Self::with("60000").await;
        let cx = lines.caller.cx();
        DeskClient::new(&cx).tell(tell("first")).await.unwrap();
        assert_eq!(lines.town.next().await.1, "first");
        while !lines.has_four() {
            cx.env().sleep(Duration::from_millis(1)).await;
        }
        lines
    }

    async fn with(idle_ms: &str) -> Self {
        let (town, net) = (Town::new(), Arc::new(Switch::default()));
        let server = town.app("dev.w1.desk.1", &[]).serve(town.desk()).serve(TestChannel::server());
        let server = server.actor::<TestRoom>(RoomServer).start().await.unwrap();
        let env = Env::simulated(1, net.clone(), Duration::from_secs(1_800_000_000));
        let settings =
            [("link.links_per_peer", "4"), ("link.ping_ms", "60000"), ("link.idle_ms", idle_ms)];
        let caller = town.app("dev.w1.caller.1", &settings).env(env).start().await.unwrap();
        sees(&caller.cx(), 2).await;
        Self { town, server, caller, net }
    }

    fn has_four(&self) -> bool {
        self.caller.cx().metrics().text().contains("\nguildhall_links_dialled 4\n")
    }

    /// Eight calls that have arrived and hold.
    async fn held(&mut self) -> Vec<JoinHandle<Result<AskRsp, Status>>> {
        let calls = (0..8).map(|_| spawn(hold(self.caller.cx()))).collect();
        for _ in 0..8 {
            assert_eq!(self.town.next().await.1, "holds");
        }
        calls
    }
}

async fn hold(cx: Cx) -> Result<AskRsp, Status> {
    DeskClient::new(&cx).ask(AskReq { hold: true }).await
}

async fn ends(calls: Vec<JoinHandle<Result<AskRsp, Status>>>) -> Vec<Result<AskRsp, Status>> {
    join_all(calls).await.into_iter().map(Result::unwrap).collect()
}

#[tokio::test]
async fn all_connections_to_an_app_that_is_dialled_at_once_enter_the_mesh_together() {
    let lines = Lines::with("0").await;
    assert_eq!(lines.net.dialled(), 4);
    assert!(lines.has_four(), "{}", lines.caller.cx().metrics().text());
}

#[tokio::test]
async fn a_first_call_dials_all_connections_to_its_app() {
    let lines = Lines::with("60000").await;
    assert_eq!(lines.net.dialled(), 0);
    let cx = lines.caller.cx();
    DeskClient::new(&cx).ask(AskReq::default()).await.unwrap();
    let deadline = cx.env().now() + Duration::from_secs(10);
    while !lines.has_four() {
        assert!(cx.env().now() < deadline, "{}", cx.metrics().text());
        cx.env().sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(lines.net.dialled(), 4);
}

#[tokio::test]
async fn calls_of_a_key_stay_in_order_on_several_connections() {
    let lines = Lines::new().await;
    let (cx, before) = (lines.caller.cx(), lines.net.written());
    let room = RoomClient::new(&cx);
    let say =
        |n: u64| room.say(SayReq { id: i64::try_from(n % 16 + 1).unwrap(), ..SayReq::default() });
    let answers = join_all((0..1600).map(say)).await;
    for (n, answer) in (0..).zip(answers) {
        assert_eq!(answer.unwrap().number, n / 16, "the call {n}");
    }
    assert_eq!(lines.net.used_since(&before), 4, "of four connections");
}

#[tokio::test]
async fn calls_of_a_key_take_one_connection_and_others_take_turns() {
    let lines = Lines::new().await;
    let cx = lines.caller.cx();
    let before = lines.net.written();
    for _ in 0..8 {
        DeskClient::new(&cx).hash("a key").ask(AskReq::default()).await.unwrap();
    }
    assert_eq!(lines.net.used_since(&before), 1);
    let before = lines.net.written();
    for _ in 0..4 {
        DeskClient::new(&cx).ask(AskReq::default()).await.unwrap();
    }
    assert_eq!(lines.net.used_since(&before), 4);
}

#[tokio::test]
async fn what_one_task_sends_to_an_interleaved_service_or_an_address_stays_in_order() {
    const SENT: u32 = 200;
    let mut lines = Lines::new().await;
    let cx = lines.caller.cx();
    let before = lines.net.written();
    let channel = ChannelClient::new(&cx);
    let texts: Vec<_> = (0..SENT).map(|n| n.to_string()).collect();
    for text in &texts {
        channel.say(tell(text)).await.unwrap();
        DeskClient::new(&cx).at(lines.server.cx().app_id()).tell(tell(text)).await.unwrap();
    }
    assert_eq!(
        channel.pull(PullReq { wanted: SENT, ..PullReq::default() }).await.unwrap().texts,
        texts
    );
    for text in texts {
        assert_eq!(lines.town.next().await.1, text);
    }
    assert_eq!(lines.net.used_since(&before), 1);
}

#[tokio::test]
async fn a_lost_connection_of_several_fails_its_own_calls_only_and_comes_back() {
    let mut lines = Lines::new().await;
    let cx = lines.caller.cx();
    // The second time it is the connection that has come back.
    for (cut, dialled) in [(0, 5), (4, 6)] {
        let calls = lines.held().await;
        lines.net.cut(cut);
        let deadline = cx.env().now() + Duration::from_secs(10);
        while lines.net.dialled() != dialled || !lines.has_four() {
            assert_eq!(cx.nodes().len(), 2, "the app stays in the mesh");
            assert!(cx.env().now() < deadline, "not back in 10 s");
            cx.env().sleep(Duration::from_millis(1)).await;
        }
        lines.town.go_on.add_permits(6);
        let ends = ends(calls).await;
        let lost: Vec<_> = ends.into_iter().filter_map(Result::err).collect();
        // Two of eight were on it.
        assert_eq!(lost.len(), 2, "{lost:?}");
        let is_lost = |s: &Status| (s.reason(), s.effect()) == (reason::LOST, Effect::MayHaveRun);
        assert!(lost.iter().all(is_lost), "{lost:?}");
    }
}

#[tokio::test]
async fn an_app_that_drains_is_told_of_on_all_connections_and_ends_their_calls() {
    let mut lines = Lines::new().await;
    let cx = lines.caller.cx();
    let calls = lines.held().await;
    let draining = spawn(lines.server.shutdown());
    sees(&cx, 1).await;
    let soon = cx.within(Duration::from_millis(30));
    let refused = DeskClient::new(&soon).ask(AskReq::default()).await.unwrap_err();
    assert_eq!((refused.reason(), refused.effect()), (reason::NO_ROUTE, Effect::NotRun));
    lines.town.go_on.add_permits(8);
    for end in ends(calls).await {
        end.unwrap();
    }
    draining.await.unwrap();
}

#[tokio::test]
async fn the_number_of_connections_has_bounds() {
    for (number, fits) in [(0, false), (1, true), (16, true), (17, false)] {
        let config = Config::builder().set("link.links_per_peer", number).build().unwrap();
        let started = App::with(config).start().await;
        let why = started.err().map(|error| error.to_string());
        assert_eq!(why.is_none(), fits, "{number}: {why:?}");
        assert!(why.is_none_or(|why| why.contains("link.links_per_peer")));
    }
}
