//! Timers of actors: their time, their order, their end.

use std::time::Duration;

use guildhall::status::reason;
use guildhall::{Actor, ActorCx, App, Code, Config, Cx, RunningApp, Status, Timer};
use proto::alarm::{
    Alarm, AlarmClient, AlarmServer, OwnerReq, RingReq, RungRsp, SetReq, SetRsp, StopReq,
};
use proto::room::{RoomClient, RoomReq};

use crate::world::{spawn, still};

/// Notes what rings, and does what the text says.
struct Clock {
    owner: String,
    timers: Vec<Timer>,
    rung: Vec<String>,
}

impl Actor for Clock {
    const NAME: &'static str = "clock";
    type Key = String;
    type State = ();

    async fn activate(cx: &ActorCx, owner: String, _state: ()) -> Result<Self, Status> {
        let rung = Vec::new();
        if owner.starts_with("early") {
            cx.after(Duration::from_millis(10), AlarmClient::RING, ring("activated"))?;
        }
        if owner == "early but not at all" {
            return Err(Status::new(Code::PermissionDenied, "not this one"));
        }
        Ok(Self { owner, timers: Vec::new(), rung })
    }
}

impl Alarm for Clock {
    async fn set(&mut self, cx: &ActorCx, req: SetReq) -> Result<SetRsp, Status> {
        let delay = Duration::from_millis(req.ms.into());
        if req.text == "of a room" {
            cx.after(delay, RoomClient::COUNT, RoomReq { id: 1 })?;
        }
        self.timers.push(match req.repeat {
            true => cx.every(delay, AlarmClient::RING, ring(&req.text))?,
            false => cx.after(delay, AlarmClient::RING, ring(&req.text))?,
        });
        Ok(SetRsp { number: u32::try_from(self.timers.len() - 1).unwrap() })
    }

    async fn stop(&mut self, _cx: &ActorCx, req: StopReq) -> Result<(), Status> {
        self.timers[req.number as usize].cancel();
        Ok(())
    }

    async fn ring(&mut self, cx: &ActorCx, req: RingReq) -> Result<(), Status> {
        assert_eq!(req.owner, self.owner, "the key is the actor's own");
        self.rung.push(req.text.clone());
        match req.text.as_str() {
            "slow" => cx.env().sleep(Duration::from_millis(250)).await,
            "panic" => panic!("asked to"),
            "fail" => return Err(Status::new(Code::Internal, "as asked")),
            "leave" => cx.deactivate(),
            _ => {}
        }
        Ok(())
    }

    async fn rung(&mut self, _cx: &ActorCx, _req: OwnerReq) -> Result<RungRsp, Status> {
        Ok(RungRsp { texts: self.rung.clone() })
    }
}

fn ring(text: &str) -> RingReq {
    RingReq { text: text.into(), owner: "whatever is here".into() }
}

async fn clocks(settings: &[(&str, &str)]) -> RunningApp {
    let mut config = Config::builder().set("app.id", "dev.w1.clock.1");
    for (key, value) in settings {
        config = config.flag(&format!("{key}={value}"));
    }
    let app = App::with(config.build().unwrap()).env(still());
    app.actor::<Clock>(AlarmServer).start().await.unwrap()
}

async fn set(cx: &Cx, owner: &str, ms: u32, text: &str) -> Result<u32, Status> {
    let req = SetReq { owner: owner.into(), ms, text: text.into(), repeat: false };
    Ok(AlarmClient::new(cx).set(req).await?.number)
}

async fn repeat(cx: &Cx, owner: &str, ms: u32, text: &str) -> u32 {
    let req = SetReq { owner: owner.into(), ms, text: text.into(), repeat: true };
    AlarmClient::new(cx).set(req).await.unwrap().number
}

async fn stop(cx: &Cx, owner: &str, number: u32) {
    AlarmClient::new(cx).stop(StopReq { owner: owner.into(), number }).await.unwrap();
}

async fn rung(cx: &Cx, owner: &str) -> Result<Vec<String>, Status> {
    Ok(AlarmClient::new(cx).rung(OwnerReq { owner: owner.into() }).await?.texts)
}

