//! The settings document of `app.config`, which a backend keeps.

use guildhall_core::StartError;
use guildhall_core::backend::{Opener, without_secrets};
use guildhall_core::config::Config;

/// The setting that names it.
const KEY: &str = "app.config";

/// The settings with those of the document at `url`, as it is now; without a URL, as they are.
pub(crate) async fn with_document(
    opener: &Opener,
    config: Config,
    url: &str,
) -> Result<Config, StartError> {
    if url.is_empty() {
        return Ok(config);
    }
    let document = opener.document(KEY, url).await?;
    config.with_document(&without_secrets(url), &document).map_err(|error| {
        StartError::setting(error.key.as_str(), format!("{KEY}: {error}")).with_source(error)
    })
}
