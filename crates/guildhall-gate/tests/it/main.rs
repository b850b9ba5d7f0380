//! Facts about gates, seen by clients over real sockets on loopback.
#![allow(clippy::unwrap_used, reason = "a test may stop where it stands")]

mod bad_clients;
mod broadcast;
mod calls;
mod client;
mod clients;
mod drain;
mod forged;
mod json;
mod keys;
mod limits;
mod outside;
mod records;
mod rooms;
mod sessions;
mod start;
mod tls;
mod world;
