//! Leases on a key-value store that has compare-and-set and can be followed: what NATS and Consul share.
//!
//! A plugin brings its [`Keys`], and a task that keeps a [`Board`] up to date, to which a [`Picture`] is what the store has; then
//! [`KvLeases`] is its seam.

mod keys;
mod key;
mod value;
mod board;
mod expiry;
mod leases;
mod grants;
mod sessions;

pub use board::Board;
pub use keys::{Entry, Fault, Keys, Picture};
pub use leases::KvLeases;
