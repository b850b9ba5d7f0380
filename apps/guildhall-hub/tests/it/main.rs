//! A hub in the test's process, and its clients over real sockets.

#![allow(clippy::unwrap_used, reason = "a test may stop where it stands")]

mod apps;
mod contract;
mod full;
mod process;
mod restart;
mod rows;
mod scale;
mod simulated;
mod start;
mod world;
