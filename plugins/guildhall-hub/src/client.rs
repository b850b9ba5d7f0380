//! The app within the app whose one peer is the hub.

use guildhall_core::discovery::NodeRecord;
use guildhall_core::{Config, Env, Incarnation, Opening};
use guildhall_runtime::{App, AppConfig, Cx, LinkConfig};

use crate::Settings;
use crate::proto::DISCOVERY;

/// Longest pause before a lost hub is dialled again: what it costs at most to notice that it is back.
const REDIAL_MAX_MS: u64 = 500;

/// A link to the hub. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    cx: Cx,
}

impl Client {
    /// Starts the inner app, which ends with the world of the outer one, and waits for the hub.
    pub(crate) async fn connect(opening: &Opening<'_>, to: &Settings) -> Result<Self, String> {
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

/// The id and the links of the outer app; everything else is default.
fn inner(
    opening: &Opening<'_>,
    to: &Settings,
) -> Result<Config, Box<dyn std::error::Error + Send + Sync>> {
    let outer: LinkConfig = opening.config.section("link")?;
    let outer_redial_max = outer.redial_max_ms;
    // It calls, and nobody calls it.
    let links = LinkConfig {
        listen: String::new(),
        redial_max_ms: outer_redial_max.min(REDIAL_MAX_MS),
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
