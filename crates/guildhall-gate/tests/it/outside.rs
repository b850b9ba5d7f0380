//! What a client sends never decides how much is logged, or sent back to it.

use std::fmt::{Debug, Write as _};
use std::sync::Arc;

use guildhall::status::reason;
use guildhall_wire::{ClientHello, Packet};
use parking_lot::Mutex;
use proto::room::{InfoReq, MemberRsp};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::clients::{Tcp, Ws};
use crate::world::world;

/// Much more than is ever shown, within one packet.
const LONG: usize = 60_000;

/// All that the framework logs at any level, line by line.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _never_fails = write!(self.0, " {}={value:?}", field.name());
    }
}

impl Subscriber for Log {
    fn enabled(&self, of: &Metadata<'_>) -> bool {
        of.target().starts_with("guildhall")
    }

    fn new_span(&self, _span: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(event.metadata().target().to_owned());
        event.record(&mut line);
        self.0.lock().push(line.0);
    }

    fn enter(&self, _span: &Id) {}

    fn exit(&self, _span: &Id) {}
}

#[tokio::test]
async fn what_a_client_sends_is_cut_in_errors_and_in_the_log() {
    let log = Log::default();
    // With one subscriber alone, the first thread that comes by, of whatever test, decides whether a line is logged at all.
    let _second = tracing::Dispatch::new(Log::default());
    let _logs = tracing::subscriber::set_default(log.clone());
    let world = world().await;
    let long = "x".repeat(LONG);
    let call = |id: u32, method: &str, body: &str| {
        format!(r#"{{"kind":"call","id":{id},"method":"{method}","body":{body}}}"#)
    };
    let mut eve = Ws::login(world.ws(), "eve").await;
    for (id, (method, body)) in (1..).zip([
        (long.as_str(), "{}".to_owned()),
        ("room.Directory/Find", format!(r#""{long}""#)),
        ("room.Room/Say", format!(r#"{{"id":"{long}"}}"#)),
        ("room.Room/Say", format!(r#"{{"id":1{}}}"#, "0".repeat(LONG))),
    ]) {
        let answer = eve.ask(&call(id, method, &body)).await;
        let message = answer["message"].as_str().unwrap();
        assert!(message.len() < 256, "{method:.20}: {answer}");
        eve.say(&call(id, method, &body).replace("call", "cast")).await;
    }
    // A packet that is none, and a token that names nobody.
    let end = eve.ask(&format!(r#"{{"kind":"{long}"}}"#)).await;
    let message = end["message"].as_str().unwrap();
    assert!(message.len() < 256 && message.contains('…'), "{end}");
    let mut stranger = Tcp::connect(world.tcp()).await;
    stranger.send(&Packet::Hello(ClientHello { token: long, ..ClientHello::default() })).await;
    assert_eq!(stranger.end().await, reason::UNAUTHENTICATED);

    // Something was logged, and all of it is short.
    let mut bob = Tcp::login(world.tcp(), "bob").await;
    let _not_there = bob.call::<_, MemberRsp>(1, "/room.Member/Info", &InfoReq::default()).await;
    let lines = log.0.lock().clone();
    assert!(lines.iter().any(|line| line.contains("cast of a client dropped")), "{lines:?}");
    let longest = lines.iter().max_by_key(|line| line.len()).unwrap();
    assert!(longest.len() < 512, "{longest}");
}
