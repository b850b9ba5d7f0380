//! [`Opener`]: opens the backends that settings name, with the plugins of an app.

use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

use super::{Backend, Opening, Plugin, without_secrets};
use crate::{AppId, Config, Env, StartError};

/// Opens URLs for an app; equal ones once.
pub struct Opener {
    env: Env,
    config: Config,
    id: AppId,
    plugins: Vec<Arc<dyn Plugin>>,
    /// One URL is opened at a time.
    opening: tokio::sync::Mutex<()>,
    opened: Mutex<Vec<(String, Backend)>>,
}

impl Opener {
    /// What opens the URLs of the app `id` with these plugins.
    pub fn new(env: Env, config: Config, id: AppId, plugins: Vec<Arc<dyn Plugin>>) -> Self {
        let (opening, opened) = (tokio::sync::Mutex::default(), Mutex::default());
        Self { env, config, id, plugins, opening, opened }
    }

    /// Gives back what is open: a store's file is free when nothing else uses it. Does not wait for what is being opened.
    pub fn close(&self) {
        let _closed = std::mem::take(&mut *self.opened.lock());
    }

    /// The backend at `url`, if it is open.
    pub fn opened(&self, url: &str) -> Option<Backend> {
        let opened = self.opened.lock();
        opened.iter().find(|(other, _)| other == url).map(|(_, backend)| backend.clone())
    }

    /// Opens what the setting `key` names.
    ///
    /// # Errors
    /// No plugin opens such a URL, or the one that should has not.
    pub async fn open(&self, key: &str, url: &str) -> Result<Backend, StartError> {
        let _one = self.opening.lock().await;
        if let Some(backend) = self.opened(url) {
            return Ok(backend);
        }
        let Self { env, config, id, .. } = self;
        let backend = self.plugin(key, url)?.open(Opening { env, config, id, url }).await;
        let backend =
            backend.map_err(|e| StartError::backend(key, format!("{key}: {e}")).with_source(e))?;
        self.opened.lock().push((url.to_owned(), backend.clone()));
        Ok(backend)
    }

    /// Reads the settings document that the setting `key` names.
    ///
    /// # Errors
    /// No plugin opens such a URL, or the one that does gives no document.
    pub async fn document(&self, key: &str, url: &str) -> Result<Bytes, StartError> {
        let Self { env, config, id, .. } = self;
        let document = self.plugin(key, url)?.document(Opening { env, config, id, url }).await;
        document.map_err(|e| StartError::backend(key, format!("{key}: {e}")).with_source(e))
    }

    /// The plugin that opens `url`.
    ///
    /// # Errors
    /// None does.
    pub fn plugin(&self, key: &str, url: &str) -> Result<&dyn Plugin, StartError> {
        let scheme = url.split(':').next().unwrap_or_default();
        let plugin = self.plugins.iter().find(|plugin| plugin.schemes().contains(&scheme));
        plugin.map(|plugin| &**plugin).ok_or_else(|| {
            let known: Vec<&str> = self.plugins.iter().flat_map(|p| p.schemes()).copied().collect();
            let (url, known) = (without_secrets(url), known.join(", "));
            let why = format!(
                "{key} = \"{url}\": no plugin has the scheme `{scheme}`; there are {known}"
            );
            StartError::backend(key, why)
        })
    }
}

impl std::fmt::Debug for Opener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opener").field("id", &self.id).finish_non_exhaustive()
    }
}
