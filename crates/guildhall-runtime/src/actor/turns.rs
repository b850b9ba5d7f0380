//! The turns of an actor: calls, timers, reminders, ticks, and the end of an activation.
//!
//! | module | what |
//! |---|---|
//! | `guarded` | a panic or the limit ends the activation of the turn, and nothing else |
//! | `end` | the end of a turn, and of an activation |
//! | `own` | turns that no call has begun |
//! | `call` | the turn of a call |
//! | `at_once` | the turn of a call in the poll of its caller |
//! | `work` | the loop of an actor type: one job after the other |

mod guarded;
mod end;
mod own;
mod call;
mod at_once;
mod work;

pub(super) use work::turns;