async fn pass(cx: &Cx, ms: u64) {
    cx.env().sleep(Duration::from_millis(ms)).await;
}

#[tokio::test(start_paused = true)]
async fn a_timer_is_a_turn_of_its_own_in_its_time() {
    let app = clocks(&[]).await;
    let cx = app.cx();
    set(&cx, "ann", 200, "two").await.unwrap();
    set(&cx, "ann", 100, "one").await.unwrap();
    set(&cx, "ann", 200, "three").await.unwrap();
    set(&cx, "bob", 100, "his").await.unwrap();
    pass(&cx, 90).await;
    assert_eq!(rung(&cx, "ann").await.unwrap(), Vec::<String>::new());
    pass(&cx, 20).await;
    assert_eq!(rung(&cx, "ann").await.unwrap(), ["one"]);
    pass(&cx, 100).await;
    assert_eq!(rung(&cx, "ann").await.unwrap(), ["one", "two", "three"]);
    assert_eq!(rung(&cx, "bob").await.unwrap(), ["his"]);
}

#[tokio::test(start_paused = true)]
async fn timers_keep_their_order_with_the_calls_that_wait() {
    let app = clocks(&[]).await;
    let cx = app.cx();
    set(&cx, "ann", 100, "slow").await.unwrap();
    set(&cx, "ann", 150, "after").await.unwrap();
    pass(&cx, 125).await;
    // Both wait for the slow turn; the call came first.
    let caller = cx.clone();
    let asked = spawn(async move { rung(&caller, "ann").await });
    assert_eq!(asked.await.unwrap().unwrap(), ["slow"]);
    assert_eq!(rung(&cx, "ann").await.unwrap(), ["slow", "after"]);
}

