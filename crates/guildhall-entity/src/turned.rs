//! [`Turned`]: what a turn has changed in a state, for the checks at its end.

use crate::column::size_of;
use crate::entity::Entity;

/// What a turn has changed, as its end wants to know it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Turned {
    /// Bytes of all columns of all rows.
    pub size: usize,
    /// A unique column has another value than before the turn.
    pub unique: bool,
    /// Table and number of a column that could be written and not read again: its messages are nested too deep.
    pub too_deep: Option<(&'static str, u32)>,
}

impl Turned {
    /// Of an entity that no actor owns, all of it: it has no turns.
    pub fn of<E: Entity>(entity: &mut E) -> Self {
        let mut columns = Vec::with_capacity(E::TABLE.columns.len());
        entity.columns(u128::MAX, &mut columns);
        let too_deep = entity.too_deep(u128::MAX);
        Self {
            size: columns.iter().map(|(_, value)| size_of(value)).sum(),
            unique: false,
            too_deep: too_deep.map(|number| (E::TABLE.name, number)),
        }
    }

    /// Of two rows.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            size: self.size.saturating_add(other.size),
            unique: self.unique || other.unique,
            too_deep: self.too_deep.or(other.too_deep),
        }
    }
}
