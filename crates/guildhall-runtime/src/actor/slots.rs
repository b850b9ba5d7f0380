//! The slots of actor types: actors come and go with their slot, residents are kept active, tombstones are removed.

mod handover;
mod residents;
mod sweeper;

pub(crate) use residents::{keep_resident_rows, keep_residents};
pub(crate) use sweeper::{Swept, sweep};
