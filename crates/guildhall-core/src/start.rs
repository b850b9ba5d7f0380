//! [`StartError`]: the reason why an app does not start.

use crate::config::ConfigError;

/// Why an app did not start: what is wrong, and what to do.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct StartError(String);

impl StartError {
    /// Says what is wrong, where, and what to do.
    pub fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

/// `main` prints this, so it reads like the message.
impl std::fmt::Debug for StartError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<ConfigError> for StartError {
    fn from(error: ConfigError) -> Self {
        Self(error.to_string())
    }
}
