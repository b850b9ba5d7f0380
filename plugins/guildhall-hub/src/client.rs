//! The app within the app whose one peer is the hub.

use guildhall_core::discovery::NodeRecord;
use guildhall_core::status::reason;
use guildhall_core::{BackendError, Config, Env, Incarnation, Opening, Status};
use guildhall_runtime::{App, AppConfig, Cx, LinkConfig};

use crate::Settings;
use crate::broker::HubBroker;
use crate::discovery::HubDiscovery;
use crate::leases::HubLeases;
use crate::proto::DISCOVERY;
use crate::queue::HubQueue;
use crate::store::HubStore;

/// Longest pause before a lost hub is dialled again: what it costs at most to notice that it is back.
const REDIAL_MAX_MS: u64 = 500;

/// A link to a hub. Clones share it.
#[derive(Clone, Debug)]
pub struct HubClient {
    cx: Cx,
}

impl HubClient {
    /// Starts the inner app, which ends with the world of the outer one, and waits for the hub.
    ///
    /// # Errors
    /// The URL is wrong, or no hub answers within its `connect_ms`.
    pub async fn connect(opening: Opening<'_>) -> Result<Self, BackendError> {
        let settings = Settings::parse(opening.url).map_err(|why| opening.error(why))?;
        Self::link(&opening, &settings).await.map_err(|why| opening.error(why))
    }

    async fn link(opening: &Opening<'_>, to: &Settings) -> Result<Self, String> {
        let config = inner(opening, to).map_err(|error| error.to_string())?;
        let app = App::with(config).env(opening.env.clone());
        let app = Box::pin(app.start()).await.map_err(|error| error.to_string())?;
        let client = Self { cx: app.cx() };
        let mut changes = client.cx.mesh_changes();
        let linked = async {
            while client.hub().is_none() {
                changes.changed().await;
            }
        };
        let deadline = opening.env.now() + to.connect;
        opening.env.until(deadline, linked).await.map(|()| client).ok_or_else(|| {
            let (env, ms) = (opening.id.env(), to.connect.as_millis());
            format!(
                "no hub answers there within {ms} ms (connect_ms); start guildhall-hub there, with an app.id of env `{env}` and the same link.secret"
            )
        })
    }

    /// Where apps register and are watched.
    pub fn discovery(&self) -> HubDiscovery {
        HubDiscovery::new(self.clone())
    }

    /// Topics.
    pub fn broker(&self) -> HubBroker {
        HubBroker::new(self.clone())
    }

    /// Queues, of which the hub is asked what they can do.
    ///
    /// # Errors
    /// The hub does not answer.
    pub async fn queue(&self) -> Result<HubQueue, Status> {
        HubQueue::new(self.clone()).await
    }

    /// Leases.
    pub fn leases(&self) -> HubLeases {
        HubLeases::new(self.clone())
    }

    /// Rows.
    pub fn store(&self) -> HubStore {
        HubStore::new(self.clone())
    }

    /// What calls are made from.
    pub(crate) fn cx(&self) -> &Cx {
        &self.cx
    }

    pub(crate) fn env(&self) -> &Env {
        self.cx.env()
    }

    /// The life of the hub that there is a link to.
    pub(crate) fn hub(&self) -> Option<Incarnation> {
        let serves = |node: &NodeRecord| node.services.iter().any(|name| name == DISCOVERY.name);
        self.cx.nodes().into_iter().find(serves).map(|node| node.incarnation)
    }
}

/// What a failed call of the hub is told as.
pub(crate) fn told(status: &Status) -> String {
    match status.reason() {
        reason::NO_ROUTE => {
            "there is no link to the hub now; it is dialled until it is back".into()
        }
        _ => format!("the hub: {status}"),
    }
}

/// The id and the links of the outer app; everything else is default.
fn inner(
    opening: &Opening<'_>,
    to: &Settings,
) -> Result<Config, Box<dyn std::error::Error + Send + Sync>> {
    let outer: LinkConfig = opening.config.section("link")?;
    // It calls, and nobody calls it.
    let links = LinkConfig {
        listen: String::new(),
        redial_max_ms: outer.redial_max_ms.min(REDIAL_MAX_MS),
        ..outer
    };
    let app = AppConfig {
        id: opening.id.to_string(),
        discovery: format!("static:{}", to.address),
        ..AppConfig::default()
    };
    let config = Config::builder()
        .set("link", toml::Value::try_from(&links)?)
        .set("app", toml::Value::try_from(&app)?);
    Ok(config.build()?)
}
