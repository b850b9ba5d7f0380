//! The recipes of all vendors, one file each.

mod etcd;
mod mysql;
mod nats;
mod postgres;
mod prometheus;
mod rabbitmq;
mod redis;

use crate::Recipe;

pub use etcd::ETCD;
pub use mysql::MYSQL;
pub use nats::NATS;
pub use postgres::POSTGRES;
pub use prometheus::PROMETHEUS;
pub use rabbitmq::RABBITMQ;
pub use redis::REDIS;

/// All of them.
pub static ALL: &[&Recipe] = &[&ETCD, &MYSQL, &NATS, &POSTGRES, &PROMETHEUS, &RABBITMQ, &REDIS];
