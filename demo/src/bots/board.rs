//! The bots' shared knowledge of clubs, and of chat lines that are still expected.

#![allow(clippy::print_stderr, reason = "a command that reports")]

use std::collections::{BTreeMap, BTreeSet};

use guildhall::env::Instant;
use parking_lot::Mutex;

/// Of so many lines one may be lost where processes crash: crashes cost seconds of a run.
const UNHEARD_MAX: usize = 10;

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
    /// How many lines were to be heard.
    sent: usize,
    /// Since when players listen, where that is not from the beginning; `None`: they do not now.
    back: BTreeMap<String, Option<Instant>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    /// The club has said to whom it sends, and that one has not heard it yet.
    Sent,
    /// It was heard before that.
    Heard,
    /// Its connection was lost about then: it may hear it or not.
    May,
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
            inner.sent += usize::from(is_there);
            inner.note(player, text, if is_there { Line::Sent } else { Line::May });
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
        inner.lines.retain(|(of, _), line| of != player || *line != Line::Heard);
        let sent = inner.lines.iter_mut().filter(|((of, _), _)| of == player);
        sent.for_each(|(_, line)| *line = Line::May);
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

    /// What is wrong at the end, when everybody has had time to hear. Lines travel at most once: where processes `crash`, some may be lost,
    /// which is said and is not wrong.
    pub(super) fn wrong(&self, crash: bool) -> Vec<String> {
        let mut inner = self.0.lock();
        let unheard = inner.lines.values().filter(|line| **line == Line::Sent).count();
        if crash && unheard > 0 && unheard * UNHEARD_MAX <= inner.sent {
            eprintln!("unheard: {unheard} of {} lines of clubs", inner.sent);
            inner.lines.retain(|_, line| *line != Line::Sent);
        }
        let unexplained = |((_, text), line): &(&(String, String), &Line)| match line {
            Line::Sent => true,
            Line::Heard => !inner.unanswered.contains(text),
            Line::May => false,
        };
        let told = |((player, text), line): (&(String, String), &Line)| match line {
            Line::Sent | Line::May => format!("{player} never heard `{text}` of its club"),
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use guildhall::env::Env;

    use super::Board;

    /// `heard` of `sent` lines have come.
    fn board(sent: usize, heard: usize) -> Board {
        let (board, now) = (Board::default(), Env::real().now() + Duration::from_secs(1));
        for n in 0..sent {
            board.sent(&format!("line {n}"), &["ann".into()], now);
        }
        for n in 0..heard {
            board.heard("ann", &format!("line {n}"));
        }
        board
    }

    #[test]
    fn of_ten_lines_one_may_be_lost_where_processes_crash_and_none_elsewhere() {
        assert_eq!(board(20, 20).wrong(false), Vec::<String>::new());
        assert_eq!(board(20, 18).wrong(true), Vec::<String>::new());
        assert_eq!(board(20, 18).wrong(false).len(), 2);
        assert_eq!(board(20, 17).wrong(true).len(), 3);
    }

    #[test]
    fn a_line_that_was_sent_while_its_hearer_came_back_may_be_heard_or_not() {
        let now = Env::real().now();
        let (before, after) = (now, now + Duration::from_secs(2));
        for (heard_first, heard_later) in [(true, false), (false, true), (false, false)] {
            let board = Board::default();
            board.lost("ann");
            if heard_first {
                board.heard("ann", "hi");
            }
            board.back("ann", now + Duration::from_secs(1));
            board.sent("hi", &["ann".into()], before);
            if heard_later {
                board.heard("ann", "hi");
            }
            assert_eq!(board.wrong(false), Vec::<String>::new());
            board.sent("later", &["ann".into()], after);
            assert_eq!(board.wrong(false).len(), 1, "from then on it hears all");
        }
    }

    #[test]
    fn a_line_that_was_under_way_when_its_hearer_was_lost_may_be_heard_or_not() {
        let board = board(1, 0);
        board.lost("ann");
        assert_eq!(board.wrong(false), Vec::<String>::new());
        board.heard("ann", "line 0");
        assert_eq!(board.wrong(false), Vec::<String>::new());
        board.heard("ann", "line 0");
        assert_eq!(board.wrong(false).len(), 1, "twice is wrong");
    }

    #[test]
    fn a_line_that_nobody_sent_is_wrong_also_where_processes_crash() {
        let board = board(20, 20);
        board.heard("ann", "never said");
        assert_eq!(board.wrong(true).len(), 1);
    }
}
