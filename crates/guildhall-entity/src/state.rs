//! The saved state of an actor: nothing, an entity, or several.

use guildhall_core::Key;
use guildhall_core::store::{Row, RowId, Table};

use crate::column::size_of;
use crate::entity::Entity;
use crate::error::LoadError;
use crate::meta::EntityMeta;
use crate::save::{RowChange, begin_save};
use crate::turned::Turned;

/// What an actor keeps in the store: `()`, an entity, or a tuple of two to four entities.
///
/// The runtime hands out one save at a time: `begin_save`, then `saved` or `not_saved`. Between them the state may change;
/// these changes are for the save after.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the state of an actor",
    note = "use `()`, a generated entity, or a tuple of two to four entities"
)]
pub trait ActorState: Sized + Send + 'static {
    /// Whether an actor needs no place for it: only `()` says so.
    const IS_NOTHING: bool = false;

    /// The state without a place and without rows: `Some` where [`ActorState::IS_NOTHING`].
    fn nothing() -> Option<Self> {
        None
    }

    /// Tables of the rows, in the order of [`ActorState::rows`].
    fn tables() -> Vec<&'static Table>;

    /// Rows of the actor with this key.
    fn rows(key: &Key) -> Vec<RowId>;

    /// Builds the state from rows as a claim left them, one for each of [`ActorState::rows`].
    ///
    /// # Errors
    /// A row that does not hold what the proto says, or a wrong number of rows.
    fn load(key: &Key, rows: Vec<Row>) -> Result<Self, LoadError>;

    /// Whether the actor exists: the first entity does. `()` always does.
    fn exists(&self) -> bool;

    /// Whether there is anything to save that is not being saved.
    fn is_dirty(&self) -> bool;

    /// How many rows are being saved.
    fn saving(&self) -> usize;

    /// Takes what is to be saved, one change per row.
    fn begin_save(&mut self) -> Vec<RowChange> {
        self.take_save(false)
    }

    /// As [`ActorState::begin_save`]; with `first` the first row is among them and leads them, whether it has changed or not. One that does not
    /// exist, and is not about to, cannot be.
    fn take_save(&mut self, first: bool) -> Vec<RowChange>;

    /// The changes of the last `begin_save` are in the store; the new versions in the same order.
    fn saved(&mut self, versions: &[u64]);

    /// The rows were claimed again and have these versions now; whether nobody else has claimed or written them since they were
    /// last seen. If not, nothing has changed. No save may be in flight.
    fn claimed_again(&mut self, versions: &[u64]) -> bool;

    /// The changes of the last `begin_save` are not in the store: they will be part of the next one.
    fn not_saved(&mut self);

    /// From now on what a turn changes can be taken back, and each turn ends with [`ActorState::keep_turn`] or [`ActorState::undo_turn`].
    fn begin_turns(&mut self);

    /// Whether the turn has changed anything.
    fn has_turned(&self) -> bool;

    /// What the turn has changed: asked once, at its end.
    fn turned(&mut self) -> Turned;

    /// The turn's changes stay.
    fn keep_turn(&mut self);

    /// The turn's changes are taken back: columns, existence and what is to be saved are as they were before it.
    fn undo_turn(&mut self);
}

impl ActorState for () {
    const IS_NOTHING: bool = true;

    #[inline]
    fn nothing() -> Option<Self> {
        Some(())
    }

    fn tables() -> Vec<&'static Table> {
        Vec::new()
    }

    fn rows(_key: &Key) -> Vec<RowId> {
        Vec::new()
    }

    fn load(_key: &Key, _rows: Vec<Row>) -> Result<Self, LoadError> {
        Ok(())
    }

    fn exists(&self) -> bool {
        true
    }

    fn is_dirty(&self) -> bool {
        false
    }

    fn saving(&self) -> usize {
        0
    }

    fn take_save(&mut self, _first: bool) -> Vec<RowChange> {
        Vec::new()
    }

    fn saved(&mut self, _versions: &[u64]) {}

    fn claimed_again(&mut self, versions: &[u64]) -> bool {
        versions.is_empty()
    }

    fn not_saved(&mut self) {}

    fn begin_turns(&mut self) {}

    #[inline]
    fn has_turned(&self) -> bool {
        false
    }

    fn turned(&mut self) -> Turned {
        Turned::default()
    }

    fn keep_turn(&mut self) {}

    fn undo_turn(&mut self) {}
}

