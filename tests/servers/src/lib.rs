//! Real servers for tests of plugins: PostgreSQL, Redis and others, as processes with data of their own, and what may befall them.
//!
//! | for | use |
//! |---|---|
//! | A server of one test, which it may stop, kill and restart | [`Server`] |
//! | A server that tests share which do not disturb it | [`shared`] |
//! | Whether a test can run here | [`is_there`] |
//! | A server with TLS, and what its clients may not take | [`Certificates`], [`has_to_prove_itself`] |
//! | Connections that are cut, slow or silent | [`Proxy`] |
//! | What every seam of every vendor must survive | [`faults!`] |
//!
//! Servers end with the test program, however that ends, and take their folders with them.

#![allow(
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    reason = "in a test, a panic is the report"
)]
#![allow(clippy::disallowed_methods, reason = "runs programs; nothing here is simulated")]

mod recipe;
mod go;
mod recipes;
mod there;
mod user;
mod server;
mod proxy;
mod certificates;
mod faults;

pub use certificates::{Certificates, has_to_prove_itself};
pub use proxy::Proxy;
pub use recipe::{PASSWORD, Recipe};
pub use recipes::{
    ALL, CONSUL, ETCD, ETCD_TODAY, MONGO, MYSQL, NATS, NATS_TODAY, POSTGRES, PROMETHEUS, RABBITMQ,
    REDIS,
};
pub use server::{Server, shared};
pub use there::is_there;

#[doc(hidden)]
pub use faults::{Vendor, broker, discovery, full, leases, names, password, queue, store};
