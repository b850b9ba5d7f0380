//! The recipes of all vendors, one file each.

mod consul;
mod etcd;
mod mysql;
mod nats;
mod postgres;
mod prometheus;
mod redis;

use crate::Recipe;

pub use consul::CONSUL;
pub use etcd::{ETCD, ETCD_TODAY};
pub use mysql::MYSQL;
pub use nats::{NATS, NATS_TODAY};
pub use postgres::POSTGRES;
pub use prometheus::PROMETHEUS;
pub use redis::REDIS;

/// All of them that today's Debian has: not `CONSUL`.
pub static ALL: &[&Recipe] = &[&ETCD, &MYSQL, &NATS, &POSTGRES, &PROMETHEUS, &REDIS];
