//! Opens the backends that the configuration names: equal URLs are one client.

use std::sync::Arc;

use guildhall_core::broker::Broker;
use guildhall_core::discovery::Discovery;
use guildhall_core::store::{BatchReach, Store, Table};
use guildhall_core::{Backend, Env, Plugin};

use crate::app::StartError;
use crate::broker::LazyBroker;
use crate::config::AppConfig;
use crate::rows::Tables;

/// The backends of an app.
pub(crate) struct Backends {
    pub(crate) discovery: Arc<dyn Discovery>,
    pub(crate) broker: LazyBroker,
    /// Where there are tables.
    pub(crate) store: Option<Arc<dyn Store>>,
}

/// What the program gave to the app, instead of URLs.
#[derive(Default)]
pub(crate) struct Given {
    pub(crate) discovery: Option<Arc<dyn Discovery>>,
    pub(crate) broker: Option<Arc<dyn Broker>>,
    pub(crate) store: Option<Arc<dyn Store>>,
}

impl Backends {
    pub(crate) async fn open(
        env: &Env,
        plugins: &[Arc<dyn Plugin>],
        config: &AppConfig,
        given: Given,
        tables: &Tables,
    ) -> Result<Self, StartError> {
        let mut opened: Vec<(String, Backend)> = Vec::new();
        let discovery = match given.discovery {
            Some(discovery) => discovery,
            None => {
                let (key, url) = ("app.discovery", &config.discovery);
                let discovery = open(env, plugins, key, url, &mut opened).await?.discovery;
                discovery.ok_or_else(|| StartError::new(format!("{key}: {url} is no discovery")))?
            }
        };
        let store = open_store(env, plugins, config, given.store, tables, &mut opened).await?;
        let broker = match given.broker {
            Some(broker) => LazyBroker::opened(broker),
            None => {
                let (key, url) = ("app.broker", config.broker.as_str());
                let same = opened.iter().find(|(other, _)| other == url);
                match same.and_then(|(_, backend)| backend.broker.clone()) {
                    Some(broker) => LazyBroker::opened(broker),
                    None => LazyBroker::later(env, plugin_of(plugins, key, url)?, url),
                }
            }
        };
        Ok(Self { discovery, broker, store })
    }
}

async fn open_store(
    env: &Env,
    plugins: &[Arc<dyn Plugin>],
    config: &AppConfig,
    given: Option<Arc<dyn Store>>,
    tables: &Tables,
    opened: &mut Vec<(String, Backend)>,
) -> Result<Option<Arc<dyn Store>>, StartError> {
    let migrate = tables.migrate()?;
    let tables = tables.all();
    if tables.is_empty() {
        return Ok(given);
    }
    let store = match given {
        Some(store) => store,
        None => {
            let (key, url) = ("app.store", &config.store);
            let store = open(env, plugins, key, url, opened).await?.store;
            let store =
                store.ok_or_else(|| StartError::new(format!("{key}: {url} is no store")))?;
            if !store.capabilities().durable {
                tracing::warn!("{key} = \"{url}\": nothing survives a restart");
            }
            store
        }
    };
    let prepared = store.prepare(&tables, migrate).await;
    prepared.map_err(|error| StartError::new(format!("app.store: {error}")))?;
    Ok(Some(store))
}

/// Whether an actor type with these tables can save all its rows at once.
pub(crate) fn check_reach(
    store: Option<&Arc<dyn Store>>,
    tables: &[&'static Table],
) -> Result<(), StartError> {
    let reach = store.map_or(BatchReach::Any, |store| store.capabilities().batch);
    match tables {
        [first, second, ..] if reach == BatchReach::Row => Err(StartError::new(format!(
            "app.store writes one row at a time, but one actor has the tables {} and {}: choose another store",
            first.name, second.name
        ))),
        _ => Ok(()),
    }
}

async fn open(
    env: &Env,
    plugins: &[Arc<dyn Plugin>],
    key: &str,
    url: &str,
    opened: &mut Vec<(String, Backend)>,
) -> Result<Backend, StartError> {
    if let Some((_, backend)) = opened.iter().find(|(other, _)| other == url) {
        return Ok(backend.clone());
    }
    let backend = plugin_of(plugins, key, url)?.open(env, url).await;
    let backend = backend.map_err(|e| StartError::new(format!("{key}: {e}")))?;
    opened.push((url.to_owned(), backend.clone()));
    Ok(backend)
}

fn plugin_of(
    plugins: &[Arc<dyn Plugin>],
    key: &str,
    url: &str,
) -> Result<Arc<dyn Plugin>, StartError> {
    let scheme = url.split(':').next().unwrap_or_default();
    let plugin = plugins.iter().find(|plugin| plugin.schemes().contains(&scheme));
    plugin.cloned().ok_or_else(|| {
        let known: Vec<&str> = plugins.iter().flat_map(|p| p.schemes()).copied().collect();
        let known = known.join(", ");
        let why =
            format!("{key} = \"{url}\": no plugin has the scheme `{scheme}`; there are {known}");
        StartError::new(why)
    })
}
