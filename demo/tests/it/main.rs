//! The demo, through its own protocols: calls between apps, HTTP, gates, and the program itself.

#![allow(clippy::unwrap_used, reason = "in a test, a panic is the report")]
#![allow(clippy::disallowed_methods, reason = "tests run programs, and wait for them")]

mod attacks;
mod clocks;
mod clubs;
mod deploy;
mod forged;
mod full;
mod game;
mod ids;
mod logins;
mod moves;
mod parts;
mod presence;
mod processes;
mod program;
mod residents;
mod roles;
mod told;
mod town;
mod wallets;
