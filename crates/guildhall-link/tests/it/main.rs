//! Links without an app: two endpoints, and a dispatch that echoes.

#![allow(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod calls;
mod opening;
mod world;
