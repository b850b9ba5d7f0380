//! The session protocol as a model: clients that are cut off, gates and owners that end, and commands and pushes that must survive it.
//!
//! | rule | |
//! |---|---|
//! | 1 | A resume key is used once; who uses it gets the next one. The key before counts until its client has shown that it has the next |
//! | 2 | A client counts its attempts; an older one than the owner has seen, and the end of another connection, change nothing |
//! | 3 | A command keeps its number. Sent again, it says so; a gate takes one that does not once; records are committed with the effect |
//! | 4 | What was sent again, has no record, and is not durable, is refused: it may have run |
//! | 5 | Pushes have consecutive numbers, and are kept until they are acknowledged |
//! | 6 | A hole is told before the next push, and begins another numbering |
//! | 7 | What a gate had ends with it. A gate whose link to the owner was lost, or that has another owner, asks for the session again, hears no owner of before, and passes on a push only if it follows what it has passed on |
//! | 8 | A login makes earlier keys void, also where its owner was lost meanwhile; a client that was kicked does not come back by itself |
//!
//! What is not here: durations, sizes, several players, commands to other actors than one.

mod faults;
mod world;
mod scenario;
mod steps;
mod clients;
mod gates;
mod owner;
mod model;
mod scenarios;
mod mutations;

pub use mutations::mutations;
pub use scenarios::scenarios;
