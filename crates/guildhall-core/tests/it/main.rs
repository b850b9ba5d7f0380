//! What the core promises, through its public interface.

#![allow(clippy::unwrap_used, reason = "a test says what it expects")]

mod addresses;
mod config;
mod document;
mod env;
mod fence;
mod keys;
mod lease_session;
mod outage;
mod query;
mod schema;
mod static_list;
