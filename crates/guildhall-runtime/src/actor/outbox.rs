//! Durable later work of an actor: outbox messages and reminders. Both are in its row (rule 27).
//!
//! | module | what |
//! |---|---|
//! | `messages` | the messages of one outbox, and how far each has come |
//! | `calendar`, `schedule`, `reminders` | the times of a reminder, and the reminders of one actor |
//! | `later` | both, as they are in the row and as turns of the actor |
//! | `deliver` | sends one message |
//! | `due_rows` | activates actors that are not in memory when their row is due |
//! | `in_turn` | `cx.outbox` and `cx.remind` |

mod messages;
mod calendar;
mod schedule;
mod reminders;
mod later;
mod deliver;
mod due_rows;
mod in_turn;

use guildhall_core::metrics::LiveCount;
use parking_lot::Mutex;

use crate::call::interned::Interned;

pub(super) use deliver::{Sends, deliver, tell};
pub(crate) use due_rows::activate_due_rows;
pub use in_turn::Message;
pub(super) use later::{DoesLater, Later, LaterTurn, wall_ms};
pub use messages::OutboxConfig;
pub(super) use messages::{Answered, Drained, Outgoing, OwnCall, Stage};
pub use schedule::Schedule;

/// What the outboxes of an app share.
pub(crate) struct OutboxPart {
    pub(crate) config: OutboxConfig,
    /// Methods that messages in rows name.
    interned: Mutex<Interned>,
    /// Receivers that are being told that a sender has no message under way.
    tells: LiveCount,
}

impl OutboxPart {
    pub(crate) fn new(config: OutboxConfig) -> Self {
        let interned = Mutex::new(Interned::new(config.methods_max, "outbox.methods_max"));
        Self { config, interned, tells: LiveCount::default() }
    }
}
