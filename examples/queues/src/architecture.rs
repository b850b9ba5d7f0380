//! [`Architecture`] and [`Place`]: which lines there are, and on which backends.

use anyhow::{Context as _, Result};
use guildhall_core::backend::{BuiltIn, Opener};
use guildhall_core::{Backend, Config, Env};

use std::sync::Arc;

/// What stands between connectors and game; see the table of the crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Architecture {
    /// Events in a queue, pushes in a queue: exactly one connector.
    TwoQueues,
    /// Events in a queue, pushes on a topic.
    QueueAndTopic,
    /// Events in a queue, pushes in a queue of their connector.
    QueuePerConnector,
    /// Events on a topic, pushes on a topic: nothing waits for anybody.
    TwoTopics,
}

impl Architecture {
    /// Whether events go through a topic, which keeps nothing for a game that is not there.
    pub fn loses_events(self) -> bool {
        self == Self::TwoTopics
    }

    /// Whether pushes go through a topic, so that a connector has to know that they reach it before it takes clients.
    pub fn loses_pushes(self) -> bool {
        matches!(self, Self::QueueAndTopic | Self::TwoTopics)
    }

    /// The name of the queue or topic of a connector's pushes.
    pub fn pushes(self, connector: &str) -> String {
        match self {
            Self::QueuePerConnector => format!("pushes.{connector}"),
            Self::TwoQueues | Self::QueueAndTopic | Self::TwoTopics => "pushes".to_owned(),
        }
    }
}

/// Where a process opens its backends. Equal URLs are one backend, so that connector and game of one process share `memory:`.
pub struct Place {
    /// Clock and network.
    pub env: Env,
    opener: Opener,
}

impl Place {
    /// With all backends of this build.
    ///
    /// # Errors
    /// The configuration of the environment is wrong.
    pub fn new() -> Result<Self> {
        let env = Env::real();
        let config = Config::builder().build()?;
        let mut plugins = guildhall_backends::all();
        plugins.push(Arc::new(BuiltIn));
        let id = "queues.w1.example.1".parse().context("the id of this app")?;
        Ok(Self { opener: Opener::new(env.clone(), config, id, plugins), env })
    }

    /// Opens the URL of the flag `key`.
    ///
    /// # Errors
    /// No backend has this scheme, or it cannot be opened.
    pub async fn open(&self, key: &str, url: &str) -> Result<Backend> {
        Ok(self.opener.open(key, url).await?)
    }
}