impl<E: Entity> ActorState for E {
    fn tables() -> Vec<&'static Table> {
        vec![E::TABLE]
    }

    fn rows(key: &Key) -> Vec<RowId> {
        vec![RowId { table: E::TABLE, key: key.clone(), sub: None }]
    }

    fn load(key: &Key, rows: Vec<Row>) -> Result<Self, LoadError> {
        let count = rows.len();
        let Ok([row]) = <[Row; 1]>::try_from(rows) else {
            let what = format!("the store answered with {count} rows where one was asked for");
            return Err(LoadError { table: E::TABLE.name, key: key.clone(), what });
        };
        let columns = if row.exists { row.fields } else { Vec::new() };
        let size = columns.iter().map(|(_, value)| size_of(value)).sum();
        let mut meta = EntityMeta::new(key.clone(), row.version, row.exists);
        meta.set_size(size);
        E::load(key, columns, meta)
    }

    fn exists(&self) -> bool {
        self.meta().exists()
    }

    fn is_dirty(&self) -> bool {
        self.meta().is_dirty()
    }

    fn saving(&self) -> usize {
        usize::from(self.meta().is_saving())
    }

    fn take_save(&mut self, first: bool) -> Vec<RowChange> {
        begin_save(self, first).into_iter().collect()
    }

    fn saved(&mut self, versions: &[u64]) {
        debug_assert_eq!(versions.len(), self.saving(), "one version per change of begin_save");
        if let [version] = versions {
            self.meta_mut().saved(*version);
        }
    }

    fn claimed_again(&mut self, versions: &[u64]) -> bool {
        let is_next = matches!(versions, [version] if self.meta().is_next(*version));
        if is_next {
            self.meta_mut().claimed(versions[0]);
        }
        is_next
    }

    fn not_saved(&mut self) {
        self.meta_mut().not_saved();
    }

    fn begin_turns(&mut self) {
        self.meta_mut().begin_turns();
    }

    #[inline]
    fn has_turned(&self) -> bool {
        self.meta().has_turned()
    }

    fn turned(&mut self) -> Turned {
        let of_turn = self.meta().turned();
        let (grown, too_deep) = (self.grown(of_turn), self.too_deep(of_turn));
        self.meta_mut().grow(grown);
        Turned {
            size: self.meta().size(),
            unique: self.has_new_unique(of_turn),
            too_deep: too_deep.map(|number| (E::TABLE.name, number)),
        }
    }

    fn keep_turn(&mut self) {
        if self.meta().has_turned() {
            self.forget_turn();
            self.meta_mut().keep_turn();
        }
    }

    fn undo_turn(&mut self) {
        if self.meta().has_turned() {
            let columns = self.meta_mut().undo_turn();
            self.take_back(columns);
        }
    }
}

macro_rules! tuples {
    ($(($first:ident $($more:ident)*))*) => {$(
        #[allow(non_snake_case, reason = "each part is named like its type")]
        impl<$first: Entity, $($more: Entity),*> ActorState for ($first, $($more),*) {
            fn tables() -> Vec<&'static Table> {
                vec![$first::TABLE, $($more::TABLE),*]
            }

            fn rows(key: &Key) -> Vec<RowId> {
                let row = |table| RowId { table, key: key.clone(), sub: None };
                Self::tables().into_iter().map(row).collect()
            }

            fn load(key: &Key, rows: Vec<Row>) -> Result<Self, LoadError> {
                let mut rows = rows.into_iter();
                let state = (
                    <$first as ActorState>::load(key, rows.by_ref().take(1).collect())?,
                    $(<$more as ActorState>::load(key, rows.by_ref().take(1).collect())?,)*
                );
                Ok(state)
            }

            fn exists(&self) -> bool {
                self.0.meta().exists()
            }

            fn is_dirty(&self) -> bool {
                let ($first, $($more),*) = self;
                $first.is_dirty() $(|| $more.is_dirty())*
            }

            fn saving(&self) -> usize {
                let ($first, $($more),*) = self;
                $first.saving() $(+ $more.saving())*
            }

            fn take_save(&mut self, first: bool) -> Vec<RowChange> {
                let ($first, $($more),*) = self;
                begin_save($first, first).into_iter()$(.chain(begin_save($more, false)))*.collect()
            }

            fn saved(&mut self, versions: &[u64]) {
                let ($first, $($more),*) = self;
                let (mine, versions) = versions.split_at($first.saving().min(versions.len()));
                $first.saved(mine);
                $(
                    let (mine, versions) = versions.split_at($more.saving().min(versions.len()));
                    $more.saved(mine);
                )*
                debug_assert!(versions.is_empty(), "one version per change of begin_save");
            }

            fn claimed_again(&mut self, versions: &[u64]) -> bool {
                let ($first, $($more),*) = self;
                let metas = [$first.meta_mut(), $($more.meta_mut()),*];
                let fits = metas.len() == versions.len();
                let all = fits && metas.iter().zip(versions).all(|(meta, v)| meta.is_next(*v));
                if all {
                    metas.into_iter().zip(versions).for_each(|(meta, v)| meta.claimed(*v));
                }
                all
            }

            fn not_saved(&mut self) {
                let ($first, $($more),*) = self;
                $first.not_saved();
                $($more.not_saved();)*
            }

            fn begin_turns(&mut self) {
                let ($first, $($more),*) = self;
                $first.begin_turns();
                $($more.begin_turns();)*
            }

            fn has_turned(&self) -> bool {
                let ($first, $($more),*) = self;
                $first.has_turned() $(|| $more.has_turned())*
            }

            fn turned(&mut self) -> Turned {
                let ($first, $($more),*) = self;
                $first.turned()$(.and($more.turned()))*
            }

            fn keep_turn(&mut self) {
                let ($first, $($more),*) = self;
                $first.keep_turn();
                $($more.keep_turn();)*
            }

            fn undo_turn(&mut self) {
                let ($first, $($more),*) = self;
                $first.undo_turn();
                $($more.undo_turn();)*
            }
        }
    )*};
}
tuples! { (A B) (A B C) (A B C D) }
