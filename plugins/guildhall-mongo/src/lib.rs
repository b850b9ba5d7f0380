//! The store on MongoDB: a document per row, with the fields of the entity as its own.
//!
//! README.md beside this crate says what it guarantees.

mod config;
mod fault;
mod values;
mod seen;
mod document;
mod ground;
mod client;
mod stale;
mod prepare;
mod read;
mod work;
mod begin;
mod finish;
mod write;
mod store;
mod bulk;

use std::sync::Arc;

use guildhall_core::{Backend, BackendError, BoxFuture, Opening, Plugin};

use client::Client;
pub use config::Settings;
pub use store::MongoStore;

/// The plugin for `mongodb://user:password@host/database`; see [`Settings`] for what the URL may say.
///
/// The server need not be there yet: the store connects at its first request.
#[derive(Clone, Copy, Debug)]
pub struct Mongo;

impl Plugin for Mongo {
    fn schemes(&self) -> &'static [&'static str] {
        &["mongodb"]
    }

    fn open<'a>(&'a self, opening: Opening<'a>) -> BoxFuture<'a, Result<Backend, BackendError>> {
        Box::pin(async move {
            let settings = Settings::parse(opening.url).await.map_err(|why| opening.error(why))?;
            let client = Client::new(opening.env, settings).map_err(|why| opening.error(why))?;
            let outage = Some(client.outage.clone());
            let store = MongoStore::of(client);
            Ok(Backend { store: Some(Arc::new(store)), outage, ..Backend::default() })
        })
    }
}
