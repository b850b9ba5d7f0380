//! The embedded store: entities in one redb file beside the program, with nothing to install.
//!
//! ```no_run
//! # async fn open() -> Result<(), guildhall_core::BackendError> {
//! use guildhall_core::{Env, Plugin as _};
//! let backend = guildhall_redb::Redb.open(&Env::real(), "redb:./data").await?;
//! assert!(backend.store.is_some());
//! # Ok(())
//! # }
//! ```

mod client;
mod config;
mod row;
mod store;
mod writer;

use std::sync::Arc;

use guildhall_core::{Backend, BackendError, BoxFuture, Env, Plugin};

pub use config::Settings;
pub use store::RedbStore;

/// Opens `redb:./data`: a directory, which is made, with one file in it.
///
/// One process has the file at a time. Settings are appended as `?cache_mb=64&queue=16384&group=256`; see [`Settings`].
#[derive(Clone, Copy, Debug)]
pub struct Redb;

impl Plugin for Redb {
    fn schemes(&self) -> &'static [&'static str] {
        &["redb"]
    }

    fn open<'a>(
        &'a self,
        env: &'a Env,
        url: &'a str,
    ) -> BoxFuture<'a, Result<Backend, BackendError>> {
        Box::pin(async move {
            let wrong = |message| BackendError { url: url.to_owned(), message };
            let settings = Settings::parse(url).map_err(wrong)?;
            let store = RedbStore::open(env, settings).await.map_err(|e| wrong(e.to_string()))?;
            Ok(Backend { store: Some(Arc::new(store)), ..Backend::default() })
        })
    }
}
