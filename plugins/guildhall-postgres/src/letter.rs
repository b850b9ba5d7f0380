//! What notifications carry: a text of any length in parts of what one notification takes, with the number of its change.

use std::collections::BTreeMap;

/// PostgreSQL takes 7,999 bytes.
pub(crate) const PAYLOAD_MAX: usize = 7_999;
/// Two numbers and three spaces before each part: `SEQ PART PARTS TEXT`.
const HEAD_MAX: usize = 20 + 2 * 10 + 3;
/// The largest text: a message of a topic in base64, with its topic.
pub(crate) const TEXT_MAX: usize = 2 << 20;

/// A text, and the number of the change that it tells of; 0 for what is not counted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Letter {
    pub(crate) seq: u64,
    pub(crate) text: String,
}

/// The parts of a text, without the number before each. The text is ASCII.
pub(crate) fn parts(text: &str) -> Vec<String> {
    let parts: Vec<_> = text.as_bytes().chunks(PAYLOAD_MAX - HEAD_MAX).collect();
    let count = parts.len().max(1);
    let part = |at: usize| parts.get(at).copied().unwrap_or_default();
    (0..count).map(|at| format!("{at} {count} {}", String::from_utf8_lossy(part(at)))).collect()
}

/// Letters of one connection whose parts come one after the other, as parts of one transaction do. Parts that fit nothing are left out:
/// everybody who has the database may notify.
#[derive(Default)]
pub(crate) struct Letters(BTreeMap<String, Open>);

struct Open {
    letter: Letter,
    next: usize,
    of: usize,
}

impl Letters {
    /// Takes the payload of a notification; the letter when it was its last part.
    pub(crate) fn take(&mut self, channel: &str, payload: &str) -> Option<Letter> {
        let mut words = payload.splitn(4, ' ');
        let (seq, part) = (words.next()?.parse().ok()?, words.next()?.parse::<usize>().ok()?);
        let (of, text) = (words.next()?.parse::<usize>().ok()?, words.next()?);
        let mut open = match self.0.remove(channel) {
            _ if part == 0 => Open { letter: Letter { seq, text: String::new() }, next: 0, of },
            Some(open) if open.next == part && open.of == of && open.letter.seq == seq => open,
            _ => return None,
        };
        if part >= of || open.letter.text.len() + text.len() > TEXT_MAX {
            return None;
        }
        open.letter.text.push_str(text);
        open.next += 1;
        if open.next == open.of {
            return Some(open.letter);
        }
        self.0.insert(channel.to_owned(), open);
        None
    }

    /// Forgets what has come of a channel.
    pub(crate) fn forget(&mut self, channel: &str) {
        self.0.remove(channel);
    }
}

#[cfg(test)]
mod tests;
