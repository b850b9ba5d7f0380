//! [`expire`]: the task that removes records of an in-memory backend at their deadlines.

use std::sync::{Arc, Weak};

use tokio::sync::Notify;

use super::{Env, Instant};

/// Records with deadlines.
pub(crate) trait Expires: Send + Sync + 'static {
    /// Removes the records whose deadline is over. Returns the clock and the next deadline, or `None` when nobody watches: then the
    /// task ends, because nobody can see when a record goes.
    fn expire(&self) -> Option<(Env, Option<Instant>)>;
}

/// Removes records until nobody watches or `records` are gone. `changed` wakes it for new deadlines, and at the end.
pub(crate) async fn expire(records: Weak<impl Expires>, changed: Arc<Notify>) {
    while let Some((env, next)) = records.upgrade().and_then(|records| records.expire()) {
        match next {
            Some(deadline) => drop(env.until(deadline, changed.notified()).await),
            None => changed.notified().await,
        }
    }
}
