//! All plugins of backends in one list, so that a program takes what its configuration names: redb and the hub always, and each
//! vendor whose feature is on (`vendors`: all).
//!
//! ```
//! let schemes: Vec<_> = guildhall_backends::all().iter().flat_map(|plugin| plugin.schemes().to_vec()).collect();
//! assert!(schemes.contains(&"redb") && schemes.contains(&"hub"));
//! ```

use std::sync::Arc;

use guildhall_core::Plugin;

/// The plugins, each for `App::plugin`.
pub fn all() -> Vec<Arc<dyn Plugin>> {
    vec![
        Arc::new(guildhall_redb::Redb),
        Arc::new(guildhall_hub::Hub),
        #[cfg(feature = "consul")]
        Arc::new(guildhall_consul::Consul),
        #[cfg(feature = "etcd")]
        Arc::new(guildhall_etcd::Etcd),
        #[cfg(feature = "nats")]
        Arc::new(guildhall_nats::Nats),
        #[cfg(feature = "mongo")]
        Arc::new(guildhall_mongo::Mongo),
        #[cfg(feature = "mysql")]
        Arc::new(guildhall_mysql::MySql),
        #[cfg(feature = "postgres")]
        Arc::new(guildhall_postgres::Postgres),
        #[cfg(feature = "rabbitmq")]
        Arc::new(guildhall_rabbitmq::RabbitMq),
        #[cfg(feature = "redis")]
        Arc::new(guildhall_redis::Redis),
        #[cfg(feature = "zeromq")]
        Arc::new(guildhall_zeromq::ZeroMq),
    ]
}
