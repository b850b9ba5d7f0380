//! Casts by topic: to whoever has subscribed, whatever becomes of the broker.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use guildhall::broker::memory::MemoryBroker;
use guildhall::broker::{Broker, BrokerError, Delivery, Feed, Subscription};
use guildhall::status::reason;
use guildhall::{BoxFuture, Code, Cx, Effect, RunningApp, Status};
use guildhall_wire::Session;
use parking_lot::Mutex;
use proto::models::{AddReq, Ledger, LedgerClient, LedgerServer, SumRsp};
use proto::routing::{ChannelClient, DeskClient, PostReq, PullReq, TalkerClient, TellMsg};
use tokio::sync::mpsc;

use crate::town::{Heard, TestChannel, TestTalker, Town, sees, tell, tell_at};

async fn cast(cx: &Cx, text: &str) {
    DeskClient::topic(cx, "room.1").tell(tell(text)).await.unwrap();
}

#[tokio::test]
async fn a_cast_by_topic_reaches_the_apps_that_subscribed_and_no_others() {
    let mut town = Town::new();
    let one = town.start("dev.w1.desk.1").await;
    let two = town.start("dev.w1.desk.2").await;
    let three = town.start("dev.w1.desk.3").await;
    let cx = one.cx();
    sees(&cx, 3).await;
    let _one = DeskClient::subscribe(&cx, "room.1").await.unwrap();
    let _two = DeskClient::subscribe(&two.cx(), "room.1").await.unwrap();
    let _three = DeskClient::subscribe(&three.cx(), "room.2").await.unwrap();
    cast(&cx, "to room 1").await;
    let mut told = [town.next().await, town.next().await];
    told.sort();
    let to = |n| (format!("dev.w1.desk.{n}"), "to room 1".to_owned());
    assert_eq!(told, [to(1), to(2)]);
    // What room 2 hears next is the first that it hears.
    DeskClient::topic(&cx, "room.2").tell(tell("to room 2")).await.unwrap();
    assert_eq!(town.next().await, ("dev.w1.desk.3".into(), "to room 2".into()));
    town.nothing_more();
}

#[tokio::test]
async fn casts_of_one_caller_by_topic_come_in_their_order() {
    let mut town = Town::new();
    let app = town.start("dev.w1.desk.1").await;
    let _subscribed = DeskClient::subscribe(&app.cx(), "room.1").await.unwrap();
    for n in 0..200 {
        cast(&app.cx(), &n.to_string()).await;
    }
    for n in 0..200 {
        assert_eq!(town.next().await.1, n.to_string());
    }
}

#[tokio::test]
async fn services_of_all_models_hear_their_topics() {
    let mut town = Town::new();
    let ledger = LedgerServer::new(TestLedger(town.teller()));
    let app = TestTalker::serve(town.app("dev.w1.all.1", &[]));
    let app = app.serve(town.desk()).serve(TestChannel::server()).serve(ledger);
    let app = app.start().await.unwrap();
    let cx = app.cx();
    let _concurrent = DeskClient::subscribe(&cx, "room").await.unwrap();
    let _serial = LedgerClient::subscribe(&cx, "room").await.unwrap();
    let _interleaved = ChannelClient::subscribe(&cx, "room").await.unwrap();
    let _actor = TalkerClient::subscribe(&cx, "room").await.unwrap();

    DeskClient::topic(&cx, "room").tell(tell("concurrent")).await.unwrap();
    assert_eq!(town.next().await.1, "concurrent");
    let add = AddReq { add: 7, ..AddReq::default() };
    LedgerClient::topic(&cx, "room").note(add).await.unwrap();
    assert_eq!(town.next().await, ("ledger".into(), "7".into()));
    ChannelClient::topic(&cx, "room").say(tell("interleaved")).await.unwrap();
    let pulled = ChannelClient::new(&cx).pull(PullReq { wanted: 1, ..Default::default() }).await;
    assert_eq!(pulled.unwrap().texts, ["interleaved"]);

    // One that is active hears it.
    let talker = TalkerClient::new(&cx);
    let pull = || talker.pull(PullReq { name: "june".into(), wanted: 0 });
    assert_eq!(pull().await.unwrap().texts, [""; 0]);
    TalkerClient::topic(&cx, "room").hear(tell("actor")).await.unwrap();
    let deadline = cx.env().now() + Duration::from_secs(10);
    while pull().await.unwrap().texts != ["actor"] {
        assert!(cx.env().now() < deadline, "the talker heard nothing within 10 s");
    }
}

/// Tells what it notes.
struct TestLedger(mpsc::Sender<Heard>);

impl Ledger for TestLedger {
    async fn add(&mut self, _cx: &Cx, req: AddReq) -> Result<SumRsp, Status> {
        Ok(SumRsp { sum: req.add })
    }

    async fn note(&mut self, _cx: &Cx, req: AddReq) -> Result<(), Status> {
        self.0.send(("ledger".into(), req.add.to_string())).await.unwrap();
        Ok(())
    }

