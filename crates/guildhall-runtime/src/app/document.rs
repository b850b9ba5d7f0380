//! What an app reads before anything else: the document of `app.config`.

use guildhall_core::backend::Opener;
use guildhall_core::{AppId, StartError};

use super::App;
use crate::config::AppConfig;
use crate::serve::document::with_document;

impl App {
    /// The app with the settings of the document too, where `app.config` names one.
    pub(super) async fn with_document(mut self) -> Result<Self, StartError> {
        let app = AppConfig::read(&self.config)?;
        if !app.config.is_empty() {
            let (id, config) = (app_id(&app)?, self.config.clone());
            let opener = Opener::new(self.env.clone(), config, id, self.plugins.clone());
            self.config = with_document(&opener, self.config, &app.config).await?;
        }
        Ok(self)
    }
}

/// The identity that `[app]` gives.
pub(super) fn app_id(app: &AppConfig) -> Result<AppId, StartError> {
    app.id.parse().map_err(|e: guildhall_core::ParseIdError| {
        StartError::setting("app.id", format!("app.id: {e}")).with_source(e)
    })
}
