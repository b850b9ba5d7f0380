//! [`Cx`]: what a handler is called with and what every call is made from, so that no deadline gets lost.

use std::sync::Arc;
use std::time::Duration;

use guildhall_core::env::Instant;
use guildhall_core::{AppId, Env};

use crate::app::AppInner;

/// The context of a call: its deadline and its caller. Cheap to clone.
///
/// Calls made from it never outlive its deadline: one that is set at the edge bounds the whole tree.
#[derive(Clone)]
pub struct Cx {
    pub(crate) app: Arc<AppInner>,
    pub(crate) deadline: Option<Instant>,
    pub(crate) caller: Option<AppId>,
}

impl Cx {
    /// When the call must have ended; `None` outside calls, where each call gets its own default.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// The same context with an earlier deadline; a later one changes nothing.
    #[must_use]
    pub fn within(&self, limit: Duration) -> Self {
        let limit = self.app.env.now() + limit;
        let deadline = Some(self.deadline.map_or(limit, |deadline| deadline.min(limit)));
        Self { deadline, ..self.clone() }
    }

    /// The app that made the call, as its connection has proven; `None` for a call from within the app.
    pub fn caller(&self) -> Option<&AppId> {
        self.caller.as_ref()
    }

    /// The app this runs in.
    pub fn app_id(&self) -> &AppId {
        &self.app.id
    }

    /// The app's clock, random numbers and tasks.
    pub fn env(&self) -> &Env {
        &self.app.env
    }
}

impl std::fmt::Debug for Cx {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cx")
            .field("app", &self.app.id)
            .field("caller", &self.caller)
            .finish_non_exhaustive()
    }
}
