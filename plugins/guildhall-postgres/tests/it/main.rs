//! The store on PostgreSQL, through its public interface, against a real server.

#![allow(clippy::unwrap_used, reason = "a test says what it expects")]

mod server;
mod ground;
mod contract;
mod faults;
mod faulty;
mod shared;
mod values;
