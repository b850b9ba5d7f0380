//! Servers on loopback, and clients that play by the rules, or do not.

#![allow(clippy::unwrap_used, reason = "in a test, a panic is the report")]
#![allow(clippy::disallowed_methods, reason = "clients are of the machine")]

mod answers;
mod places;
mod sites;
mod slow;
mod world;
