//! The tracking data of an entity: dirty bits, existence, version, size, and the write in flight.

use bytes::Bytes;
use guildhall_core::Key;

use crate::turn::Turn;

/// Dirty bits of an entity, and what the store is known to hold.
#[derive(Debug)]
pub struct EntityMeta {
    key: Key,
    version: u64,
    /// What the store holds, as far as finished writes say.
    stored: bool,
    /// What the game sees.
    exists: bool,
    unsaved: u128,
    /// What has changed since the last delta of each view. A view that had none yet has no place here: nobody knows which copies of it
    /// there are.
    unsent: Vec<u128>,
    /// Message columns with fields that this release does not know, as they were loaded.
    loaded: Vec<(u32, Bytes)>,
    saving: Option<Saving>,
    /// Bytes of the columns, as the last turn left them.
    size: usize,
    /// What the present turn changes.
    turn: Turn,
}

/// A write that was handed out by `begin_save` and is neither saved nor failed.
#[derive(Debug)]
struct Saving {
    bits: u128,
    /// What the store holds once it is done.
    stored: bool,
}

impl EntityMeta {
    /// The meta of a row as a claim found it.
    pub fn new(key: Key, version: u64, exists: bool) -> Self {
        Self {
            key,
            version,
            stored: exists,
            exists,
            unsaved: 0,
            unsent: Vec::new(),
            loaded: Vec::new(),
            saving: None,
            size: 0,
            turn: Turn::default(),
        }
    }

    /// The row's key.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// Whether the entity exists for the game; the store may learn it later.
    pub fn exists(&self) -> bool {
        self.exists
    }

    /// Whether the store holds it, as far as finished writes say.
    pub fn is_stored(&self) -> bool {
        self.stored
    }

    /// Notes that the column of this bit changes. A missing entity begins to exist. True when the turn has not changed this column
    /// before: its old value is to be kept until the turn ends.
    #[inline]
    pub fn mark(&mut self, bit: u32) -> bool {
        self.turn.begin(self.exists, self.unsaved, self.size);
        self.create();
        self.unsaved |= 1 << bit;
        self.touch(1 << bit);
        self.turn.first(1 << bit) != 0
    }

    /// Makes the entity exist.
    #[inline]
    pub fn create(&mut self) {
        if !self.exists {
            self.turn.begin(self.exists, self.unsaved, self.size);
            self.exists = true;
            // Where a deleted row is still there, every column has to go back to its default.
            self.unsaved = u128::MAX;
            self.touch(u128::MAX);
        }
    }

    /// Makes the entity missing; generated code resets the fields. Bits of the columns that the turn has not changed before: their
    /// old values are to be kept until the turn ends.
    pub fn delete(&mut self) -> u128 {
        self.turn.begin(self.exists, self.unsaved, self.size);
        self.exists = false;
        self.unsaved = 0;
        self.turn.keep_loaded(std::mem::take(&mut self.loaded));
        self.touch(u128::MAX);
        self.turn.first(u128::MAX)
    }

    /// From now on what a turn changes can be taken back.
    pub(crate) fn begin_turns(&mut self) {
        self.turn.is_kept = true;
    }

    pub(crate) fn set_size(&mut self, size: usize) {
        self.size = size;
    }

    /// Whether the turn has changed anything.
    #[inline]
    pub(crate) fn has_turned(&self) -> bool {
        self.turn.is_changed
    }

    /// Bits of the columns that the turn has changed.
    pub fn turned(&self) -> u128 {
        self.turn.before.columns
    }

    /// The turn has ended, and its changes stay.
    pub fn keep_turn(&mut self) {
        self.turn.end();
    }

    /// The turn has ended, and its changes do not stay: bits of the columns that get their old values back.
    pub fn undo_turn(&mut self) -> u128 {
        let Some(before) = self.turn.end() else { return 0 };
        // A view may have sent what is taken back.
        let bits = if self.exists == before.exists { before.columns } else { u128::MAX };
        (self.exists, self.unsaved, self.size) = (before.exists, before.unsaved, before.size);
        if let Some(loaded) = before.loaded {
            self.loaded = loaded;
        }
        self.touch(bits);
        before.columns
    }

    /// Bytes of the columns.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    pub(crate) fn grow(&mut self, by: isize) {
        self.size = self.size.saturating_add_signed(by);
    }

    pub(crate) fn keep_loaded(&mut self, number: u32, bytes: Bytes) {
        self.loaded.push((number, bytes));
    }

    /// The column as it was loaded, where it has fields that this release does not know.
    pub(crate) fn loaded(&self, number: u32) -> Option<&Bytes> {
        self.loaded.iter().find(|(loaded, _)| *loaded == number).map(|(_, bytes)| bytes)
    }

    #[inline]
    fn touch(&mut self, bits: u128) {
        self.unsent.iter_mut().for_each(|unsent| *unsent |= bits);
    }

    /// Takes the bits of what changed since the last call for this view, as far as they are `of_view`: what those who have the
    /// view have not seen. The first call takes all of the view: what an activation before this one has sent is not known.
    pub fn take_unsent(&mut self, view: usize, of_view: u128) -> u128 {
        if self.unsent.len() <= view {
            self.unsent.resize(view + 1, u128::MAX);
        }
        std::mem::take(&mut self.unsent[view]) & of_view
    }

    /// Whether something is to be saved beyond the write in flight.
    pub(crate) fn is_dirty(&self) -> bool {
        let stored = self.saving.as_ref().map_or(self.stored, |saving| saving.stored);
        self.exists != stored || (self.exists && self.unsaved != 0)
    }

    /// Version of the row, as the store is known to hold it.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// Bits of the columns that no write has taken yet.
    pub(crate) fn unsaved(&self) -> u128 {
        self.unsaved
    }

    /// A write takes all unsaved bits.
    pub(crate) fn begin_write(&mut self) {
        let bits = std::mem::take(&mut self.unsaved);
        self.saving = Some(Saving { bits, stored: self.exists });
    }

    pub(crate) fn is_saving(&self) -> bool {
        self.saving.is_some()
    }

    /// Whether a row of this version was touched once since it was last seen.
    pub(crate) fn is_next(&self, version: u64) -> bool {
        self.saving.is_none() && self.version.checked_add(1) == Some(version)
    }

    pub(crate) fn claimed(&mut self, version: u64) {
        self.version = version;
    }

    pub(crate) fn saved(&mut self, version: u64) {
        if let Some(saving) = self.saving.take() {
            self.stored = saving.stored;
            self.version = version;
        }
    }

    pub(crate) fn not_saved(&mut self) {
        if let Some(saving) = self.saving.take() {
            self.turn.not_saved(saving.bits);
            if self.exists {
                self.unsaved |= saving.bits;
            }
        }
    }
}