    async fn panic(&mut self, _cx: &Cx, _req: AddReq) -> Result<(), Status> {
        panic!("asked to")
    }
}

#[tokio::test]
async fn a_topic_is_dispatched_once_per_app_until_its_last_subscription_is_dropped() {
    let mut town = Town::new();
    let app = town.start("dev.w1.desk.1").await;
    let cx = app.cx();
    let first = DeskClient::subscribe(&cx, "room.1").await.unwrap();
    let second = DeskClient::subscribe(&cx, "room.1").await.unwrap();
    cast(&cx, "to both").await;
    cast(&cx, "again").await;
    assert_eq!((town.next().await.1, town.next().await.1), ("to both".into(), "again".into()));
    drop(first);
    cast(&cx, "to the second").await;
    assert_eq!(town.next().await.1, "to the second");
    drop(second);
    cast(&cx, "to nobody").await;
    tell_at(&cx, &app, "to the app").await;
    assert_eq!(town.next().await.1, "to the app");
    let _third = DeskClient::subscribe(&cx, "room.1").await.unwrap();
    cast(&cx, "to the third").await;
    assert_eq!(town.next().await.1, "to the third");
}

#[tokio::test]
async fn a_cast_by_topic_carries_metadata_and_no_session_or_caller() {
    let mut town = Town::new();
    let app = town.start("dev.w1.desk.1").await;
    let other = town.start("dev.w1.desk.2").await;
    let _subscribed = DeskClient::subscribe(&app.cx(), "room.1").await.unwrap();
    let session = Session { player: "june".into(), ..Session::default() };
    let cx = other.cx().with_metadata("colour", "red").with_session(session);
    cast(&cx, "for whom").await;
    assert_eq!(town.next().await.1, "Some(\"red\") None None");
}

#[tokio::test]
async fn what_is_no_cast_of_the_service_is_refused_and_counted() {
    let broker = Arc::new(MemoryBroker::new());
    let mut town = Town::with_broker(broker.clone());
    let app = town.start("dev.w1.desk.1").await;
    let _subscribed = DeskClient::subscribe(&app.cx(), "room.1").await.unwrap();
    let name = "dev.w1.routing.Desk.room.1";
    broker.publish(name, Bytes::from_static(b"nonsense")).await.unwrap();
    broker.publish(name, Bytes::new()).await.unwrap();
    // A whole frame, of another service.
    let mut other = broker.subscribe("dev.w1.routing.Channel.room.1", 16).await.unwrap();
    ChannelClient::topic(&app.cx(), "room.1").say(tell("in the wrong place")).await.unwrap();
    let Some(Delivery::Message(foreign)) = other.next().await else { panic!("it was published") };
    broker.publish(name, foreign).await.unwrap();
    cast(&app.cx(), "the first").await;
    assert_eq!(town.next().await.1, "the first");
    assert_eq!(counted(&app, "guildhall_topic_refused_total"), 3);
}

fn counted(app: &RunningApp, name: &str) -> u64 {
    let text = app.cx().metrics().text();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_slow_app_loses_casts_and_counts_them() {
    let mut town = Town::new();
    let slow = [("broker.buffer", "4"), ("broker.running_max", "1")];
    let app = town.start_with("dev.w1.desk.1", &slow).await;
    let _subscribed = DeskClient::subscribe(&app.cx(), "room.1").await.unwrap();
    cast(&app.cx(), "hold").await;
    assert_eq!(town.next().await.1, "hold");
    for n in 0..20 {
        cast(&app.cx(), &n.to_string()).await;
    }
    town.go_on.add_permits(1);
    for n in 0..4 {
        assert_eq!(town.next().await.1, n.to_string());
    }
    cast(&app.cx(), "later").await;
    // One more, where one had left the buffer to wait for the handler.
    let mut came = 4;
    while town.next().await.1 != "later" {
        came += 1;
    }
    assert!(came <= 5, "{came} came through a buffer of 4");
    assert_eq!(counted(&app, "guildhall_topic_lost_total"), 20 - came);
}

#[tokio::test]
async fn a_lost_topic_is_subscribed_again() {
    let (broker, mut subscribed) = Flaky::new();
    let mut town = Town::with_broker(broker.clone());
    let app = town.start("dev.w1.desk.1").await;
    let _subscribed = DeskClient::subscribe(&app.cx(), "room.1").await.unwrap();
    assert!(subscribed.recv().await.unwrap());
    cast(&app.cx(), "before").await;
    assert_eq!(town.next().await.1, "before");
    broker.lose(2);
    // Two attempts fail, the third does not.
    assert!(!subscribed.recv().await.unwrap());
    assert!(!subscribed.recv().await.unwrap());
    assert!(subscribed.recv().await.unwrap());
    cast(&app.cx(), "after").await;
    assert_eq!(town.next().await.1, "after");
}

/// A broker that can be lost.
struct Flaky {
    inner: Mutex<(Vec<Feed>, usize)>,
    attempts: mpsc::Sender<bool>,
}

impl Flaky {
    /// With what tells of each subscription whether it was made.
    fn new() -> (Arc<Self>, mpsc::Receiver<bool>) {
        let (attempts, subscribed) = mpsc::channel(16);
        (Arc::new(Self { inner: Mutex::default(), attempts }), subscribed)
    }

    /// Ends all subscriptions, and refuses the next `attempts`.
    fn lose(&self, attempts: usize) {
        *self.inner.lock() = (Vec::new(), attempts);
    }
}

impl Broker for Flaky {
    fn publish<'a>(
        &'a self,
        _topic: &'a str,
        message: Bytes,
    ) -> BoxFuture<'a, Result<(), BrokerError>> {
        self.inner.lock().0.iter().for_each(|feed| feed.push(message.clone()));
        Box::pin(std::future::ready(Ok(())))
    }

    fn subscribe<'a>(
        &'a self,
        _topic: &'a str,
        buffer: usize,
    ) -> BoxFuture<'a, Result<Subscription, BrokerError>> {
        let mut inner = self.inner.lock();
        let made = match inner.1 {
            0 => {
                let (feed, subscription) = Subscription::new(buffer, ());
                inner.0.push(feed);
                Ok(subscription)
            }
            _ => {
                inner.1 -= 1;
                Err(BrokerError { operation: "subscribe", message: "it is away".into() })
            }
        };
        self.attempts.try_send(made.is_ok()).unwrap();
        Box::pin(std::future::ready(made))
    }
}

