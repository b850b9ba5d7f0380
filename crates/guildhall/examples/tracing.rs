//! Tracing: one call through two apps, an actor and the store. Ids differ from run to run, so the example prints the tree.
//!
//! ```text
//! cargo run -p guildhall --example tracing
//! ```
//!
//! Output:
//!
//!     Hello , you
//!     caller client /traced.Traced/TraceHello OK
//!      greeter server /traced.Traced/TraceHello OK
//!       greeter client /counter.Counter/Add OK
//!        greeter server /counter.Counter/Add OK
//!         greeter turn /counter.Counter/Add OK
//!          greeter store claim OK
//!          greeter store commit OK
//!     in one trace: true

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use guildhall::discovery::memory::MemoryDiscovery;
use guildhall::trace::{Span, SpanExporter};
use guildhall::{Actor, ActorCx, App, BoxFuture, Config, Cx, Env, Status};
use proto::counter::{
    AddReq, Counter, CounterClient, CounterRsp, CounterServer, CounterStateEntity, GetReq,
};
use proto::traced::{HelloReq, HelloRsp, Traced, TracedClient, TracedServer};

/// Collects the spans; `trace.export = "stdout"` prints them as JSON.
#[derive(Default)]
struct Kept(Mutex<Vec<Span>>);

impl SpanExporter for Kept {
    fn export<'a>(&'a self, spans: &'a [Span]) -> BoxFuture<'a, Result<(), String>> {
        self.0.lock().expect("nothing panics").extend_from_slice(spans);
        Box::pin(std::future::ready(Ok(())))
    }
}

struct Greeter;

impl Traced for Greeter {
    async fn hello(&self, _cx: &Cx, req: HelloReq) -> Result<HelloRsp, Status> {
        Ok(HelloRsp { rsp: format!("Hello , {}", req.req) })
    }

    async fn trace_hello(&self, cx: &Cx, req: HelloReq) -> Result<HelloRsp, Status> {
        let add = AddReq { id: req.req.clone(), add: 1, ..AddReq::default() };
        CounterClient::new(cx).add(add).await?;
        self.hello(cx, req).await
    }
}

struct Greeted {
    state: CounterStateEntity,
}

impl Actor for Greeted {
    const NAME: &'static str = "greeted";
    type Key = String;
    type State = CounterStateEntity;

    async fn activate(
        _cx: &ActorCx,
        _key: String,
        state: CounterStateEntity,
    ) -> Result<Self, Status> {
        Ok(Self { state })
    }

    fn state(&mut self) -> &mut CounterStateEntity {
        &mut self.state
    }
}

impl Counter for Greeted {
    async fn add(&mut self, _cx: &ActorCx, req: AddReq) -> Result<CounterRsp, Status> {
        *self.state.value_mut() += req.add;
        Ok(CounterRsp { value: self.state.value, ..CounterRsp::default() })
    }

    async fn get(&mut self, _cx: &ActorCx, _req: GetReq) -> Result<CounterRsp, Status> {
        Ok(CounterRsp { value: self.state.value, ..CounterRsp::default() })
    }
}

/// Prints the spans below `parent`.
fn print(spans: &[Span], parent: Option<[u8; 8]>, indent: &str) {
    let mut below: Vec<&Span> = spans.iter().filter(|span| span.parent_id == parent).collect();
    below.sort_by_key(|span| span.started);
    for span in below {
        let app = span.app.split('.').nth(2).unwrap_or_default();
        println!("{indent}{app} {} {} {}", span.kind.name(), span.name, span.code.name());
        print(spans, Some(span.span_id), &format!("{indent} "));
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (kept, discovery) = (Arc::new(Kept::default()), MemoryDiscovery::new(Env::real()));
    let discovery = Arc::new(discovery);
    // Sample only methods with `trace: true`.
    let config = |id: &str| Config::builder().set("app.id", id).set("trace.sample", 0);
    let app = |config| {
        App::with(config).discovery(Arc::clone(&discovery) as _).spans(Arc::clone(&kept) as _)
    };
    let listens = config("dev.w1.greeter.1").set("link.listen", "127.0.0.1:0").build()?;
    let greeter = app(listens)
        .serve(TracedServer::new(Greeter))
        .actor::<Greeted>(CounterServer)
        .start()
        .await?;
    let caller = app(config("dev.w1.caller.1").build()?).start().await?;

    let cx = caller.cx();
    let hello = || HelloReq { req: "you".into() };
    while TracedClient::new(&cx).hello(hello()).await.is_err() {
        cx.env().sleep(Duration::from_millis(10)).await;
    }
    println!("{}", TracedClient::new(&cx).trace_hello(hello()).await?.rsp);
    // Shutdown exports the remaining spans and saves the actor.
    caller.shutdown().await;
    greeter.shutdown().await;

    let spans = kept.0.lock().expect("nothing panics");
    print(&spans, None, "");
    println!("in one trace: {}", spans.iter().all(|span| span.trace_id == spans[0].trace_id));
    Ok(())
}
