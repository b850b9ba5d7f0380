//! [`Link`]: which connection there is, and [`News`], which hears of its changes.

use std::sync::Arc;

use async_nats::{ClientError, Event};
use guildhall_core::backend::Outage;
use tokio::sync::watch;

/// Which connection there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    /// Counts connections; what one of them subscribed or has sent is nothing to the next.
    pub(crate) number: u64,
    pub(crate) is_up: bool,
    /// There is or was a connection, or an attempt has failed: before that, requests wait.
    pub(crate) is_tried: bool,
}

impl Link {
    pub(crate) const NONE: Self = Self { number: 0, is_up: false, is_tried: false };
}

/// Keeps what the connection tells of itself.
#[derive(Clone)]
pub(super) struct News {
    pub(super) links: Arc<watch::Sender<Link>>,
    pub(super) outage: Outage,
}

impl News {
    pub(super) fn hear(&self, event: &Event) {
        match event {
            Event::Connected => {
                let up = |number| Link { number, is_up: true, is_tried: true };
                self.links.send_modify(|link| *link = up(link.number + 1));
                self.outage.worked();
            }
            // Messages were dropped: whatever was subscribed has a gap.
            Event::SlowConsumer(_) => self.links.send_modify(|link| link.number += 1),
            Event::Disconnected | Event::Closed => {
                self.links.send_modify(|link| link.is_up = false);
                self.failed(&"the connection was lost");
            }
            Event::ClientError(ClientError::Other(why)) => self.failed(why),
            other => tracing::debug!(event = %other, "nats"),
        }
    }

    pub(super) fn failed(&self, why: &dyn std::fmt::Display) {
        self.outage.failed(why);
        self.links.send_modify(|link| link.is_tried = true);
    }
}
