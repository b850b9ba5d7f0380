//! [`StartError`]: the reason why an app does not start.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use crate::config::ConfigError;

/// Why an app did not start: what is wrong, where, and what to do.
///
/// People read the message. A program matches the kind, and the key of the setting that is wrong.
///
/// # Examples
/// ```
/// use guildhall_core::{Config, StartError, StartErrorKind};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Default, Serialize, Deserialize)]
/// struct Shop { items_max: u32 }
///
/// let config = Config::builder().flag("shop.item_max=5").build()?;
/// let wrong: StartError = config.section::<Shop>("shop").map(drop).unwrap_err().into();
/// assert_eq!(wrong.kind(), StartErrorKind::Setting);
/// assert_eq!(wrong.key(), Some("shop.item_max"));
/// # Ok::<(), StartError>(())
/// ```
#[derive(Clone)]
pub struct StartError(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: StartErrorKind,
    key: Option<String>,
    message: String,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

/// What kind of thing keeps an app from starting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StartErrorKind {
    /// A setting or an argument: unknown, of another type, out of its bounds, or at odds with another one. The key names it.
    Setting,
    /// Services, actor types, tables or parts that the program has put together do not fit. Only another program helps.
    Program,
    /// An address cannot be bound. The key names its setting.
    Listen,
    /// A backend cannot be opened, or cannot do what the app needs. The key names the setting with its URL.
    Backend,
    /// Rows or leases that earlier releases wrote do not fit the actor types.
    Rows,
    /// A component, an `on_start` hook or the resources of the game failed.
    Game,
    /// The machine gives no thread, file or runtime.
    System,
}

impl StartError {
    fn new(kind: StartErrorKind, key: Option<String>, why: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind, key, message: why.into(), source: None }))
    }

    /// The setting `key` is wrong. `why` says its value, and what to write instead.
    pub fn setting(key: impl Into<String>, why: impl Into<String>) -> Self {
        Self::new(StartErrorKind::Setting, Some(key.into()), why)
    }

    /// An argument of the command line is wrong.
    pub fn argument(why: impl Into<String>) -> Self {
        Self::new(StartErrorKind::Setting, None, why)
    }

    /// The parts of the program do not fit.
    pub fn program(why: impl Into<String>) -> Self {
        Self::new(StartErrorKind::Program, None, why)
    }

    /// The address of the setting `key` cannot be bound.
    pub fn listen(key: impl Into<String>, why: impl Into<String>) -> Self {
        Self::new(StartErrorKind::Listen, Some(key.into()), why)
    }

    /// The backend of the setting `key` cannot be opened, or cannot do what the app needs.
    pub fn backend(key: impl Into<String>, why: impl Into<String>) -> Self {
        Self::new(StartErrorKind::Backend, Some(key.into()), why)
    }

    /// What earlier releases wrote does not fit.
    pub fn rows(why: impl Into<String>) -> Self {
        Self::new(StartErrorKind::Rows, None, why)
    }

    /// A component or a hook of the game failed.
    pub fn game(why: impl Into<String>) -> Self {
        Self::new(StartErrorKind::Game, None, why)
    }

    /// The machine gives no thread, file or runtime.
    pub fn system(why: impl Into<String>) -> Self {
        Self::new(StartErrorKind::System, None, why)
    }

    /// Adds the error below it, for [`Error::source`]. The message has its text already.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.0.source = Some(Arc::from(source.into()));
        self
    }

    /// What kind of thing is wrong.
    pub fn kind(&self) -> StartErrorKind {
        self.0.kind
    }

    /// The key of the setting that is wrong, for example `link.listen`; `None` where it is no setting.
    pub fn key(&self) -> Option<&str> {
        self.0.key.as_deref()
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

/// `main` prints this, so it reads like the message.
impl fmt::Debug for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for StartError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

impl From<ConfigError> for StartError {
    fn from(error: ConfigError) -> Self {
        Self::setting(error.key.clone(), error.to_string()).with_source(error)
    }
}
