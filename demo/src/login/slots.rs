//! Hashing slots: each has memory that it uses again and again until nobody has logged in for a while, and they go round among those that
//! wait.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;

use argon2::Block;
use parking_lot::Mutex;
use tokio::sync::oneshot;

/// Whose turn it is. Turns go round among parties, so one that asks a thousand times waits for itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Party {
    /// An account that has logged in from the same network before. These come first.
    Known(String),
    /// Everybody else from a network.
    Network(IpAddr),
}

/// One turn in so many is for networks although known accounts wait.
const TURNS: u32 = 4;

/// All slots, and who waits for one.
pub(super) struct Slots {
    state: Mutex<FreeAndWaiting>,
    /// Waiting for a slot at a time, known accounts and networks each.
    queue_max: usize,
}

struct FreeAndWaiting {
    /// The memory of free slots: none before the first hash, and after a rest.
    free: Vec<Vec<Block>>,
    /// One was taken since it was last looked.
    is_used: bool,
    known: Queue,
    networks: Queue,
    turn: u32,
}

type Waiter = oneshot::Sender<Slot>;

/// Parties in the order of their turns, each with its waiters in their order.
#[derive(Default)]
struct Queue {
    parties: VecDeque<(Party, VecDeque<Waiter>)>,
    len: usize,
}

/// A slot that somebody has; dropping it gives it to the next.
pub(super) struct Slot {
    slots: Arc<Slots>,
    /// `None` once it was given on.
    blocks: Option<Vec<Block>>,
}

/// Blocks, of 1 KiB, for which each slot has addresses. More than 32 MiB: such memory is the process's own only while it is used, where an
/// allocator (glibc's) keeps what is smaller for ever once it was freed.
const ADDRESSES: usize = (32 << 10) + 1;

/// Too many wait already.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Full;

impl Slots {
    /// As many slots as `count`.
    pub(super) fn new(count: usize, queue_max: usize) -> Arc<Self> {
        let (known, networks) = (Queue::default(), Queue::default());
        let free = (0..count).map(|_| Vec::new()).collect();
        let state = FreeAndWaiting { free, is_used: false, known, networks, turn: 0 };
        Arc::new(Self { state: Mutex::new(state), queue_max })
    }

    /// Gives the memory of free slots back, if none was taken since the last time.
    pub(super) fn rest(&self) {
        let mut state = self.state.lock();
        if !std::mem::take(&mut state.is_used) {
            state.free.iter_mut().for_each(|blocks| *blocks = Vec::new());
        }
    }

    /// Waits for a slot.
    ///
    /// # Cancel safety
    /// Its turn is passed on when it is dropped.
    pub(super) async fn take(slots: &Arc<Self>, party: Party) -> Result<Slot, Full> {
        let slot = {
            let mut state = slots.state.lock();
            state.is_used = true;
            match state.free.pop() {
                Some(blocks) => {
                    return Ok(Slot { slots: Arc::clone(slots), blocks: Some(blocks) });
                }
                None => state.queue(&party).push(party, slots.queue_max)?,
            }
        };
        // The sender is dropped where another party has got its place in the queue.
        slot.await.map_err(|_| Full)
    }

    fn give(slots: &Arc<Self>, blocks: Vec<Block>) {
        let mut slot = Slot { slots: Arc::clone(slots), blocks: Some(blocks) };
        loop {
            let next = {
                let mut state = slots.state.lock();
                match state.next() {
                    Some(next) => next,
                    None => return state.free.extend(slot.blocks.take()),
                }
            };
            match next.send(slot) {
                Ok(()) => return,
                // It does not wait any more.
                Err(unused) => slot = unused,
            }
        }
    }
}

impl FreeAndWaiting {
    fn queue(&mut self, party: &Party) -> &mut Queue {
        match party {
            Party::Known(_) => &mut self.known,
            Party::Network(_) => &mut self.networks,
        }
    }

    fn next(&mut self) -> Option<Waiter> {
        self.turn = self.turn.wrapping_add(1);
        let (first, second) = match self.turn % TURNS {
            0 => (&mut self.networks, &mut self.known),
            _ => (&mut self.known, &mut self.networks),
        };
        first.pop().or_else(|| second.pop())
    }
}

impl Queue {
    fn push(&mut self, party: Party, max: usize) -> Result<oneshot::Receiver<Slot>, Full> {
        if self.len >= max {
            self.make_room(&party, max)?;
        }
        let (sender, receiver) = oneshot::channel();
        match self.parties.iter_mut().find(|(other, _)| *other == party) {
            Some((_, waiters)) => waiters.push_back(sender),
            None => self.parties.push_back((party, VecDeque::from([sender]))),
        }
        self.len += 1;
        Ok(receiver)
    }

    /// Forgets those that wait no more; then the party with the most waiters loses its last one, if `party` has fewer.
    fn make_room(&mut self, party: &Party, max: usize) -> Result<(), Full> {
        self.parties.iter_mut().for_each(|(_, waiters)| waiters.retain(|w| !w.is_closed()));
        self.parties.retain(|(_, waiters)| !waiters.is_empty());
        self.len = self.parties.iter().map(|(_, waiters)| waiters.len()).sum();
        if self.len < max {
            return Ok(());
        }
        let own = self.parties.iter().find(|(other, _)| other == party);
        let own = own.map_or(0, |(_, waiters)| waiters.len());
        let most = self.parties.iter_mut().max_by_key(|(_, waiters)| waiters.len()).ok_or(Full)?;
        if most.1.len() <= own + 1 {
            return Err(Full);
        }
        most.1.pop_back();
        self.len -= 1;
        Ok(())
    }

    fn pop(&mut self) -> Option<Waiter> {
        let (party, mut waiters) = self.parties.pop_front()?;
        let next = waiters.pop_front();
        self.len -= usize::from(next.is_some());
        if !waiters.is_empty() {
            self.parties.push_back((party, waiters));
        }
        next
    }
}

impl Slot {
    /// Its memory, as much as a hash needs. A hash that needs more than the slot has, because it was made with other settings, gets it
    /// until the slot is given on.
    pub(super) fn blocks(&mut self, count: usize) -> &mut [Block] {
        let blocks = self.blocks.get_or_insert_default();
        blocks.reserve_exact(ADDRESSES.saturating_sub(blocks.len()));
        if blocks.len() < count {
            blocks.resize(count, Block::default());
        }
        blocks.get_mut(..count).unwrap_or_default()
    }

    /// Gives back what a slot does not usually need.
    pub(super) fn shrink(&mut self, count: usize) {
        if self.blocks.as_ref().is_some_and(|blocks| blocks.len() > count) {
            self.blocks = Some(Vec::new());
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some(blocks) = self.blocks.take() {
            Slots::give(&self.slots, blocks);
        }
    }
}

#[cfg(test)]
mod tests;
