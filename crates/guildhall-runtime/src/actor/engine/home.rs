//! [`Home`]: the app of the actors of a type. They share one reference to it, which ends with the last of them.

use std::sync::{Arc, Weak};

use guildhall_core::env::Instant;
use parking_lot::Mutex;

use super::part::ActorPart;
use crate::call::Core;

/// The app of actors.
pub(crate) struct Home {
    pub(crate) core: Arc<Core>,
    pub(crate) part: Arc<ActorPart>,
    /// When the first of the actors came into memory.
    pub(crate) began: Instant,
}

/// The home of all actors of a type. The app keeps the type, and so the type does not keep the app.
#[derive(Default)]
pub(crate) struct Homes(Mutex<Weak<Home>>);

impl Homes {
    /// The home in the app of this core.
    pub(crate) fn of(&self, core: &Arc<Core>) -> Arc<Home> {
        let mut kept = self.0.lock();
        kept.upgrade().unwrap_or_else(|| {
            let (part, began) = (core.shared::<ActorPart>(), core.env.now());
            let home = Arc::new(Home { core: Arc::clone(core), part, began });
            *kept = Arc::downgrade(&home);
            home
        })
    }
}
