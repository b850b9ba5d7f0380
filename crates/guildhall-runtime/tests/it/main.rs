//! Facts about calls and links, seen through the public interface over real sockets on loopback.
#![allow(clippy::unwrap_used, reason = "a test may stop where it stands")]

mod actors;
mod admin;
mod callbacks;
mod calls;
mod commands;
mod cost;
mod drain;
mod durable;
mod entities;
mod exposition;
mod forged;
mod hooks;
mod keys;
mod limits;
mod lines;
mod loads;
mod metrics;
mod models;
mod names;
mod passed_on;
mod raw_casts;
mod resources;
mod rollback;
mod rooms;
mod routing;
mod streams;
mod switch;
mod tables;
mod timers;
mod tls;
mod topics;
mod town;
mod versions;
mod views;
mod world;
