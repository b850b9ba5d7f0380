//! The fixture of the faults: a vendor, its server, and its backend behind a proxy.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use guildhall_core::store::Holder;
use guildhall_core::{Backend, BackendError, Config, Env, Incarnation, Opening, Plugin};

use crate::{Proxy, Recipe, Server, shared};

/// How long a seam may take until it works again.
pub(super) const RECOVERS: Duration = Duration::from_secs(60);

/// How long any request may take: its deadline of about two seconds, on a busy machine.
pub(super) const ANSWERS: Duration = Duration::from_secs(20);

/// How long a server stands still.
pub(super) const STILL: Duration = Duration::from_secs(10);

/// Each way.
pub(super) const SLOW: Duration = Duration::from_millis(200);

/// A vendor under test.
#[derive(Clone, Copy)]
pub struct Vendor {
    /// How its server runs.
    pub recipe: &'static Recipe,
    /// Its plugin.
    pub plugin: &'static dyn Plugin,
    /// The options of the `n`-th place that nothing else uses.
    pub options: fn(n: u32) -> String,
}

impl std::fmt::Debug for Vendor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Vendor").field(&self.recipe.name).finish()
    }
}

impl Vendor {
    /// A place on a server that nothing else uses.
    pub(super) fn place(&self) -> Place<'_> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        Place { vendor: self, options: (self.options)(COUNT.fetch_add(1, Ordering::Relaxed)) }
    }

    /// A server that does not run yet.
    pub(super) fn server(&self) -> Server {
        Server::new(self.recipe)
    }

    /// A proxy to the server that all tests share.
    pub(super) fn proxy(&self) -> Proxy {
        Proxy::to(shared(self.recipe).address())
    }
}

/// A place on a server.
pub(super) struct Place<'a> {
    vendor: &'a Vendor,
    options: String,
}

impl Place<'_> {
    /// What the plugin opens there.
    pub(super) async fn open(&self, address: &str) -> Backend {
        self.open_url(&self.url(address))
            .await
            .expect("a server that is away is no error of the URL")
    }

    pub(super) async fn open_url(&self, url: &str) -> Result<Backend, BackendError> {
        let (env, config, id) = (Env::real(), Config::builder().build().unwrap(), app(1));
        let opening = Opening { env: &env, config: &config, id: &id, url };
        self.vendor.plugin.open(opening).await
    }

    /// The URL of this place at an address.
    pub(super) fn url(&self, address: &str) -> String {
        let url = (self.vendor.recipe.url)(address);
        format!("{url}{}{}", if url.contains('?') { '&' } else { '?' }, self.options)
    }
}

fn app(inst: u64) -> guildhall_core::AppId {
    format!("test.w1.role.{inst}").parse().unwrap()
}

pub(super) fn holder(inst: u64) -> Holder {
    Holder { app: app(inst), incarnation: Incarnation(1) }
}

/// What a request returns, which it must within its deadline.
pub(super) async fn answer<T>(request: impl Future<Output = T>) -> T {
    let env = Env::real();
    let answer = env.until(env.now() + ANSWERS, request).await;
    answer.unwrap_or_else(|| panic!("no answer and no error within {ANSWERS:?}"))
}

/// Repeats a request until it succeeds.
pub(super) async fn until_it_works<T, E: std::fmt::Display>(
    mut request: impl AsyncFnMut() -> Result<T, E>,
) -> T {
    let env = Env::real();
    let end = env.now() + RECOVERS;
    loop {
        match answer(request()).await {
            Ok(done) => return done,
            Err(error) => assert!(env.now() < end, "it does not work again: {error}"),
        }
        env.sleep(Duration::from_millis(100)).await;
    }
}

/// A server that runs but does not answer, until this is dropped.
pub(super) struct Still<'a>(&'a Server);

impl<'a> Still<'a> {
    pub(super) fn stand(server: &'a Server) -> Self {
        server.signal("STOP");
        Self(server)
    }
}

impl Drop for Still<'_> {
    fn drop(&mut self) {
        self.0.signal("CONT");
    }
}
