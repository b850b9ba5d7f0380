//! [`Places`]: how many connections there may be, in total and per address.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use guildhall_core::env::network;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::stats::GateStats;

/// How many connections there may be, and are.
#[derive(Debug)]
pub(crate) struct Places {
    taken: Mutex<Taken>,
    emptied: Notify,
    stats: Arc<GateStats>,
    max: usize,
    max_per_address: usize,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by_address: BTreeMap<IpAddr, usize>,
}

impl Places {
    pub(crate) fn new(stats: Arc<GateStats>, max: usize, max_per_address: usize) -> Arc<Self> {
        let (taken, emptied) = (Mutex::default(), Notify::new());
        Arc::new(Self { taken, emptied, stats, max, max_per_address })
    }

    /// Takes a place for a connection from `address`, or names the limit that is reached.
    pub(crate) fn admit(places: &Arc<Self>, address: IpAddr) -> Result<Place, &'static str> {
        let address = network(address);
        let mut taken = places.taken.lock();
        if taken.all >= places.max {
            return Err("gate.connections_max");
        }
        if taken.by_address.get(&address).is_some_and(|n| *n >= places.max_per_address) {
            return Err("gate.connections_per_address");
        }
        taken.all += 1;
        *taken.by_address.entry(address).or_default() += 1;
        places.stats.connections.add(1);
        Ok(Place { places: Arc::clone(places), address })
    }

    /// Waits until there is no connection.
    pub(crate) async fn empty(&self) {
        loop {
            let emptied = self.emptied.notified();
            if self.taken.lock().all == 0 {
                return;
            }
            emptied.await;
        }
    }
}

/// The place of one connection, until it is dropped.
pub(crate) struct Place {
    places: Arc<Places>,
    address: IpAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock();
        taken.all -= 1;
        if let Some(n) = taken.by_address.get_mut(&self.address) {
            *n -= 1;
            if *n == 0 {
                taken.by_address.remove(&self.address);
            }
        }
        self.places.stats.connections.add(-1);
        if taken.all == 0 {
            self.places.emptied.notify_waiters();
        }
    }
}
