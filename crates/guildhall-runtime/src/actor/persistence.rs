//! The rows of an actor: claimed and read at its activation, saved after its turns, claimed again after a suspension.
//!
//! | module | what |
//! |---|---|
//! | `save` | state, records, outbox and reminders in one write, and the result of the write |
//! | `reclaim` | after a suspension: the actor claims its rows again |
//! | `atomic` | the end of a turn: all of its changes stay, or none |
//! | `claim` | the actor claims and reads its rows, if it has any |
//! | `activate` | the actor begins |

mod save;
mod reclaim;
mod atomic;
mod claim;
mod activate;

pub(super) use activate::activate;
pub(super) use atomic::{Settled, end_own_turn, end_turn, rescue, settle};
pub(super) use claim::no_such;
pub(super) use reclaim::{Reclaimed, reclaim};
pub(super) use save::{
    apply_saved, begin_save, close_missing, drop_unsaved, is_dirty, save_to_leave, save_within,
    want_commit,
};
