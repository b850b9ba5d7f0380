//! Two apps that find each other, and handlers that do what a test needs.

use std::sync::Arc;
use std::time::Duration;

use guildhall::config::ConfigBuilder;
use guildhall::discovery::memory::MemoryDiscovery;
use guildhall::{App, Config, Cx, Env, RunningApp, Status};
use proto::hello::{Greeter, GreeterClient, GreeterServer, HelloReq, HelloRsp};
use tokio::sync::mpsc;

/// A world whose clocks all stand still with the paused time of a test. The machine's lease clock does not: where a test takes
/// seconds without letting time pass, its leases run out.
pub(crate) fn still() -> Env {
    Env::simulated(1, Arc::new(guildhall_core::env::TokioNet), Duration::from_secs(1_800_000_000))
}

/// Does what the name in the request says, and reports what happened.
pub(crate) struct Tricky {
    events: mpsc::Sender<&'static str>,
}

impl Greeter for Tricky {
    async fn say(&self, cx: &Cx, req: HelloReq) -> Result<HelloRsp, Status> {
        match req.name.as_str() {
            "panic" => panic!("asked to"),
            "fail" => Err(Status::new(guildhall::Code::NotFound, "nobody of that name")),
            "wait" => {
                let _dropped = Report(self.events.clone());
                self.events.send("begun").await.unwrap();
                cx.env().sleep(Duration::from_secs(3600)).await;
                Err(Status::new(guildhall::Code::Internal, "an hour has passed"))
            }
            "slow" => {
                self.events.send("begun").await.unwrap();
                cx.env().sleep(Duration::from_millis(100)).await;
                Ok(HelloRsp { text: "slowly".into() })
            }
            "left" => {
                let left = cx.deadline().unwrap().saturating_duration_since(cx.env().now());
                Ok(HelloRsp { text: left.as_millis().to_string() })
            }
            "colour" => Ok(HelloRsp { text: cx.metadata("colour").unwrap_or("none").to_owned() }),
            "caller" => {
                Ok(HelloRsp { text: cx.caller().map(ToString::to_string).unwrap_or_default() })
            }
            name => Ok(HelloRsp { text: format!("hello, {name}") }),
        }
    }
}

struct Report(mpsc::Sender<&'static str>);

impl Drop for Report {
    fn drop(&mut self) {
        let _nobody_listens = self.0.try_send("dropped");
    }
}

/// A caller without services and a server, each with its own world, linked.
pub(crate) struct Pair {
    pub(crate) caller: RunningApp,
    pub(crate) server: RunningApp,
    pub(crate) server_env: Env,
    pub(crate) events: mpsc::Receiver<&'static str>,
}

pub(crate) async fn pair() -> Pair {
    pair_in(Env::real(), Env::real()).await
}

pub(crate) async fn pair_in(caller_env: Env, server_env: Env) -> Pair {
    pair_of(caller_env, server_env, |config| config).await
}

/// Two apps of which both have what `more` adds to the configuration.
pub(crate) async fn pair_with(more: impl Fn(ConfigBuilder) -> ConfigBuilder) -> Pair {
    pair_of(Env::real(), Env::real(), more).await
}

async fn pair_of(
    caller_env: Env,
    server_env: Env,
    more: impl Fn(ConfigBuilder) -> ConfigBuilder,
) -> Pair {
    let discovery = Arc::new(MemoryDiscovery::new(Env::real()));
    let (sender, events) = mpsc::channel(16);
    let config = |id, listen| more(builder(id, listen, "secret")).build().unwrap();
    let server = App::with(config("dev.w1.greeter.1", "127.0.0.1:0"))
        .env(server_env.clone())
        .discovery(discovery.clone())
        .serve(GreeterServer::new(Tricky { events: sender }));
    let server = server.start().await.unwrap();
    let caller = App::with(config("dev.w1.caller.1", ""));
    let caller = caller.env(caller_env).discovery(discovery).start().await.unwrap();
    linked(&caller).await;
    Pair { caller, server, server_env, events }
}

pub(crate) fn config(id: &str, listen: &str, secret: &str) -> Config {
    builder(id, listen, secret).build().unwrap()
}

/// As [`config`], with more numbers.
pub(crate) fn config_with(id: &str, listen: &str, more: &[(&str, i64)]) -> Config {
    let with = |config: ConfigBuilder, (key, value): &(&str, i64)| config.set(key, *value);
    more.iter().fold(builder(id, listen, "secret"), with).build().unwrap()
}

fn builder(id: &str, listen: &str, secret: &str) -> ConfigBuilder {
    let config = Config::builder().set("app.id", id).set("link.listen", listen);
    config.set("link.secret", secret).set("link.redial_ms", 5)
}

/// Waits until calls go through.
pub(crate) async fn linked(app: &RunningApp) {
    let cx = app.cx();
    let deadline = cx.env().now() + Duration::from_secs(10);
    while let Err(status) = say(&cx, "you").await {
        assert!(cx.env().now() < deadline, "not linked within 10 s: {status}");
        cx.env().sleep(Duration::from_millis(2)).await;
    }
}

pub(crate) async fn say(cx: &Cx, name: &str) -> Result<String, Status> {
    let reply = GreeterClient::new(cx).say(HelloReq { name: name.into() }).await?;
    Ok(reply.text)
}

/// A task of the test's own, outside of both worlds.
#[allow(clippy::disallowed_methods, reason = "a test is no app")]
pub(crate) fn spawn<F>(future: F) -> tokio::task::JoinHandle<F::Output>
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    tokio::spawn(future)
}
