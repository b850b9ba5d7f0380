//! A request to a server, whichever seams its plugin has.

use std::time::Duration;

use bytes::Bytes;
use guildhall_core::Backend;
use guildhall_core::store::Migrate;

use super::discovery::node;
use super::ground::{answer, holder};
use super::store::HERO;

/// A request to the server, through one of the seams that the plugin has there.
pub(super) async fn ask(backend: &Backend) -> Result<(), String> {
    let said = |error: &dyn std::fmt::Display| error.to_string();
    let ttl = Duration::from_secs(60);
    answer(async {
        match backend {
            Backend { store: Some(store), .. } => {
                store.prepare(&[&HERO], Migrate::Auto).await.map_err(|error| said(&error))
            }
            Backend { leases: Some(leases), .. } => {
                leases.open(&holder(1), None, ttl).await.map(drop).map_err(|error| said(&error))
            }
            Backend { discovery: Some(discovery), .. } => {
                discovery.register(&node(1, 0), ttl).await.map_err(|error| said(&error))
            }
            Backend { queue: Some(queue), .. } => {
                queue.push("mail", Bytes::new()).await.map_err(|error| said(&error))
            }
            other => {
                let broker = other.broker.as_ref().expect("a seam");
                broker.subscribe("room", 1).await.map(drop).map_err(|error| said(&error))
            }
        }
    })
    .await
}
