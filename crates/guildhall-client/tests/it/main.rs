//! Facts about the client, against a gate that says what the test wants: over real sockets on loopback, or over a network in
//! memory with a clock that does not wait where the fact is about time.
#![allow(clippy::unwrap_used, reason = "a test may stop where it stands")]

mod calls;
mod connecting;
mod events;
mod fake_gate;
mod limits;
mod losing;
mod memory_net;
mod reconnecting;
mod time;
