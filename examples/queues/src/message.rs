//! What connector and game say to each other, as JSON, so that a person can read a queue.

use anyhow::{Context as _, Result};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Largest message, in bytes.
pub const MESSAGE_MAX: usize = 64 << 10;

/// What happened at a connector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// A connector asks whether a game is there and reaches it: only where pushes go through a topic.
    Hello {
        /// The connector.
        home: Home,
    },
    /// A client has logged in.
    Connect {
        /// The address of the connection, which the later events have alone.
        addr: String,
        /// The player.
        uid: String,
        /// Where the player's pushes go.
        home: Home,
    },
    /// A client has sent something.
    Message {
        /// The address of the connection.
        addr: String,
        /// What it sent.
        data: String,
    },
    /// A client has left.
    Close {
        /// The address of the connection.
        addr: String,
    },
    /// A connection has failed.
    Error {
        /// The address of the connection.
        addr: String,
    },
}

/// A connector, as it registers itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Home {
    /// Its name.
    pub connector: String,
    /// The URL at which the game reaches its queue of pushes.
    pub url: String,
}

/// What the game says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Push {
    /// The answer to a hello.
    Ready {
        /// The connector that asked.
        connector: String,
    },
    /// A text for a player.
    Text {
        /// The player.
        uid: String,
        /// The text.
        text: String,
    },
}

/// The bytes of a message.
///
/// # Errors
/// It is too large.
pub fn encode(message: &impl Serialize) -> Result<Bytes> {
    let bytes = serde_json::to_vec(message).context("write JSON")?;
    let size = bytes.len();
    anyhow::ensure!(size <= MESSAGE_MAX, "the message has {size} bytes; at most {MESSAGE_MAX} fit");
    Ok(bytes.into())
}

/// The message in these bytes.
///
/// # Errors
/// They are none.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    let size = bytes.len();
    anyhow::ensure!(size <= MESSAGE_MAX, "the message has {size} bytes; at most {MESSAGE_MAX} fit");
    serde_json::from_slice(bytes).context("the message is not what connector and game say")
}
