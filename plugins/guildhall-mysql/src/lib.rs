//! The store on MariaDB and MySQL: an SQL table per entity with native columns, fenced writes, indexes and unique values.
//!
//! ```no_run
//! # async fn open() -> Result<(), guildhall_core::BackendError> {
//! use guildhall_core::{Config, Env, Opening, Plugin as _};
//! let (env, config) = (Env::real(), Config::builder().build().unwrap());
//! let (id, url) = ("dev.w1.role.1".parse().unwrap(), "mysql://game:secret@127.0.0.1/game");
//! let opening = Opening { env: &env, config: &config, id: &id, url };
//! let backend = guildhall_mysql::MySql.open(opening).await?;
//! assert!(backend.store.is_some());
//! # Ok(())
//! # }
//! ```
//!
//! README.md beside this crate says what it guarantees.

mod config;
mod fault;
mod sql;
mod reply;
mod dialect;
mod connections;
mod session;
mod client;
mod tables;
mod store;

use std::sync::Arc;

use guildhall_core::{Backend, BackendError, BoxFuture, Opening, Plugin};

use client::Client;
pub use config::Settings;
pub use dialect::MySqlDialect;
pub use store::MySqlStore;

/// The plugin for `mysql://user:password@host/database`; see [`Settings`] for what the URL may say.
///
/// The server need not be there yet: the store connects at its first request.
#[derive(Clone, Copy, Debug)]
pub struct MySql;

impl Plugin for MySql {
    fn schemes(&self) -> &'static [&'static str] {
        &["mysql", "mariadb"]
    }

    fn open<'a>(&'a self, opening: Opening<'a>) -> BoxFuture<'a, Result<Backend, BackendError>> {
        Box::pin(async move {
            let settings = Settings::parse(opening.url).map_err(|why| opening.error(why))?;
            let client = Arc::new(Client::new(opening.env, settings));
            let outage = Some(client.outage().clone());
            let store = MySqlStore::of(client);
            Ok(Backend { store: Some(Arc::new(store)), outage, ..Backend::default() })
        })
    }
}
