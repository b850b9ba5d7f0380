//! Two apps: `caller` calls `greeter`.

use std::sync::Arc;
use std::time::Duration;

use guildhall::discovery::memory::MemoryDiscovery;
use guildhall::{App, Config, Cx, Env, RunningApp, Status};
use guildhall_otlp::Otlp;
use proto::traced::{HelloReq, HelloRsp, Traced, TracedClient, TracedServer};

struct Greeter;

impl Traced for Greeter {
    async fn hello(&self, _cx: &Cx, req: HelloReq) -> Result<HelloRsp, Status> {
        Ok(HelloRsp { rsp: req.req })
    }

    async fn trace_hello(&self, cx: &Cx, req: HelloReq) -> Result<HelloRsp, Status> {
        self.hello(cx, req).await
    }
}

pub(crate) struct Apps {
    pub(crate) caller: RunningApp,
    pub(crate) greeter: RunningApp,
}

/// Both, which trace all calls, with settings that both get.
pub(crate) async fn start(endpoint: &str, settings: &[(&str, &str)]) -> Apps {
    let discovery = Arc::new(MemoryDiscovery::new(Env::real()));
    let app = async |id: &str| {
        let mut config = Config::builder()
            .set("app.id", id)
            .set("app.drain_ms", 2_000)
            .set("link.listen", "127.0.0.1:0")
            .set("trace.sample", 1.0)
            .set("trace.flush_ms", 50)
            .set("trace.export_ms", 1_000)
            .set("otlp.deadline_ms", 1_000)
            .set("otlp.endpoint", endpoint);
        for (key, value) in settings {
            config = match value.parse::<i64>() {
                Ok(number) => config.set(key, number),
                Err(_) => config.set(key, *value),
            };
        }
        let otlp = Otlp::new();
        let app = App::with(config.build().unwrap()).discovery(Arc::clone(&discovery) as _);
        let app = app.spans(otlp.spans()).component(otlp);
        let app = if id.contains("greeter") { app.serve(TracedServer::new(Greeter)) } else { app };
        app.start().await.unwrap()
    };
    let apps =
        Apps { greeter: app("test.w1.greeter.1").await, caller: app("test.w1.caller.1").await };
    while apps.call("first").await.is_err() {
        Env::real().sleep(Duration::from_millis(10)).await;
    }
    apps
}

impl Apps {
    pub(crate) async fn call(&self, text: &str) -> Result<String, Status> {
        let req = HelloReq { req: text.to_owned() };
        TracedClient::new(&self.caller.cx()).trace_hello(req).await.map(|rsp| rsp.rsp)
    }

    pub(crate) async fn shutdown(self) {
        self.caller.shutdown().await;
        self.greeter.shutdown().await;
    }
}
