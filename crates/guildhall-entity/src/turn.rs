//! The changes of one turn in an entity, for its rollback.

use bytes::Bytes;

/// The present turn.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    /// Whether turns can be taken back: the entity is an actor's. A row without an owner has no turns.
    pub(crate) is_kept: bool,
    /// Whether the turn has changed anything.
    pub(crate) is_changed: bool,
    /// Of a turn that has.
    pub(crate) before: Before,
}

/// What an entity was before the turn. Generated code keeps the values of the columns.
#[derive(Debug, Default)]
pub(crate) struct Before {
    /// Bits of the columns that the turn has changed.
    pub(crate) columns: u128,
    pub(crate) exists: bool,
    pub(crate) unsaved: u128,
    pub(crate) size: usize,
    /// Of a turn that has deleted it.
    pub(crate) loaded: Option<Vec<(u32, Bytes)>>,
}

impl Turn {
    /// A change begins.
    #[inline]
    pub(crate) fn begin(&mut self, exists: bool, unsaved: u128, size: usize) {
        if self.is_kept && !self.is_changed {
            self.is_changed = true;
            self.before = Before { columns: 0, exists, unsaved, size, loaded: None };
        }
    }

    /// Which of these columns the turn changes for the first time.
    #[inline]
    pub(crate) fn first(&mut self, columns: u128) -> u128 {
        if !self.is_kept {
            return 0;
        }
        let first = columns & !self.before.columns;
        self.before.columns |= columns;
        first
    }

    pub(crate) fn keep_loaded(&mut self, loaded: Vec<(u32, Bytes)>) {
        if self.is_kept {
            self.before.loaded.get_or_insert(loaded);
        }
    }

    /// These columns were on their way to the store, and are not there: before the turn they were not there either.
    pub(crate) fn not_saved(&mut self, columns: u128) {
        if self.is_changed {
            self.before.unsaved |= columns;
        }
    }

    /// The turn has ended; what was before it, if it has changed anything.
    pub(crate) fn end(&mut self) -> Option<Before> {
        let before = std::mem::take(&mut self.before);
        std::mem::take(&mut self.is_changed).then_some(before)
    }
}
