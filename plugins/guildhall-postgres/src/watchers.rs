//! [`Watchers`]: who watches leases or records. Each gets a full read, then the changes after it.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::mpsc;

use crate::ear::Listener;
use crate::letter::Letter;

/// The watchers of one channel.
pub(crate) struct Watchers<C> {
    board: Mutex<Board<C>>,
    /// Reads a change, and the id that prefixes are compared with.
    read: fn(&str) -> Option<(String, C)>,
    buffer: usize,
}

struct Board<C> {
    next: u64,
    watchers: Vec<Watcher<C>>,
}

struct Watcher<C> {
    number: u64,
    prefix: String,
    phase: Phase<C>,
}

enum Phase<C> {
    /// The full read is under way: what comes meanwhile may be in it.
    Reading(Vec<(u64, C)>),
    /// It had all changes up to this one.
    Live(u64, mpsc::Sender<C>),
}

/// A watcher whose full read is under way.
pub(crate) struct Joined<C> {
    of: Arc<Watchers<C>>,
    number: u64,
}

impl<C: Clone + Send + 'static> Watchers<C> {
    pub(crate) fn new(buffer: usize, read: fn(&str) -> Option<(String, C)>) -> Arc<Self> {
        let board = Mutex::new(Board { next: 0, watchers: Vec::new() });
        Arc::new(Self { board, read, buffer })
    }

    /// Begins to keep changes for a watcher.
    pub(crate) fn join(self: &Arc<Self>, prefix: &str) -> Joined<C> {
        let mut board = self.board.lock();
        let number = board.next;
        board.next += 1;
        let phase = Phase::Reading(Vec::new());
        board.watchers.push(Watcher { number, prefix: prefix.to_owned(), phase });
        Joined { of: Arc::clone(self), number }
    }
}

impl<C: Clone> Joined<C> {
    /// Gives the watcher what was read, which has all changes up to `seq`, and then the later ones. `None`: the connection broke
    /// meanwhile, or too much has changed.
    pub(crate) fn begin(self, seq: u64, snapshot: Vec<C>) -> Option<mpsc::Receiver<C>> {
        let mut board = self.of.board.lock();
        let watcher = board.watchers.iter_mut().find(|watcher| watcher.number == self.number)?;
        let (changes, watch) = mpsc::channel(snapshot.len() + self.of.buffer);
        let phase = std::mem::replace(&mut watcher.phase, Phase::Live(seq, changes.clone()));
        let Phase::Reading(meanwhile) = phase else { return None };
        let meanwhile = meanwhile.into_iter().filter(|(at, _)| *at > seq).map(|(_, change)| change);
        for change in snapshot.into_iter().chain(meanwhile) {
            // It fits: `heard` keeps no more than the buffer, and the receiver is here.
            drop(changes.try_send(change));
        }
        Some(watch)
    }
}

impl<C> Drop for Joined<C> {
    fn drop(&mut self) {
        let mut board = self.of.board.lock();
        let reading = |phase: &Phase<C>| matches!(phase, Phase::Reading(_));
        board.watchers.retain(|it| it.number != self.number || !reading(&it.phase));
    }
}

impl<C: Clone + Send + 'static> Listener for Watchers<C> {
    fn heard(&self, letter: &Letter, _settled: u64) {
        let Some((id, change)) = (self.read)(&letter.text) else {
            tracing::debug!(text = %letter.text.escape_debug(), "notification that is none of ours");
            return;
        };
        let goes_on = |watcher: &mut Watcher<C>| match &mut watcher.phase {
            _ if !id.starts_with(&watcher.prefix) => true,
            Phase::Reading(meanwhile) => {
                meanwhile.push((letter.seq, change.clone()));
                meanwhile.len() < self.buffer
            }
            Phase::Live(after, _) if letter.seq <= *after => true,
            // A watcher whose buffer is full loses its stream, and so learns that it must start over.
            Phase::Live(_, changes) => changes.try_send(change.clone()).is_ok(),
        };
        self.board.lock().watchers.retain_mut(goes_on);
    }

    fn lost(&self, _settled: u64) {
        self.board.lock().watchers.clear();
    }
}
