//! [`Arrivals`]: dispatches what arrives on the links of an app.

use std::sync::Arc;

use guildhall_core::AppId;
use guildhall_core::env::ConnIo;
use guildhall_link::{Arrival, Dispatch, HandlerFuture, ReplyPort};

use super::stream;
use crate::call::Core;
use crate::call::arrive;

/// Begins the calls that arrive at an app.
pub(crate) struct Arrivals(pub(crate) Arc<Core>);

impl Dispatch for Arrivals {
    fn dispatch(&self, arrival: Arrival<'_>, reply: ReplyPort) -> Option<HandlerFuture> {
        arrive::begin(&self.0, arrival, reply)
    }

    fn lost(&self, caller: &AppId) {
        self.0.mesh.probe(caller);
    }

    async fn serve_streams(&self, io: ConnIo, caller: AppId) {
        stream::serve(Arc::clone(&self.0), io, caller).await;
    }
}
