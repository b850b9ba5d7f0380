//! Commands and faults of scenarios, in short forms.

use crate::scenario::{Command, Does, Faults, add, on};

/// A row that is made, deleted, and made again.
pub fn created_and_deleted() -> Vec<Command> {
    vec![add(0), Command { does: Does::Delete, ..add(1) }, add(2)]
}

/// A command that calls the one with the index `call`.
pub const fn calls(key: u8, number: u8, call: u8) -> Command {
    Command { does: Does::Call(call), ..on(key, number) }
}

/// A command that posts the one with the index `message`.
pub const fn posts(key: u8, number: u8, message: u8) -> Command {
    Command { does: Does::Post(message), ..on(key, number) }
}

/// What is called or posted by a command.
pub const fn nested(key: u8) -> Command {
    Command { session: 7, ..on(key, 0) }
}

pub const fn none() -> Faults {
    Faults {
        crash: 0,
        pause: 0,
        cut: 0,
        lapse: 0,
        panic: 0,
        duplicate: 0,
        loss: 0,
        reset: 0,
        restart: 0,
        late: 0,
        abort: 0,
        sweep: 0,
    }
}
