//! [`Sequence`] numbers what is published, and [`Gaps`] finds what is missing: what RabbitMQ drops it tells nobody.

use std::collections::BTreeMap;

/// Topics of one publisher, and publishers of one subscription, that are remembered.
const KNOWN_MAX: usize = 65_536;

/// The numbers of a connection that publishes.
pub(crate) struct Sequence {
    publisher: u64,
    next: BTreeMap<String, u64>,
}

/// The last number of each publisher.
#[derive(Default)]
pub(crate) struct Gaps(BTreeMap<u64, u64>);

impl Sequence {
    /// Of a publisher that nobody else is.
    pub(crate) fn new(publisher: u64) -> Self {
        Self { publisher, next: BTreeMap::new() }
    }

    /// The id of the next message of `topic`.
    pub(crate) fn next(&mut self, topic: &str) -> String {
        if let Some(next) = self.next.get_mut(topic) {
            *next += 1;
            return id(self.publisher, *next);
        }
        if self.next.len() >= KNOWN_MAX {
            // Another publisher from now on: a gap over this moment is not seen.
            self.next.clear();
            self.publisher = self.publisher.wrapping_add(1);
        }
        self.next.insert(topic.to_owned(), 0);
        id(self.publisher, 0)
    }
}

impl Gaps {
    /// How many messages are missing before the one with this id. Ids of others mean nothing.
    pub(crate) fn before(&mut self, id: &str) -> u64 {
        let parts = id.split_once('.');
        let parsed = parts.and_then(|(publisher, number)| {
            Some((u64::from_str_radix(publisher, 16).ok()?, number.parse::<u64>().ok()?))
        });
        let Some((publisher, number)) = parsed else { return 0 };
        if self.0.len() >= KNOWN_MAX && !self.0.contains_key(&publisher) {
            self.0.clear();
        }
        let Some(last) = self.0.insert(publisher, number) else { return 0 };
        // No number is believed so far that a few of them overflow a count.
        number.saturating_sub(last).saturating_sub(1).min(u64::from(u32::MAX))
    }
}

fn id(publisher: u64, number: u64) -> String {
    format!("{publisher:x}.{number}")
}

#[cfg(test)]
mod tests {
    use super::{Gaps, KNOWN_MAX, Sequence};

    #[test]
    fn what_is_missing_between_two_messages_of_a_topic_is_counted() {
        let (mut one, mut other, mut gaps) =
            (Sequence::new(1), Sequence::new(u64::MAX), Gaps::default());
        let ids: Vec<String> = (0..5).map(|_| one.next("a")).collect();
        assert_eq!(gaps.before(&ids[0]), 0);
        assert_eq!(gaps.before(&other.next("a")), 0);
        assert_eq!(gaps.before(&ids[3]), 2);
        assert_eq!(gaps.before(&other.next("a")), 0);
        assert_eq!(gaps.before(&ids[4]), 0);
    }

    #[test]
    fn ids_of_others_count_nothing_and_overflow_nothing() {
        let mut gaps = Gaps::default();
        for id in ["", ".", "1.", "x.1", "1.-1", "1.99999999999999999999", "-1.1", "1.0.0"] {
            assert_eq!(gaps.before(id), 0, "{id}");
        }
        assert_eq!(gaps.before("1.5"), 0);
        assert_eq!(gaps.before("1.18446744073709551615"), u64::from(u32::MAX));
        assert_eq!(gaps.before("1.0"), 0, "it goes back");
    }

    #[test]
    fn more_topics_than_are_remembered_count_nothing_as_lost() {
        let (mut sequence, mut gaps) = (Sequence::new(7), Gaps::default());
        assert_eq!(gaps.before(&sequence.next("a")), 0);
        for n in 0..=KNOWN_MAX {
            sequence.next(&n.to_string());
        }
        assert_eq!(gaps.before(&sequence.next("a")), 0);
        assert!(sequence.next.len() <= KNOWN_MAX);
    }
}
