//! Topics and queues between apps without a server, through their public interfaces, over real sockets.

#![allow(clippy::unwrap_used, reason = "a test says what it expects")]
#![allow(
    clippy::disallowed_methods,
    reason = "runs a foreign peer as a program; nothing here is simulated"
)]

mod ground;
mod contract;
mod between;
mod garbage;
mod foreign;
