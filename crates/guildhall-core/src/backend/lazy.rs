//! [`Lazy`]: a backend that is opened at its first use. Its URL is checked at start.

use std::sync::Arc;

use tokio::sync::OnceCell;

use super::opener::Opener;
use crate::status::reason;
use crate::{Backend, Code, StartError, Status};

/// The seam `T` of the backend that a setting names.
pub struct Lazy<T: ?Sized> {
    open: OnceCell<Arc<T>>,
    opener: Arc<Opener>,
    key: &'static str,
    url: String,
    /// URL of the discovery, where other processes see that one and not this backend.
    alone: Option<String>,
    seam: fn(Backend) -> Option<Arc<T>>,
}

impl<T: ?Sized> Lazy<T> {
    /// What the program has given, or else what `key = url` names.
    ///
    /// # Errors
    /// No plugin opens such a URL.
    pub fn new(
        opener: &Arc<Opener>,
        (key, url): (&'static str, &str),
        alone: Option<String>,
        given: Option<Arc<T>>,
        seam: fn(Backend) -> Option<Arc<T>>,
    ) -> Result<Self, StartError> {
        opener.plugin(key, url)?;
        let (open, opener) = (OnceCell::new_with(given), Arc::clone(opener));
        Ok(Self { open, opener, key, url: url.to_owned(), alone, seam })
    }

    /// Whether other processes are known that cannot have this backend.
    pub fn is_alone(&self) -> bool {
        self.alone.is_some()
    }

    /// The open backend.
    ///
    /// # Errors
    /// `Unavailable`: it cannot be opened now.
    ///
    /// # Cancel safety
    /// The next caller opens it.
    pub async fn get(&self) -> Result<&Arc<T>, Status> {
        let unavailable = |why| Status::not_run(Code::Unavailable, reason::NO_ROUTE, why);
        let open = self.open.get_or_try_init(|| async {
            if let Some(discovery) = &self.alone {
                tracing::warn!(
                    "{} = \"{}\" is in the memory of this process alone, but app.discovery = \"{discovery}\" has other processes: set {} to a backend that all of them reach",
                    self.key, self.url, self.key
                );
            }
            let backend = self.opener.open(self.key, &self.url).await;
            let backend = backend.map_err(|error| unavailable(error.to_string()))?;
            (self.seam)(backend).ok_or_else(|| {
                unavailable(format!("{} = \"{}\" opens nothing of that kind", self.key, self.url))
            })
        });
        open.await
    }
}

impl<T: ?Sized> std::fmt::Debug for Lazy<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lazy")
            .field("key", &self.key)
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}
