//! Unique ids, which each app reserves in the store in blocks.

use std::ops::Range;

use guildhall_core::status::reason;
use guildhall_core::{Code, Effect, StartError, Status};
use parking_lot::Mutex;

use crate::call::Cx;
use crate::config::StoreConfig;
use crate::proto::IdStateEntity;

/// The row of all ids.
const NAME: &str = "all";

/// Ids fit signed and unsigned fields.
const LARGEST: u64 = i64::MAX.unsigned_abs();

/// The ids that this app has taken and not given yet.
#[derive(Debug)]
pub(crate) struct Ids {
    block: u64,
    left: Mutex<Range<u64>>,
    /// Held by the task that takes the next block.
    taking: tokio::sync::Mutex<()>,
}

impl Ids {
    pub(crate) fn new(config: &StoreConfig) -> Result<Self, StartError> {
        match config.id_block {
            0 => Err(StartError::setting(
                "store.id_block",
                "store.id_block is 0; it must be at least 1",
            )),
            block => {
                Ok(Self { block, left: Mutex::new(0..0), taking: tokio::sync::Mutex::default() })
            }
        }
    }

    fn next(&self) -> Option<u64> {
        self.left.lock().next()
    }
}

impl Cx {
    /// Returns an id that no app with this store has got or will get: from 1 to 2^63 - 1, each larger than the previous ones of this
    /// app.
    ///
    /// Needs `App::ids`. One call in `store.id_block` waits for the store; a restart skips the rest of a block.
    ///
    /// # Errors
    /// The store does not answer in time, and no reserved id was left.
    ///
    /// # Cancel safety
    /// Dropping the future skips at most one block of ids.
    pub async fn next_id(&self) -> Result<u64, Status> {
        let ids = self.core.part::<Ids>();
        if let Some(id) = ids.next() {
            return Ok(id);
        }
        let taking = self.core.env.until(self.limit(), ids.taking.lock()).await;
        let _one_at_a_time = taking.ok_or_else(|| {
            let why = "the store has not given ids in time";
            Status::not_run(Code::DeadlineExceeded, reason::EXPIRED, why)
        })?;
        if let Some(id) = ids.next() {
            return Ok(id);
        }
        let taken = self.table::<IdStateEntity>().change(NAME, |row| {
            let before = row.taken;
            let taken = before.checked_add(ids.block).filter(|taken| *taken <= LARGEST);
            row.set_taken(taken.ok_or_else(|| {
                let why =
                    format!("{before} ids are taken, there is no block of {} left", ids.block);
                Status::new(Code::ResourceExhausted, why).with_effect(Effect::NotRun)
            })?);
            Ok(before)
        });
        let first = taken.await? + 1;
        *ids.left.lock() = first + 1..first + ids.block;
        Ok(first)
    }
}
