//! Discovery and leases on Consul, through its public interface, against a real server.

#![allow(clippy::unwrap_used, reason = "a test says what it expects")]

mod ground;
mod contract;
mod faulty;
mod keys;
mod scale;
mod tls;
