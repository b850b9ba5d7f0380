//! The store on MongoDB, through its public interface, against a server that speaks its protocol.

#![allow(clippy::unwrap_used, reason = "a test says what it expects")]

mod ground;
mod contract;
mod faulty;
mod at_once;
mod columns;
mod server;
