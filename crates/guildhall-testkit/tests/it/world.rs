//! A small cluster, and a service that does what a test needs.

use std::time::Duration;

use guildhall::{Cx, Status};
use guildhall_testkit::Cluster;
use proto::hello::{Greeter, GreeterClient, GreeterServer, HelloReq, HelloRsp};

pub(crate) const GREETER: &str = "dev.w1.greeter.1";
pub(crate) const CALLER: &str = "dev.w1.caller.1";

/// How long `slow` takes.
pub(crate) const SLOW: Duration = Duration::from_secs(1);

pub(crate) struct Hello;

impl Greeter for Hello {
    async fn say(&self, cx: &Cx, req: HelloReq) -> Result<HelloRsp, Status> {
        if req.name == "slow" {
            cx.env().sleep(SLOW).await;
        }
        Ok(HelloRsp { text: format!("hello, {}", req.name) })
    }
}

/// One that greets and one that calls, with a link to each other that stays.
pub(crate) async fn pair(seed: u64) -> Cluster {
    let mut cluster = Cluster::new(seed);
    cluster.close_idle_links(0);
    cluster.start(GREETER, |app| app.serve(GreeterServer::new(Hello))).await.unwrap();
    cluster.start(CALLER, |app| app).await.unwrap();
    cluster.linked().await;
    cluster
}

pub(crate) async fn say(cx: &Cx, name: &str) -> Result<String, Status> {
    let reply = GreeterClient::new(cx).say(HelloReq { name: name.into() }).await?;
    Ok(reply.text)
}

/// A call on its way: it has been made, and has not ended.
pub(crate) async fn begin(
    cluster: &Cluster,
    from: &str,
    name: &'static str,
) -> tokio::task::JoinHandle<Result<String, Status>> {
    let cx = cluster.cx(from);
    let call = spawn(async move { say(&cx, name).await });
    cluster.advance(Duration::from_millis(10)).await;
    assert!(!call.is_finished(), "the call has ended already");
    call
}

/// A task of the test's own, outside of all worlds.
#[allow(clippy::disallowed_methods, reason = "a test is no app")]
pub(crate) fn spawn<F>(future: F) -> tokio::task::JoinHandle<F::Output>
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    tokio::spawn(future)
}

/// What a future that panics says.
pub(crate) async fn panic_of<F>(future: F) -> String
where
    F: Future<Output: Send + 'static + std::fmt::Debug> + Send + 'static,
{
    let panic = spawn(future).await.unwrap_err().into_panic();
    let text = panic.downcast_ref::<String>().cloned();
    text.unwrap_or_else(|| panic.downcast_ref::<&str>().unwrap().to_string())
}
