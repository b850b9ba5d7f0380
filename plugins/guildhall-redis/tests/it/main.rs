//! Redis through the public interface, against a real server.

#![allow(clippy::unwrap_used, reason = "a test says what it expects")]

mod server;
mod contract;
mod faulty;
mod many;
