//! Errors in a game's protos, with file and line.

use std::fmt;

/// The result of a build script.
pub type Result<T = (), E = Error> = std::result::Result<T, E>;

/// Everything that is wrong, one line each: `proto/role.proto:12:3: error: what, and what to do`.
///
/// A build script that returns it from `main` shows these lines.
#[derive(Clone, PartialEq, Eq)]
pub struct Error(Vec<String>);

impl Error {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(vec![message.into()])
    }

    pub(crate) fn all(messages: Vec<String>) -> Self {
        Self(messages)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

/// `main` shows errors with Debug: the lines, each at the start of a line.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|line| write!(f, "\n{line}"))
    }
}

impl std::error::Error for Error {}
