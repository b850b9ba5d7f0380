//! Facts about calls and links, seen through the public interface over real sockets on loopback.
#![allow(clippy::unwrap_used, reason = "a test may stop where it stands")]

mod actors;
mod admin;
mod calls;
mod cost;
mod entities;
mod exposition;
mod metrics;
mod models;
mod rooms;
mod streams;
mod tls;
mod world;
