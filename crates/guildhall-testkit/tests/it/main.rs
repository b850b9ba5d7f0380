//! The suites, run for what the core has in memory; and facts about clusters, seen as their tests see them.
#![allow(clippy::unwrap_used, reason = "a test may stop where it stands")]

mod cluster;
mod discovery;
mod faults;
mod game;
mod memory;
mod moves;
mod net;
mod on_demand;
mod outbox;
mod ownership;
mod pause;
mod players;
mod reminders;
mod replay;
mod residents;
mod seen;
mod sim;
mod tombstones;
mod traces;
mod user_leases;
mod world;
