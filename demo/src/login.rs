//! Login over HTTP: `POST /register` and `POST /login` with `{"account","password"}` answer `{"player","token"}`.
//!
//! The token is what a client shows to the gate; passwords go no further than this. `GET /keys` answers the public keys that a
//! gate checks tokens with ([`PublicKeys`] gets them). Errors are `{"code","reason","message"}`, with reasons of `AccountError`.
//!
//! It stands in the open internet. A hash costs 19 MiB and 27 ms of a core by design, so what may be hashed is bounded: slots with
//! memory of their own, turns that go round among accounts and addresses, and a limit for wrong passwords. An account that has
//! logged in from an address before passes all others, so guessing from elsewhere, or next door, does not keep it out. Addresses are
//! those of the sockets: behind a proxy all players have the proxy's, and the limits have to be the proxy's own.

mod accounts;
mod config;
mod keys;
mod public_keys;
mod rules;
mod slots;
mod passwords;
mod tokens;
mod mint;
mod tries;
mod answer;
mod desk;

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use guildhall::http::Server;
use guildhall::{BoxFuture, Component, Config, Cx, StartError};

pub use accounts::AccountActor;
pub use config::LoginConfig;
pub use mint::Mint;
pub use public_keys::PublicKeys;

use desk::Desk;

/// The component that serves logins; clones are the same one. Needs `AccountActor` somewhere among the apps.
#[derive(Clone, Debug, Default)]
pub struct Login(Arc<OnceLock<Server>>);

impl Login {
    /// A server that is configured by `[login]` when the app starts.
    pub fn new() -> Self {
        Self::default()
    }

    /// Where it listens, once it does.
    pub fn addr(&self) -> Option<SocketAddr> {
        self.0.get().map(Server::addr)
    }
}

impl Component for Login {
    fn start<'a>(
        self: Arc<Self>,
        config: &'a Config,
        cx: Cx,
    ) -> BoxFuture<'a, Result<(), StartError>> {
        Box::pin(async move {
            let config: LoginConfig = config.section("login")?;
            let limits = config.limits().map_err(|why| StartError::setting("login", why))?;
            let env = cx.env().clone();
            let desk = Desk::open(cx, &config).await?;
            let server = Server::start(&env, "login.listen", &config.listen, limits, desk).await;
            self.0.set(server.map_err(|why| StartError::listen("login.listen", why))?).map_err(
                |_| {
                    StartError::program(
                        "a login server starts once; make another one for another app",
                    )
                },
            )
        })
    }

    fn drain(self: Arc<Self>, _cx: Cx) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            if let Some(server) = self.0.get() {
                server.stop().await;
            }
        })
    }
}