#[tokio::test(start_paused = true)]
async fn a_timer_that_repeats_leaves_out_what_it_has_missed() {
    let app = clocks(&[]).await;
    let cx = app.cx();
    let ticking = repeat(&cx, "ann", 100, "tick").await;
    pass(&cx, 350).await;
    assert_eq!(rung(&cx, "ann").await.unwrap(), ["tick"; 3]);
    // Until 600: what should ring at 400 is late, and there is none at 500 and 600.
    set(&cx, "ann", 0, "slow").await.unwrap();
    pass(&cx, 340).await;
    assert_eq!(rung(&cx, "ann").await.unwrap(), ["tick", "tick", "tick", "slow", "tick"]);
    stop(&cx, "ann", ticking).await;
    pass(&cx, 1000).await;
    assert_eq!(rung(&cx, "ann").await.unwrap().len(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_timer_rings_no_more_also_where_it_waits_already() {
    let app = clocks(&[]).await;
    let cx = app.cx();
    let early = set(&cx, "ann", 100, "early").await.unwrap();
    stop(&cx, "ann", early).await;
    set(&cx, "ann", 100, "slow").await.unwrap();
    let late = set(&cx, "ann", 200, "late").await.unwrap();
    pass(&cx, 110).await;
    // Its turn comes after the slow one at 350, when the late timer waits behind it.
    stop(&cx, "ann", late).await;
    pass(&cx, 1000).await;
    assert_eq!(rung(&cx, "ann").await.unwrap(), ["slow"]);
}

#[tokio::test(start_paused = true)]
async fn one_timer_more_than_allowed_is_refused_at_once() {
    let app = clocks(&[("actor.clock.timers", "2")]).await;
    let cx = app.cx();
    set(&cx, "ann", 100, "one").await.unwrap();
    let second = set(&cx, "ann", 100, "two").await.unwrap();
    let refused = set(&cx, "ann", 100, "three").await.unwrap_err();
    assert_eq!(refused.reason(), reason::OVERLOADED);
    assert!(refused.message().contains("actor.clock.timers"), "{refused}");
    stop(&cx, "ann", second).await;
    set(&cx, "ann", 100, "four").await.unwrap();
    pass(&cx, 110).await;
    assert_eq!(rung(&cx, "ann").await.unwrap(), ["one", "four"]);
}

#[tokio::test(start_paused = true)]
async fn an_actor_with_a_timer_is_not_idle() {
    let app = clocks(&[("actor.clock.idle_ms", "1000")]).await;
    let cx = app.cx();
    set(&cx, "ann", 5000, "late").await.unwrap();
    let ticking = repeat(&cx, "bob", 100, "tick").await;
    pass(&cx, 5500).await;
    assert_eq!(rung(&cx, "ann").await.unwrap(), ["late"]);
    assert_eq!(cx.actors::<Clock>().count(), 2);
    stop(&cx, "bob", ticking).await;
    pass(&cx, 1100).await;
    assert_eq!(cx.actors::<Clock>().count(), 0, "without timers they are idle again");
}

#[tokio::test(start_paused = true)]
async fn timers_end_with_the_activation() {
    let app = clocks(&[]).await;
    let cx = app.cx();
    for (owner, text) in [("ann", "panic"), ("bob", "leave")] {
        repeat(&cx, owner, 100, "tick").await;
        set(&cx, owner, 150, text).await.unwrap();
        pass(&cx, 200).await;
        assert_eq!(rung(&cx, owner).await.unwrap_err().code(), Code::NotFound, "{text}");
        set(&cx, owner, 1000, "new").await.unwrap();
        pass(&cx, 1100).await;
        assert_eq!(rung(&cx, owner).await.unwrap(), ["new"], "{text}");
    }
    assert!(cx.actors::<Clock>().close(&"ann".into()));
    pass(&cx, 1).await;
    assert_eq!(cx.actors::<Clock>().count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_draining_app_does_not_wait_for_timers() {
    let app = clocks(&[]).await;
    let cx = app.cx();
    set(&cx, "ann", 3_600_000, "never").await.unwrap();
    repeat(&cx, "bob", 1, "slow").await;
    pass(&cx, 100).await;
    let began = cx.env().now();
    app.shutdown().await;
    assert!(cx.env().now() - began < Duration::from_secs(1), "it waited for app.drain_ms");
}

#[tokio::test(start_paused = true)]
async fn activate_sets_timers_and_one_that_fails_has_none() {
    let app = clocks(&[]).await;
    let cx = app.cx();
    set(&cx, "early", 100, "later").await.unwrap();
    pass(&cx, 20).await;
    assert_eq!(rung(&cx, "early").await.unwrap(), ["activated"]);
    set(&cx, "early but not at all", 100, "").await.unwrap_err();
    pass(&cx, 20).await;
    assert_eq!(cx.actors::<Clock>().count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_timer_that_fails_costs_its_turn_only() {
    let app = clocks(&[]).await;
    let cx = app.cx();
    set(&cx, "ann", 10, "fail").await.unwrap();
    set(&cx, "ann", 20, "fine").await.unwrap();
    pass(&cx, 30).await;
    assert_eq!(rung(&cx, "ann").await.unwrap(), ["fail", "fine"]);
}

#[tokio::test(start_paused = true)]
async fn timers_are_for_an_actors_own_methods() {
    let app = clocks(&[]).await;
    let cx = app.cx();
    let foreign = set(&cx, "ann", 10, "of a room").await.unwrap_err();
    assert_eq!(foreign.reason(), reason::NO_SUCH_METHOD);
    assert!(foreign.message().contains("/room.Room/Count"), "{foreign}");
}

/// Ten thousand actors with two timers each.
#[tokio::test(start_paused = true)]
async fn timers_have_no_tasks() {
    let app = clocks(&[]).await;
    let cx = app.cx();
    set(&cx, "0", 1000, "first").await.unwrap();
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    for n in 1..10_000 {
        let owner = n.to_string();
        set(&cx, &owner, 1000, "first").await.unwrap();
        set(&cx, &owner, 2000, "second").await.unwrap();
    }
    assert_eq!(tasks(), before);
    pass(&cx, 2100).await;
    assert_eq!(rung(&cx, "9999").await.unwrap(), ["first", "second"]);
}
