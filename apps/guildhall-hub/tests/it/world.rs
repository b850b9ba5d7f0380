//! A hub with a directory of its own, which can be stopped, killed and started again at the same address.

use std::time::Duration;

use guildhall_core::{Config, Env, Opening};
use guildhall_hub::HubClient;
use guildhall_hub_server::{app, presets};
use guildhall_runtime::{RunningApp, StartError};
use tokio::sync::Mutex;

/// Longer than anything here takes.
pub(crate) const WITHIN: Duration = Duration::from_secs(20);

pub(crate) struct World {
    pub(crate) dir: tempfile::TempDir,
    state: Mutex<Option<Running>>,
}

struct Running {
    address: String,
    life: Option<(Env, RunningApp)>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), state: Mutex::default() }
    }

    /// Starts the hub, or stops it and starts it again.
    pub(crate) async fn restart(&self) {
        self.stop().await;
        let mut state = self.state.lock().await;
        let address = state.as_ref().map_or("127.0.0.1:0", |running| &running.address).to_owned();
        let data = self.dir.path().display().to_string();
        let env = Env::real();
        let hub = start(&env, &address, &data, &[]).await.unwrap();
        let address = hub.link_addr().unwrap().to_string();
        *state = Some(Running { address, life: Some((env, hub)) });
    }

    /// As SIGTERM.
    pub(crate) async fn stop(&self) {
        let life = self.state.lock().await.as_mut().and_then(|running| running.life.take());
        if let Some((_, hub)) = life {
            hub.shutdown().await;
        }
    }

    /// As SIGKILL.
    pub(crate) async fn kill(&self) {
        let life = self.state.lock().await.as_mut().and_then(|running| running.life.take());
        if let Some((env, _hub)) = life {
            env.kill();
        }
    }

    pub(crate) async fn url(&self) -> String {
        let state = self.state.lock().await;
        format!("hub://{}", state.as_ref().expect("it was started").address)
    }

    /// A client of a hub that was just started, or started again.
    pub(crate) async fn fresh(&self) -> HubClient {
        self.restart().await;
        self.client().await
    }

    pub(crate) async fn client(&self) -> HubClient {
        self.client_of("test.w1.role.1").await
    }

    /// The client of this app.
    pub(crate) async fn client_of(&self, id: &str) -> HubClient {
        let (env, url) = (Env::real(), self.url().await);
        let (config, id) = (links(), id.parse().unwrap());
        let opening = Opening { env: &env, config: &config, id: &id, url: &url };
        HubClient::connect(opening).await.unwrap()
    }
}

pub(crate) fn links() -> Config {
    Config::builder().set("link.secret", "secret").set("link.redial_ms", 20).build().unwrap()
}

pub(crate) async fn start(
    env: &Env,
    address: &str,
    data: &str,
    flags: &[&str],
) -> Result<RunningApp, StartError> {
    let config = presets(Config::builder())
        .set("app.id", "test.w1.hub.1")
        .set("link.listen", address)
        .set("link.secret", "secret")
        .set("hub.data", data)
        .set("hub.ack_wait_ms", 5000)
        .set("hub.queue_items_max", 100);
    let config = flags.iter().fold(config, |config, flag| config.flag(flag));
    Box::pin(app(config.build().unwrap()).env(env.clone()).start()).await
}

/// Tries until it works, and says how long that took.
pub(crate) async fn until_it_works<V, E: std::fmt::Display>(
    env: &Env,
    what: &str,
    attempt: impl AsyncFn() -> Result<V, E>,
) -> (V, Duration) {
    let begun = env.now();
    loop {
        match attempt().await {
            Ok(value) => return (value, env.now() - begun),
            Err(error) => assert!(env.now() < begun + WITHIN, "{what}: {error}"),
        }
        env.sleep(Duration::from_millis(10)).await;
    }
}
