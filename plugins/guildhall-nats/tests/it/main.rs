//! NATS behind the seams, through their public interface, against a real server.

#![allow(clippy::unwrap_used, reason = "a test says what it expects")]

mod server;
mod ground;
mod contract;
mod faults;
mod traps;
mod links;
mod size;
mod log;
mod tls;
mod full;
