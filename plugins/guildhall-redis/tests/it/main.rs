//! Redis through the public interface, against a real server.

#![allow(clippy::unwrap_used, reason = "a test says what it expects")]

mod server;
mod ground;
mod contract;
mod faulty;
mod many;
mod alike;
mod shared;
mod kept;
mod states;
mod tls;
