//! [`Dialler`]: which of the servers to connect to, and when.

use std::io;
use std::time::Duration;

use async_nats::{ReconnectToServer, Server, ServerAddr};
use futures_util::future::select_ok;
use guildhall_core::Env;
use guildhall_tls::Roots;

use super::ATTEMPT;
use super::greeting::Greeting;
use super::link::News;

/// Chooses the server to connect to: the first that greets.
#[derive(Clone)]
pub(super) struct Dialler {
    pub(super) env: Env,
    pub(super) news: News,
    pub(super) roots: Option<Roots>,
}

impl Dialler {
    pub(super) async fn choose(self, servers: Vec<Server>) -> Option<ReconnectToServer> {
        let env = self.env.clone();
        // A task, because what is awaited here must be `Sync`.
        let chosen = env.spawn("nats.dial", self.first_that_greets(servers)).await;
        // The app has ended.
        let Ok(Some(addr)) = chosen else { return std::future::pending().await };
        Some(ReconnectToServer { addr, delay: Some(Duration::ZERO) })
    }

    async fn first_that_greets(self, servers: Vec<Server>) -> ServerAddr {
        let mut is_again = servers.iter().any(|server| server.failed_attempts > 0);
        loop {
            let outage = &self.news.outage;
            if is_again || outage.is_there() {
                self.env.sleep(outage.pause()).await;
            }
            is_again = true;
            let dials = servers.iter().map(|server| Box::pin(self.dial(server)));
            match select_ok(dials).await {
                Ok((addr, _others)) => return addr,
                Err(why) => self.news.failed(&why),
            }
        }
    }

    /// Waits for what a server of NATS says first, and for its certificate. A server that stands still, or is another program, accepts
    /// connections too.
    async fn greeting(&self, address: &str) -> io::Result<()> {
        let conn = self.env.net().connect(address).await?;
        let greeting = Greeting::read(&*conn).await?;
        let Some(roots) = &self.roots else {
            return match greeting.requires_tls {
                true => Err(io::Error::other("the server wants TLS; write natss://…?ca=FILE")),
                false => Ok(()),
            };
        };
        if !greeting.has_tls() {
            return Err(io::Error::other("the server has no TLS; give it some, or write nats://"));
        }
        roots.connect(&self.env, address, &[], conn).await.map(drop)
    }

    async fn dial(&self, server: &Server) -> Result<ServerAddr, String> {
        let address = format!("{}:{}", server.addr.host(), server.addr.port());
        let dialled = self.env.until(self.env.now() + ATTEMPT, self.greeting(&address));
        match dialled.await {
            Some(Ok(())) => Ok(server.addr.clone()),
            Some(Err(error)) => Err(format!("{address}: {error}")),
            None => Err(format!("{address}: no answer within {} ms", ATTEMPT.as_millis())),
        }
    }
}
