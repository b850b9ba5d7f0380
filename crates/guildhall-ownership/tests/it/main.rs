//! Facts about ownership, seen through its public interface: apps over fakes, a lease backend in memory, and paused time.
#![allow(clippy::unwrap_used, reason = "a test may stop where it stands")]

mod world;
mod early;
mod leases;
mod moves;
mod sessions;
