//! Components: what runs beside the services of an app, such as a gate or an HTTP server.

use std::sync::Arc;

use guildhall_core::config::Config;
use guildhall_core::{BoxFuture, StartError};

use crate::call::service::Service;
use crate::call::{Cx, Parts};

/// Something that runs beside the services of an app: `App::component`.
pub trait Component: Send + Sync + 'static {
    /// The services that it answers itself.
    fn services(self: Arc<Self>) -> Vec<Arc<dyn Service>> {
        Vec::new()
    }

    /// Adds what the calls of the app find again with [`Cx::part`].
    ///
    /// # Errors
    /// There is a part of that type.
    fn parts(&self, _parts: &mut Parts) -> Result<(), StartError> {
        Ok(())
    }

    /// Reads its section of the configuration and binds its addresses. Components start in the order in which they were added,
    /// before the app is ready; tasks are spawned with [`Cx::env`], so that they end with the app.
    ///
    /// # Errors
    /// What keeps it from running; the app does not start then.
    fn start<'a>(
        self: Arc<Self>,
        config: &'a Config,
        cx: Cx,
    ) -> BoxFuture<'a, Result<(), StartError>>;

    /// The app drains: take nothing new, tell who is connected, answer what runs. Cut off after `app.drain_ms`.
    fn drain(self: Arc<Self>, _cx: Cx) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }
}
