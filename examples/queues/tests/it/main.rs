//! What each architecture keeps and what it loses, on memory and on real servers.

#![allow(clippy::unwrap_used, reason = "a test says what it expects")]

#[macro_use]
mod ground;
mod everywhere;
mod variants;
mod slow;
