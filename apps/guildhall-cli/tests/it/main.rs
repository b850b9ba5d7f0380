//! The program as people run it, against apps that run.

#![allow(clippy::unwrap_used, reason = "in a test, a panic is the report")]
#![allow(clippy::disallowed_methods, reason = "tests run programs, and wait for them")]

mod calls;
mod clusters;
mod drains;
mod hubs;
mod lists;
mod program;
mod projects;
mod rolling;
mod stores;
mod through_a_gate;
mod views;
mod world;
