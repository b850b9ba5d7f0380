//! [`Epochs`]: what is known of the base that is added to revisions.

use crate::proto::KeyValue;

/// The base, and the newest revision that was seen.
#[derive(Debug, Default)]
pub(super) struct Epochs {
    known: Option<Base>,
    newest: i64,
}

/// What is added to a revision, since when.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Base {
    pub(super) base: u64,
    /// Revision that wrote it; 0: nothing has.
    pub(super) revision: i64,
}

impl Base {
    /// Reads it; `None`: it is damaged.
    pub(super) fn of(kept: Option<&KeyValue>) -> Option<Self> {
        let Some(kept) = kept else { return Some(Self::default()) };
        let base = std::str::from_utf8(&kept.value).ok()?.parse().ok()?;
        Some(Self { base, revision: kept.mod_revision })
    }
}

impl Epochs {
    pub(super) fn base(&self) -> Option<Base> {
        self.known
    }

    pub(super) fn set(&mut self, base: Base) {
        self.known = Some(base);
    }

    pub(super) fn note(&mut self, revision: i64) {
        self.newest = self.newest.max(revision);
    }

    /// The base above `base` with which each revision to come is an epoch above `at_least`; `None`: with `base` it is already.
    pub(super) fn raised(&self, base: u64, at_least: u64) -> Option<u64> {
        let newest = u64::try_from(self.newest).unwrap_or_default();
        // Revisions to come are larger than the newest.
        (base.saturating_add(newest) < at_least).then(|| at_least - newest)
    }
}

#[cfg(test)]
mod tests;
