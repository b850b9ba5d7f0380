//! How many connections there are, in total and per address, and which one has to go when there is one more.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::seat::Seat;

/// The connections of a server.
pub(crate) struct Places {
    max: usize,
    per_address: usize,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    next: u64,
    seats: BTreeMap<u64, (IpAddr, Arc<Seat>)>,
    by_address: BTreeMap<IpAddr, usize>,
}

/// The place of one connection.
pub(crate) struct Place {
    places: Arc<Places>,
    id: u64,
}

impl Places {
    pub(crate) fn new(max: usize, per_address: usize) -> Arc<Self> {
        Arc::new(Self { max, per_address, taken: Mutex::default() })
    }

    /// Takes a place for a connection from `address`, if need be that of a connection that waits for its client. `None`: there is
    /// no such connection.
    pub(crate) fn admit(places: &Arc<Self>, address: IpAddr, seat: Arc<Seat>) -> Option<Place> {
        let mut taken = places.taken.lock();
        let of_address = taken.by_address.get(&address).copied().unwrap_or_default();
        let has_room = if of_address >= places.per_address {
            taken.give_up(|of| of == address)
        } else {
            taken.seats.len() < places.max || taken.give_up(|_| true)
        };
        if !has_room {
            return None;
        }
        let id = taken.next;
        taken.next += 1;
        taken.seats.insert(id, (address, seat));
        *taken.by_address.entry(address).or_default() += 1;
        Some(Place { places: Arc::clone(places), id })
    }

    /// Makes room where the system has no more descriptors.
    pub(crate) fn make_room(&self) {
        self.taken.lock().give_up(|_| true);
    }
}

impl Taken {
    /// Ends the connection that has waited longest for its client, of those from addresses that `may_go`.
    fn give_up(&mut self, may_go: impl Fn(IpAddr) -> bool) -> bool {
        let candidates = self.seats.iter().filter(|(_, (of, _))| may_go(*of));
        let waits = candidates.filter_map(|(id, (_, seat))| Some((seat.waits_since()?, *id)));
        let Some((_, id)) = waits.min() else { return false };
        if let Some(seat) = self.remove(id) {
            seat.given_up.cancel();
        }
        true
    }

    fn remove(&mut self, id: u64) -> Option<Arc<Seat>> {
        let (address, seat) = self.seats.remove(&id)?;
        if let Some(count) = self.by_address.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                self.by_address.remove(&address);
            }
        }
        Some(seat)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Gone already where another connection has it.
        self.places.taken.lock().remove(self.id);
    }
}
