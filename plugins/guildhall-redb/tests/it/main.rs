//! The redb store, through its public interface.

#![allow(clippy::unwrap_used, reason = "a test says what it expects")]

mod contract;
mod file;
mod full;
mod group;
