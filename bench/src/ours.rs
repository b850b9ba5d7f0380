//! Guildhall's side: two apps and a link over loopback.

use std::time::Duration;

use anyhow::{Context as _, Result};
use guildhall::{App, Config, Cx, RunningApp, Status};

mod echo {
    guildhall::include_proto!("echo");
}
use echo::{Echo, EchoClient, EchoMsg, EchoServer};

struct Server;

impl Echo for Server {
    async fn say(&self, _cx: &Cx, req: EchoMsg) -> Result<EchoMsg, Status> {
        Ok(req)
    }
}

/// A caller, and the server it is linked to.
pub(crate) struct Ours {
    caller: RunningApp,
    _server: RunningApp,
}

pub(crate) async fn start() -> Result<Ours> {
    let config = Config::builder().set("app.id", "bench.w1.echo.1");
    let config = config.set("link.listen", "127.0.0.1:0").build()?;
    let server = App::with(config).serve(EchoServer::new(Server)).start().await?;
    let list = format!("static:{}", server.link_addr().context("it listens")?);
    let config = Config::builder().set("app.id", "bench.w1.caller.1").set("app.discovery", list);
    let caller = App::with(config.build()?).start().await?;
    let ours = Ours { caller, _server: server };
    for _ in 0..100 {
        if ours.call().await.is_ok() {
            return Ok(ours);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    ours.call().await?;
    Ok(ours)
}

impl Ours {
    pub(crate) fn call(&self) -> impl Future<Output = Result<()>> + Send + use<> {
        let cx = self.caller.cx();
        async move {
            let payload = crate::PAYLOAD.to_vec();
            let reply = EchoClient::new(&cx).say(EchoMsg { payload: payload.into() }).await?;
            anyhow::ensure!(reply.payload.len() == crate::PAYLOAD.len(), "a wrong reply");
            Ok(())
        }
    }
}
