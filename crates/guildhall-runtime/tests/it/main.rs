//! Facts about calls and links, seen through the public interface over real sockets on loopback.
#![allow(clippy::unwrap_used, reason = "a test may stop where it stands")]

mod actors;
mod calls;
mod cost;
mod entities;
mod exposition;
mod metrics;
mod models;
mod rollback;
mod rooms;
mod streams;
mod tables;
mod tls;
mod views;
mod world;
