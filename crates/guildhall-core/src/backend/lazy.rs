//! [`Lazy`]: a backend that is opened at its first use. Its URL is checked at start.

use std::sync::Arc;

use tokio::sync::OnceCell;

use super::opener::Opener;
use super::url::without_secrets;
use crate::status::reason;
use crate::{Backend, Code, StartError, Status};

/// The seam `T` of the backend that a setting names.
pub struct Lazy<T: ?Sized> {
    open: OnceCell<Arc<T>>,
    opener: Arc<Opener>,
    key: &'static str,
    url: String,
    alone: Option<Alone>,
    seam: fn(Backend) -> Option<Arc<T>>,
}

/// A backend in the memory of this process, beside a discovery that has other processes.
#[derive(Clone, Debug)]
pub struct Alone {
    /// URL of the discovery, without secrets.
    pub discovery: String,
    /// Nobody has asked for this: no setting names a backend. Its first use is an error then, and a warning otherwise.
    pub unset: bool,
}

impl Alone {
    /// What is wrong with the setting `key`, and what to do.
    pub fn why(&self, key: &str) -> String {
        let Self { discovery, unset } = self;
        let is = if *unset { "is not set, so it is" } else { "= \"memory:\" is" };
        let or = match unset {
            true => "; where this process is the only one that uses it, write \"memory:\"",
            false => "",
        };
        format!(
            "{key} {is} in the memory of this process alone, but app.discovery = \"{discovery}\" has other processes: set app.cluster or {key} to a backend that all of them reach{or}"
        )
    }
}

impl<T: ?Sized> Lazy<T> {
    /// What the program has given, or else what `key = url` names.
    ///
    /// # Errors
    /// No plugin opens such a URL.
    pub fn new(
        opener: &Arc<Opener>,
        (key, url): (&'static str, &str),
        alone: Option<Alone>,
        given: Option<Arc<T>>,
        seam: fn(Backend) -> Option<Arc<T>>,
    ) -> Result<Self, StartError> {
        opener.plugin(key, url)?;
        let alone = alone.filter(|_| given.is_none());
        let (open, opener) = (OnceCell::new_with(given), Arc::clone(opener));
        Ok(Self { open, opener, key, url: url.to_owned(), alone, seam })
    }

    /// Set where other processes are known that cannot have this backend.
    pub fn alone(&self) -> Option<&Alone> {
        self.alone.as_ref()
    }

    /// The open backend.
    ///
    /// # Errors
    /// `Unavailable`: it cannot be opened now. `FailedPrecondition`: no setting names a backend, and one in the memory of this process
    /// would be wrong.
    ///
    /// # Cancel safety
    /// The next caller opens it.
    pub async fn get(&self) -> Result<&Arc<T>, Status> {
        let unavailable = |why| Status::not_run(Code::Unavailable, reason::NO_ROUTE, why);
        let open = self.open.get_or_try_init(|| async {
            match &self.alone {
                Some(alone) if alone.unset => {
                    let why = alone.why(self.key);
                    return Err(Status::not_run(Code::FailedPrecondition, reason::NO_ROUTE, why));
                }
                Some(alone) => tracing::warn!("{}", alone.why(self.key)),
                None => {}
            }
            let backend = self.opener.open(self.key, &self.url).await;
            let backend = backend.map_err(|error| unavailable(error.to_string()))?;
            (self.seam)(backend).ok_or_else(|| {
                let url = without_secrets(&self.url);
                unavailable(format!("{} = \"{url}\" opens nothing of that kind", self.key))
            })
        });
        open.await
    }
}

impl<T: ?Sized> std::fmt::Debug for Lazy<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lazy")
            .field("key", &self.key)
            .field("url", &without_secrets(&self.url))
            .finish_non_exhaustive()
    }
}
