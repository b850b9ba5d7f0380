//! The slots of actor types: residents are kept active, tombstones are removed.

mod residents;
mod sweeper;

pub(crate) use residents::{keep_resident_rows, keep_residents};
pub(crate) use sweeper::{Swept, sweep};
