//! The redb store, through its public interface.

#![allow(clippy::unwrap_used, reason = "a test says what it expects")]

mod contract;
mod earlier;
mod file;
mod full;
mod group;
mod space;
