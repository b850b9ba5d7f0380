//! [`HubLink`]: the app within the app, with the hub as its only peer.

use std::sync::Arc;

use guildhall_core::backend::Outage;
use guildhall_core::discovery::NodeRecord;
use guildhall_core::status::reason;
use guildhall_core::{AppId, BackendError, Config, Env, Incarnation, Opening, Status};
use guildhall_runtime::{App, AppConfig, Cx, LinkConfig, MeshChanges};
use parking_lot::RwLock;

use crate::config::Settings;
use crate::proto::DISCOVERY;

/// Longest pause before a lost hub is dialled again: what it costs at most to notice that it is back.
const REDIAL_MAX_MS: u64 = 500;

/// A link to a hub. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct HubLink {
    cx: Cx,
    /// Calls go to the hub by its id: it may be of another world than the app.
    id: Arc<RwLock<AppId>>,
    outage: Outage,
}

impl HubLink {
    /// Starts the inner app, which ends with the world of the outer one, and waits for the hub.
    ///
    /// # Errors
    /// The URL is wrong, or no hub answers within its `connect_ms`.
    pub(crate) async fn connect(opening: Opening<'_>) -> Result<Self, BackendError> {
        let settings = Settings::parse(opening.url).map_err(|why| opening.error(why))?;
        Self::open(&opening, &settings).await.map_err(|why| opening.error(why))
    }

    async fn open(opening: &Opening<'_>, to: &Settings) -> Result<Self, String> {
        let config = inner(opening, to).map_err(|error| error.to_string())?;
        let app = App::with(config).env(opening.env.clone());
        let app = Box::pin(app.start()).await.map_err(|error| error.to_string())?;
        let cx = app.cx();
        let mut changes = cx.mesh_changes();
        let linked = async {
            loop {
                if let Some(hub) = hub(&cx) {
                    return hub.id;
                }
                changes.changed().await;
            }
        };
        let deadline = opening.env.now() + to.connect;
        let id = opening.env.until(deadline, linked).await.ok_or_else(|| {
            let (env, ms) = (opening.id.env(), to.connect.as_millis());
            format!(
                "no hub answers there within {ms} ms (connect_ms); start guildhall-hub there, with an app.id of env `{env}` and the same link.secret"
            )
        })?;
        let outage = Outage::new(opening.env, "hub", to.address.as_str());
        outage.worked();
        let link = Self { cx, id: Arc::new(RwLock::new(id)), outage };
        opening.env.spawn("hub.follow", link.clone().follow(changes));
        Ok(link)
    }

    /// Notes who the hub is when another one has taken its place, and whether there is one.
    async fn follow(self, mut changes: MeshChanges) {
        loop {
            match hub(&self.cx) {
                Some(hub) => {
                    *self.id.write() = hub.id;
                    self.outage.worked();
                }
                None => self.outage.failed(&"no link to it"),
            }
            changes.changed().await;
        }
    }

    /// Whether there is a hub.
    pub(crate) fn outage(&self) -> &Outage {
        &self.outage
    }

    /// What calls are made from.
    pub(crate) fn cx(&self) -> &Cx {
        &self.cx
    }

    pub(crate) fn env(&self) -> &Env {
        self.cx.env()
    }

    /// The hub that there is a link to, or was one to last.
    pub(crate) fn id(&self) -> AppId {
        self.id.read().clone()
    }

    /// The life of the hub that there is a link to.
    pub(crate) fn life(&self) -> Option<Incarnation> {
        hub(&self.cx).map(|node| node.incarnation)
    }
}

/// The hub that there is a link to.
fn hub(cx: &Cx) -> Option<NodeRecord> {
    let serves = |node: &NodeRecord| node.services.iter().any(|name| name == DISCOVERY.name);
    cx.nodes().into_iter().find(serves)
}

/// What a failed call of the hub is told as.
pub(crate) fn told(status: &Status) -> String {
    match status.reason() {
        reason::NO_ROUTE => "no link to the hub; reconnecting".into(),
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
    // Its seams are those of the outer app.
    let in_memory = || "memory:".to_owned();
    let app = AppConfig {
        id: opening.id.to_string(),
        discovery: format!("static:{}", to.address),
        broker: in_memory(),
        queue: in_memory(),
        leases: in_memory(),
        store: in_memory(),
        ..AppConfig::default()
    };
    let config = Config::builder()
        .set("link", toml::Value::try_from(&links)?)
        .set("app", toml::Value::try_from(&app)?);
    Ok(config.build()?)
}
