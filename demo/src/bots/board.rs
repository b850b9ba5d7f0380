//! The bots' shared knowledge of clubs, and of chat lines that are still expected.

use std::collections::{BTreeMap, BTreeSet};

use guildhall::env::Instant;
use parking_lot::Mutex;

/// Shared by all bots.
#[derive(Debug, Default)]
pub(super) struct Board(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// Clubs that bots have made, and that nobody has begun to end.
    open: BTreeSet<u64>,
    /// Somebody has begun to end them: their members may be free at any moment, or long since.
    ending: BTreeSet<u64>,
    /// By player and text: what is missing at one of both ends.
    lines: BTreeMap<(String, String), Line>,
    /// Lines of which nobody knows whom they were sent to: their call was not answered.
    unanswered: BTreeSet<String>,
    /// Since when players listen, where that is not from the beginning; `None`: they do not now.
    back: BTreeMap<String, Option<Instant>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    /// The club has said to whom it sends, and that one has not heard it yet.
    Sent,
    /// It was heard before that.
    Heard,
}

impl Board {
    pub(super) fn open(&self, club: u64) {
        let mut inner = self.0.lock();
        if !inner.ending.contains(&club) {
            inner.open.insert(club);
        }
    }

    /// To be said before the club is asked to end.
    pub(super) fn ending(&self, club: u64) {
        let mut inner = self.0.lock();
        inner.open.remove(&club);
        inner.ending.insert(club);
    }

    /// It was not ended after all.
    pub(super) fn stays(&self, club: u64) {
        let mut inner = self.0.lock();
        inner.ending.remove(&club);
        inner.open.insert(club);
    }

    pub(super) fn is_ending(&self, club: u64) -> bool {
        self.0.lock().ending.contains(&club)
    }

    pub(super) fn clubs(&self) -> Vec<u64> {
        self.0.lock().open.iter().copied().collect()
    }

    /// A call that began at `begun` has sent `text` to these.
    pub(super) fn sent(&self, text: &str, heard_by: &[String], begun: Instant) {
        let mut inner = self.0.lock();
        for player in heard_by {
            let is_there = match inner.back.get(player) {
                None => true,
                Some(back) => back.is_some_and(|back| back < begun),
            };
            if is_there {
                inner.note(player, text, Line::Sent);
            }
        }
    }

    pub(super) fn unanswered(&self, text: &str) {
        self.0.lock().unanswered.insert(text.to_owned());
    }

    pub(super) fn heard(&self, player: &str, text: &str) {
        self.0.lock().note(player, text, Line::Heard);
    }

    /// Its connection is gone: it misses what is said from now on, and perhaps what was said just now.
    pub(super) fn lost(&self, player: &str) {
        let mut inner = self.0.lock();
        inner.back.insert(player.to_owned(), None);
        inner.lines.retain(|(of, _), _| of != player);
    }

    pub(super) fn back(&self, player: &str, now: Instant) {
        self.0.lock().back.insert(player.to_owned(), Some(now));
    }

    /// What the player was sent and has not heard.
    pub(super) fn missing(&self, player: &str) -> usize {
        let inner = self.0.lock();
        let is_missing =
            |((of, _), line): &(&(String, String), &Line)| of == player && **line == Line::Sent;
        inner.lines.iter().filter(is_missing).count()
    }

    /// What is wrong at the end, when everybody has had time to hear.
    pub(super) fn wrong(&self) -> Vec<String> {
        let inner = self.0.lock();
        let unexplained = |((_, text), line): &(&(String, String), &Line)| {
            **line == Line::Sent || !inner.unanswered.contains(text)
        };
        let told = |((player, text), line): (&(String, String), &Line)| match line {
            Line::Sent => format!("{player} never heard `{text}` of its club"),
            Line::Heard => format!("{player} heard `{text}`, which its club did not send it"),
        };
        inner.lines.iter().filter(unexplained).map(told).collect()
    }
}

impl Inner {
    /// What is noted at both ends is done.
    fn note(&mut self, player: &str, text: &str, line: Line) {
        let key = (player.to_owned(), text.to_owned());
        match self.lines.get(&key) {
            Some(other) if *other != line => {
                self.lines.remove(&key);
            }
            _ => {
                self.lines.insert(key, line);
            }
        }
    }
}
