//! The stores, each on a server of its own.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use guildhall::store::Store;
use guildhall::{AppId, Config, Env};
use guildhall_core::Opening;
use servers::{Recipe, Server};

/// The vendors whose plugins have a store.
const STORES: [&Recipe; 4] =
    [&servers::MONGO, &servers::MYSQL, &servers::POSTGRES, &servers::REDIS];

/// A store and where it is.
pub(crate) struct Place {
    pub(crate) name: &'static str,
    pub(crate) url: String,
    /// Whether its file belongs to one app at a time.
    pub(crate) is_embedded: bool,
    _server: Option<Server>,
    _folder: Option<tempfile::TempDir>,
}

impl Place {
    /// The embedded store, and the servers that are installed here.
    pub(crate) fn all() -> Result<Vec<Self>> {
        let folder = tempfile::tempdir()?;
        let mut places = vec![Self {
            name: "redb",
            url: format!("redb:{}", folder.path().display()),
            is_embedded: true,
            _server: None,
            _folder: Some(folder),
        }];
        for recipe in STORES.into_iter().filter(|recipe| recipe.is_installed()) {
            let mut server = Server::new(recipe);
            server.start();
            places.push(Self {
                name: recipe.name,
                url: server.url(),
                is_embedded: false,
                _server: Some(server),
                _folder: None,
            });
        }
        Ok(places)
    }

    /// Opens it, as an app does.
    pub(crate) async fn open(&self) -> Result<Arc<dyn Store>> {
        let (env, config) = (Env::real(), Config::builder().build()?);
        let id: AppId = "bench.w1.store.1".parse()?;
        let scheme = self.url.split(':').next().unwrap_or_default();
        let plugins = guildhall_backends::all();
        let plugin = plugins.iter().find(|plugin| plugin.schemes().contains(&scheme));
        let plugin = plugin.with_context(|| format!("no plugin for {scheme}"))?;
        let opening = Opening { env: &env, config: &config, id: &id, url: &self.url };
        plugin.open(opening).await?.store.context("it has no store")
    }
}
