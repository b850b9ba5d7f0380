//! A cluster on PostgreSQL, through its public interface, against a real server.

#![allow(clippy::unwrap_used, reason = "a test says what it expects")]

mod ground;
mod group;
mod contract;
mod cluster;
mod faults;
mod faulty;
mod shared;
mod json;
mod tls;
mod values;