#[tokio::test]
async fn a_subscription_that_could_never_be_heard_is_refused() {
    let town = Town::new();
    let one = [("broker.subscriptions_max", "1")];
    let app = town.start_with("dev.w1.desk.1", &one).await;
    let cx = app.cx();
    let refused = |status: Result<_, Status>| {
        let status = status.map(drop).unwrap_err();
        (status.code(), status.reason(), status.effect())
    };
    let not_served = ChannelClient::subscribe(&cx, "room.1").await;
    let wanted = (Code::FailedPrecondition, reason::NO_SUCH_METHOD, Effect::NotRun);
    assert_eq!(refused(not_served), wanted);
    let no_topic = DeskClient::subscribe(&cx, "room.*").await;
    assert_eq!(refused(no_topic), (Code::InvalidArgument, reason::BAD_REQUEST, Effect::NotRun));
    let first = DeskClient::subscribe(&cx, "room.1").await.unwrap();
    let one_more = DeskClient::subscribe(&cx, "room.2").await;
    let wanted = (Code::ResourceExhausted, reason::OVERLOADED, Effect::NotRun);
    assert_eq!(refused(one_more), wanted);
    drop(first);
    assert!(DeskClient::subscribe(&cx, "room.2").await.is_ok());
}

#[tokio::test]
async fn a_broker_that_is_none_is_told_when_it_is_used() {
    let config = guildhall::Config::builder().set("app.broker", "static:127.0.0.1:7100");
    let app = guildhall::App::with(config.build().unwrap()).serve(Town::new().desk());
    let app = app.start().await.unwrap();
    let status = DeskClient::topic(&app.cx(), "room.1").tell(TellMsg::default()).await.unwrap_err();
    assert_eq!((status.code(), status.effect()), (Code::Unavailable, Effect::NotRun));
    assert!(status.message().contains("app.broker"), "{status}");
    let config = guildhall::Config::builder().set("app.broker", "carrier-pigeon:");
    let error = guildhall::App::with(config.build().unwrap()).start().await.unwrap_err();
    assert!(error.to_string().contains("carrier-pigeon"), "{error}");
}

/// The test mode ActorBroadCast of the framework that this follows: a player posts to all channels, and pulls from any.
#[tokio::test]
async fn what_an_actor_posts_reaches_every_channel_and_is_pulled_from_any() {
    let town = Town::new();
    let players = TestTalker::serve(town.app("dev.w1.actor.1", &[])).start().await.unwrap();
    let channel = |id| town.app(id, &[]).serve(TestChannel::server()).start();
    let _one = channel("dev.w1.async.1").await.unwrap();
    let _two = channel("dev.w1.async.2").await.unwrap();
    let cx = players.cx();
    sees(&cx, 3).await;
    let june = TalkerClient::new(&cx);
    for text in ["Good Morning", "Good Night"] {
        june.post(PostReq { name: "june".into(), text: text.into() }).await.unwrap();
    }
    // Each channel has heard both, whichever answers.
    for _ in 0..10 {
        let pulled = june.pull(PullReq { name: "june".into(), wanted: 2 }).await.unwrap();
        assert_eq!(pulled.texts, ["june: Good Morning", "june: Good Night"]);
    }
    for n in 1..=2 {
        let at = format!("dev.w1.async.{n}").parse::<guildhall::AppId>().unwrap();
        let pull = PullReq { wanted: 2, ..PullReq::default() };
        let pulled = ChannelClient::new(&cx).at(at).pull(pull).await.unwrap();
        assert_eq!(pulled.texts, ["june: Good Morning", "june: Good Night"]);
    }
}
