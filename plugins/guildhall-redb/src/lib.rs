//! The embedded store: rows in one redb file, for one process.
//!
//! ```no_run
//! # async fn open() -> Result<(), guildhall_core::BackendError> {
//! use guildhall_core::{Config, Env, Opening, Plugin as _};
//! let (env, config) = (Env::real(), Config::builder().build().unwrap());
//! let (id, url) = ("dev.w1.role.1".parse().unwrap(), "redb:./data");
//! let opening = Opening { env: &env, config: &config, id: &id, url };
//! let backend = guildhall_redb::Redb.open(opening).await?;
//! assert!(backend.store.is_some());
//! # Ok(())
//! # }
//! ```

mod config;
mod disk;
mod row;
mod tables;
mod layout;
mod client;
mod writer;
mod store;
mod bulk;

use std::sync::Arc;

use guildhall_core::{Backend, BackendError, BoxFuture, Opening, Plugin};

pub use config::Settings;
pub use store::RedbStore;

/// The plugin for `redb:./data`: a directory, created if missing, with one file.
///
/// Only one process at a time can open the file. Settings are appended as `?cache_mb=64&queue=16384&group=256&readers=4&compact_mb=8`; see [`Settings`].
#[derive(Clone, Copy, Debug)]
pub struct Redb;

impl Plugin for Redb {
    fn schemes(&self) -> &'static [&'static str] {
        &["redb"]
    }

    fn open<'a>(&'a self, opening: Opening<'a>) -> BoxFuture<'a, Result<Backend, BackendError>> {
        Box::pin(async move {
            let settings = Settings::parse(opening.url).map_err(|why| opening.error(why))?;
            let store = RedbStore::open(opening.env, settings).await;
            let store = store.map_err(|error| opening.error(error.to_string()))?;
            Ok(Backend { store: Some(Arc::new(store)), ..Backend::default() })
        })
    }
}
