//! Discovery and leases on etcd, through their public interface, against a real server.

#![allow(clippy::unwrap_used, reason = "a test says what it expects")]

mod ground;
mod json;
mod fake;
mod contract;
mod faulty;
mod sessions;
mod tls;
mod watches;
mod members;
mod users;
mod space;
mod answers;
mod scale;
mod documents;
