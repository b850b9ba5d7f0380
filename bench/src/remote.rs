//! Guildhall's side: two apps and a link over loopback.

use std::time::Duration;

use anyhow::{Context as _, Result};
use guildhall::{App, Config, Cx, RunningApp, Status};

mod echo {
    guildhall::include_proto!("echo");
}
use echo::{Echo, EchoClient, EchoMsg, EchoServer};

/// The body of a call, of both sides.
pub(crate) const PAYLOAD: [u8; 64] = [7; 64];

struct Server;

impl Echo for Server {
    async fn say(&self, _cx: &Cx, req: EchoMsg) -> Result<EchoMsg, Status> {
        Ok(req)
    }
}

/// A caller, and the server it is linked to.
pub(crate) struct Remote {
    caller: RunningApp,
    _server: RunningApp,
}

pub(crate) async fn start() -> Result<Remote> {
    let config = Config::builder().set("app.id", "bench.w1.echo.1");
    let config = config.set("link.listen", "127.0.0.1:0").build()?;
    let server = App::with(config).serve(EchoServer::new(Server)).start().await?;
    let list = format!("static:{}", server.link_addr().context("it listens")?);
    let config = Config::builder().set("app.id", "bench.w1.caller.1").set("app.discovery", list);
    let caller = App::with(config.build()?).start().await?;
    let remote = Remote { caller, _server: server };
    for _ in 0..100 {
        if remote.call().await.is_ok() {
            return Ok(remote);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    remote.call().await?;
    Ok(remote)
}

impl Remote {
    pub(crate) fn call(&self) -> impl Future<Output = Result<()>> + Send + use<> {
        let cx = self.caller.cx();
        async move {
            let payload = PAYLOAD.to_vec();
            let reply = EchoClient::new(&cx).say(EchoMsg { payload: payload.into() }).await?;
            anyhow::ensure!(reply.payload.len() == PAYLOAD.len(), "a wrong reply");
            Ok(())
        }
    }
}
