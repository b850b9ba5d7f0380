//! [`HubClient`]: the seams of a hub.

use guildhall_core::backend::Outage;
use guildhall_core::{BackendError, Opening, Status};

use crate::broker::HubBroker;
use crate::discovery::HubDiscovery;
use crate::leases::HubLeases;
use crate::link::HubLink;
use crate::queue::HubQueue;
use crate::store::HubStore;

/// A link to a hub, and the seams that it serves. Clones share the link.
#[derive(Clone, Debug)]
pub struct HubClient(HubLink);

impl HubClient {
    /// Starts the inner app, which ends with the world of the outer one, and waits for the hub.
    ///
    /// # Errors
    /// The URL is wrong, or no hub answers within its `connect_ms`.
    pub async fn connect(opening: Opening<'_>) -> Result<Self, BackendError> {
        HubLink::connect(opening).await.map(Self)
    }

    /// Whether there is a link to the hub.
    pub fn outage(&self) -> &Outage {
        self.0.outage()
    }

    /// Where apps register and are watched.
    pub fn discovery(&self) -> HubDiscovery {
        HubDiscovery::new(self.0.clone())
    }

    /// Topics.
    pub fn broker(&self) -> HubBroker {
        HubBroker::new(self.0.clone())
    }

    /// Queues, of which the hub is asked what they can do.
    ///
    /// # Errors
    /// The hub does not answer.
    pub async fn queue(&self) -> Result<HubQueue, Status> {
        HubQueue::new(self.0.clone()).await
    }

    /// Leases.
    pub fn leases(&self) -> HubLeases {
        HubLeases::new(self.0.clone())
    }

    /// Rows.
    pub fn store(&self) -> HubStore {
        HubStore::new(self.0.clone())
    }
}
