//! Traces of calls through a whole cluster.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use guildhall::gate::{Authenticate, Gate, Identity, SessionActor, SessionServer};
use guildhall::trace::{Span, SpanExporter, SpanKind};
use guildhall::{Actor, ActorCx, App, BoxFuture, Code, Cx, Status};
use guildhall_client::{Client, Events, Options};
use guildhall_testkit::Cluster;
use proto::chat::{Chat, ChatClient, ChatEvents, ChatServer, SaidMsg, SayReq, SayRsp};
use proto::counter::{
    AddReq, Counter, CounterClient, CounterRsp, CounterServer, CounterStateEntity, GetReq,
};
use proto::traced::{HelloReq, HelloRsp, Traced, TracedClient, TracedServer};

const GATE: &str = "dev.w1.gate.1";
const ROLE: &str = "dev.w1.role.1";
const CLUB: &str = "dev.w1.club.1";

/// Keeps the spans of all apps.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<Span>>>);

impl SpanExporter for Kept {
    fn export<'a>(&'a self, spans: &'a [Span]) -> BoxFuture<'a, Result<(), String>> {
        self.0.lock().unwrap().extend_from_slice(spans);
        Box::pin(std::future::ready(Ok(())))
    }
}

/// One who says something tells the club, and everybody.
struct Role;

impl Chat for Role {
    async fn say(&self, cx: &Cx, req: SayReq) -> Result<SayRsp, Status> {
        let player = cx.player().unwrap_or_default().to_owned();
        let add = AddReq { id: "club".into(), add: 1, ..AddReq::default() };
        CounterClient::new(cx).add(add).await?;
        let said = SaidMsg { player: player.clone(), text: req.text };
        ChatEvents::to(cx, player.as_str()).said(said).await?;
        Ok(SayRsp { player: cx.trace_id().unwrap_or_default() })
    }
}

impl Traced for Role {
    async fn hello(&self, _cx: &Cx, req: HelloReq) -> Result<HelloRsp, Status> {
        Ok(HelloRsp { rsp: format!("Hello , {}", req.req) })
    }

    async fn trace_hello(&self, _cx: &Cx, req: HelloReq) -> Result<HelloRsp, Status> {
        match req.req.as_str() {
            "" => Err(Status::new(Code::InvalidArgument, "hello to nobody")),
            req => Ok(HelloRsp { rsp: format!("Hello , {req}") }),
        }
    }
}

struct Club {
    state: CounterStateEntity,
}

impl Actor for Club {
    const NAME: &'static str = "club";
    type Key = String;
    type State = CounterStateEntity;

    async fn activate(
        _cx: &ActorCx,
        _id: String,
        state: CounterStateEntity,
    ) -> Result<Self, Status> {
        Ok(Self { state })
    }

    fn state(&mut self) -> &mut CounterStateEntity {
        &mut self.state
    }
}

impl Counter for Club {
    async fn add(&mut self, cx: &ActorCx, req: AddReq) -> Result<CounterRsp, Status> {
        cx.env().sleep(Duration::from_millis(7)).await;
        *self.state.value_mut() += req.add;
        Ok(CounterRsp { value: self.state.value, ..CounterRsp::default() })
    }

    async fn get(&mut self, _cx: &ActorCx, _req: GetReq) -> Result<CounterRsp, Status> {
        Ok(CounterRsp { value: self.state.value, ..CounterRsp::default() })
    }
}

struct Everybody;

impl Authenticate for Everybody {
    fn authenticate(&self, token: &str, _wall: Duration) -> Result<Identity, Status> {
        Ok(Identity { account: token.to_owned(), ..Identity::default() })
    }
}

/// A gate with these settings, a role and a club, and where their spans go.
async fn game(settings: &[(&str, &str)]) -> (Cluster, Kept) {
    let mut cluster = Cluster::new(7);
    let kept = Kept::default();
    let spans = kept.clone();
    let role = move |app: App| {
        let app = app.serve(ChatServer::new(Role)).serve(TracedServer::new(Role));
        let app = app.spans(Arc::new(spans.clone()));
        app.actor::<SessionActor>(SessionServer)
    };
    cluster.start_with(ROLE, &[("trace.sample", "0")], role).await.unwrap();
    let spans = kept.clone();
    let club = move |app: App| app.spans(Arc::new(spans.clone())).actor::<Club>(CounterServer);
    cluster.start_with(CLUB, &[("trace.sample", "0")], club).await.unwrap();
    let spans = kept.clone();
    let gate = move |app: App| {
        let app = app.spans(Arc::new(spans.clone()));
        app.component(Gate::new().authenticate(Everybody))
    };
    let listen = format!("{GATE}:7000");
    let settings = [settings, &[("gate.tcp", &listen)]].concat();
    cluster.start_with(GATE, &settings, gate).await.unwrap();
    cluster.linked().await;
    (cluster, kept)
}

