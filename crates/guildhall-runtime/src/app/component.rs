//! Components: parts of an app beside its services, such as a gate or an HTTP server.

use std::sync::Arc;

use guildhall_core::config::Config;
use guildhall_core::{BoxFuture, StartError};

use crate::call::service::Service;
use crate::call::{Cx, Parts};

/// A part of an app that runs beside its services, such as a gate or an HTTP server: see `App::component`.
pub trait Component: Send + Sync + 'static {
    /// The services that the component implements.
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

    /// Starts the component before the app is ready: reads its configuration section and binds its addresses. Components start in the
    /// order in which they were added. Spawn tasks with [`Cx::env`], so that they end with the app.
    ///
    /// # Errors
    /// Any error stops the start of the app.
    fn start<'a>(
        self: Arc<Self>,
        config: &'a Config,
        cx: Cx,
    ) -> BoxFuture<'a, Result<(), StartError>>;

    /// Drains the component: accept nothing new, notify clients, answer running requests. Cut off after `app.drain_ms`.
    fn drain(self: Arc<Self>, _cx: Cx) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }
}