async fn enter(cluster: &mut Cluster) -> (Client, Events) {
    let address = format!("tcp://{GATE}:7000");
    Client::connect(&cluster.client_env(), &address, "ann", Options::default()).await.unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `app kind name` of each span below `parent`, with its depth.
fn tree(spans: &[Span], parent: Option<[u8; 8]>, depth: usize, out: &mut Vec<String>) {
    let mut below: Vec<&Span> = spans.iter().filter(|span| span.parent_id == parent).collect();
    below.sort_by_key(|span| span.started);
    for span in below {
        let app = span.app.split('.').nth(2).unwrap();
        out.push(format!("{}{app} {} {}", " ".repeat(depth), span.kind.name(), span.name));
        tree(spans, Some(span.span_id), depth + 1, out);
    }
}

#[tokio::test(start_paused = true)]
async fn one_call_of_a_client_is_one_trace_through_gate_role_club_and_store() {
    let (mut cluster, kept) = game(&[("trace.sample", "1")]).await;
    let (client, _events) = enter(&mut cluster).await;
    // What entering has brought.
    cluster.advance(Duration::from_secs(10)).await;
    kept.0.lock().unwrap().clear();
    let trace = client.call(ChatClient::SAY, SayReq { text: "hi".into() }).await.unwrap().player;
    // The club is saved within the save interval.
    cluster.advance(Duration::from_secs(10)).await;
    let spans = kept.0.lock().unwrap().clone();
    let traces: BTreeSet<String> = spans.iter().map(|span| hex(&span.trace_id)).collect();
    assert_eq!(traces, BTreeSet::from([trace]));
    let mut all = Vec::new();
    tree(&spans, None, 0, &mut all);
    assert_eq!(all.len(), spans.len(), "each has its parent: {spans:#?}");
    let expected = "\
gate client /chat.Chat/Say
 role server /chat.Chat/Say
  role client /counter.Counter/Add
   club server /counter.Counter/Add
    club turn /counter.Counter/Add
     club store claim
     club store commit
  role push /chat.ChatEvents/Said
   role client /guildhall.runtime.Session/Push
    role server /guildhall.runtime.Session/Push
     role turn /guildhall.runtime.Session/Push
      role client /guildhall.runtime.Gate/Deliver
       gate server /guildhall.runtime.Gate/Deliver";
    assert_eq!(all.join("\n"), expected);
    let turn = spans.iter().find(|span| span.kind == SpanKind::Turn && &*span.app == CLUB).unwrap();
    assert!(turn.took >= Duration::from_millis(7), "{turn:?}");
    assert!(turn.fields.contains(&("actor", "club/club".to_owned())), "{turn:?}");
    let server = spans.iter().find(|span| span.kind == SpanKind::Server).unwrap();
    assert!(server.fields.contains(&("player", "ann".to_owned())), "{server:?}");
    assert!(spans.iter().all(|span| span.code == Code::Ok), "{spans:#?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_not_sampled_has_no_spans_and_methods_that_are_always_traced_have() {
    let (mut cluster, kept) = game(&[("trace.sample", "0")]).await;
    let (client, _events) = enter(&mut cluster).await;
    let hello = |req: &str| HelloReq { req: req.into() };
    let said = client.call(TracedClient::HELLO, hello("you")).await.unwrap();
    assert_eq!(said.rsp, "Hello , you");
    client.call(ChatClient::SAY, SayReq { text: "hi".into() }).await.unwrap();
    cluster.advance(Duration::from_secs(10)).await;
    assert_eq!(*kept.0.lock().unwrap(), [], "nothing was sampled");

    client.call(TracedClient::TRACE_HELLO, hello("you")).await.unwrap();
    let status = client.call(TracedClient::TRACE_HELLO, hello("")).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    cluster.advance(Duration::from_secs(10)).await;
    let spans = kept.0.lock().unwrap().clone();
    let steps = |code| {
        let spans = spans.iter().filter(move |span| span.code == code);
        spans.map(|span| (span.app.to_string(), span.kind.name())).collect::<BTreeSet<_>>()
    };
    let both = BTreeSet::from([(GATE.to_owned(), "client"), (ROLE.to_owned(), "server")]);
    assert_eq!((steps(Code::Ok), steps(Code::InvalidArgument)), (both.clone(), both));
}

#[tokio::test(start_paused = true)]
async fn spans_are_exported_when_the_app_stops() {
    let (mut cluster, kept) = game(&[("trace.sample", "1"), ("trace.flush_ms", "3600000")]).await;
    let (client, _events) = enter(&mut cluster).await;
    client.call(TracedClient::HELLO, HelloReq { req: "you".into() }).await.unwrap();
    cluster.advance(Duration::from_secs(10)).await;
    let of_gate = || kept.0.lock().unwrap().iter().filter(|span| &*span.app == GATE).count();
    assert_eq!(of_gate(), 0, "they wait for others");
    cluster.shutdown(GATE).await;
    assert!(of_gate() > 0);
}

#[tokio::test(start_paused = true)]
async fn spans_over_the_limit_are_dropped_and_counted() {
    let settings = [("trace.sample", "1"), ("trace.flush_ms", "60000"), ("trace.queue_max", "3")];
    let (mut cluster, _kept) = game(&settings).await;
    let (client, _events) = enter(&mut cluster).await;
    for _ in 0..10 {
        client.call(TracedClient::HELLO, HelloReq { req: "you".into() }).await.unwrap();
    }
    let text = cluster.cx(GATE).metrics().text();
    let dropped = text.lines().find(|line| line.starts_with("guildhall_spans_dropped_total "));
    let dropped: u32 = dropped.unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    assert!(dropped >= 7, "{dropped}");
}

#[tokio::test(start_paused = true)]
async fn a_share_of_the_calls_is_sampled() {
    let (mut cluster, kept) = game(&[("trace.sample", "0.2"), ("gate.calls_per_s", "0")]).await;
    let (client, _events) = enter(&mut cluster).await;
    cluster.advance(Duration::from_secs(10)).await;
    kept.0.lock().unwrap().clear();
    for _ in 0..1000 {
        client.call(TracedClient::HELLO, HelloReq { req: "you".into() }).await.unwrap();
    }
    cluster.advance(Duration::from_secs(10)).await;
    let roots = kept.0.lock().unwrap().iter().filter(|span| span.parent_id.is_none()).count();
    assert!((140..=260).contains(&roots), "{roots} of 1000");
}
